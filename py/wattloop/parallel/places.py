"""Where work can be done: threads, processes of this machine, a Dask cluster, or any executor."""

from __future__ import annotations

import multiprocessing
import os
import signal
import socket
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, ProcessPoolExecutor, ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager, nullcontext
from multiprocessing.connection import Connection
from urllib.parse import urlsplit

from wattloop.errors import ConfigError, WorkerError
from wattloop.parallel.pool import LOST, SERIAL, Workers
from wattloop.parallel.worker import cores


def workers(kind: str = "serial", count: int = 0, address: str | None = None) -> AbstractContextManager[Workers]:
    """Workers by name.

    Args:
        kind: "serial", "threads", "processes" or "dask".
        count: how many threads or processes, 0 for one a core.
        address: of the scheduler, for "dask".

    Raises:
        ConfigError: unknown kind, or no address.
        WorkerError: the scheduler cannot be reached.
    """
    if kind == "dask":
        if address is None:
            raise ConfigError("dask needs the address of its scheduler, e.g. tcp://127.0.0.1:8786")
        return dask(address)
    if kind == "serial":
        return nullcontext(SERIAL)
    if kind not in _LOCAL:
        raise ConfigError(f"unknown workers {kind!r}; known: {', '.join(KINDS)}")
    return _LOCAL[kind](count)


@contextmanager
def threads(count: int = 0) -> Iterator[Workers]:
    """Threads of this process, 0 for one a core: of use where the work is native code."""
    count = count or cores()
    yield from _closing(Workers(f"{count} threads", lambda: ThreadPoolExecutor(count), count=count, remote=False))


@contextmanager
def processes(count: int = 0) -> Iterator[Workers]:
    """Processes of this machine, 0 for one a core. A pool that broke because one of them died is made anew."""
    count = count or cores()
    # Not forked: the engine's threads and torch's would not survive it.
    context = multiprocessing.get_context("spawn")
    over, lifeline = context.Pipe(duplex=False)

    def start() -> Executor:
        return ProcessPoolExecutor(count, mp_context=context, initializer=_begin, initargs=(over,))

    def interrupt() -> None:
        time.sleep(_FORGETTING_S)
        lifeline.close()

    with over, lifeline:
        yield from _closing(Workers(f"{count} processes", start, count=count), interrupt=interrupt)


_LOCAL = {"threads": threads, "processes": processes}
# What a pool takes to forget cancelled units: one that breaks while it holds some complains.
_FORGETTING_S = 0.2
_SCHEMES = ("tcp", "tls", "ws", "wss", "ucx")
KINDS = ("serial", *_LOCAL, "dask")


@contextmanager
def on(executor: Executor, *, count: int = 0) -> Iterator[Workers]:
    """Any executor of yours; it is not shut down, nor made anew when it breaks.

    Args:
        executor: where units run; functions and arguments must be picklable unless it is a `ThreadPoolExecutor`.
        count: how many units it runs at a time, about; 0 for one a core.
    """
    remote = not isinstance(executor, ThreadPoolExecutor)
    yield Workers(type(executor).__name__, lambda: executor, count=count or cores(), remote=remote, restarts=False)


@contextmanager
def dask(address: str, *, timeout_s: float = 20.0) -> Iterator[Workers]:
    """A Dask cluster; whoever started it keeps it. Workers may come and go.

    Args:
        address: of the scheduler, such as tcp://127.0.0.1:8786.
        timeout_s: how long to wait for it.

    Raises:
        ConfigError: Dask is not installed, or that is no address.
        WorkerError: the scheduler cannot be reached.
    """
    host, port = _checked(address)
    try:
        from distributed import Client
        from distributed.scheduler import KilledWorker
    except ImportError:
        raise ConfigError("Dask is not installed: pip install 'wattloop[cluster]'") from None
    try:
        _await(host, port, timeout_s)
        client = Client(address, timeout=timeout_s, set_as_default=False)
    except (OSError, ValueError) as error:
        raise WorkerError(f"no Dask scheduler answers at {address}: {error}") from error
    with client:
        count = sum(client.nthreads().values()) or 1
        # Not pure: a unit that is handed out again is to be run again.
        executor = client.get_executor(pure=False)
        name = f"Dask at {address}, {count} threads at the start"
        yield Workers(
            name,
            lambda: executor,
            count=count,
            ahead=64,  # a cluster that grows with its work has to see some
            restarts=False,
            other_machines=True,
            lost=(*LOST, KilledWorker),
        )


def _checked(address: str) -> tuple[str, int]:
    """Host and port of a scheduler's address."""
    try:
        parts = urlsplit(address)
        found = parts.scheme, parts.hostname, parts.port
    except ValueError:
        found = "", None, None
    if found[0] not in _SCHEMES or not found[1] or not found[2]:
        raise ConfigError(f"{address!r} is no address of a Dask scheduler; legal: such as tcp://127.0.0.1:8786")
    return found[1], found[2]


def _await(host: str, port: int, timeout_s: float) -> None:
    """Wait until somebody listens there. A client that finds nobody complains on standard error, and lingers."""
    end = time.monotonic() + timeout_s
    while True:
        try:
            socket.create_connection((host, port), timeout=timeout_s).close()
            return
        except socket.gaierror:
            raise
        except OSError:
            if time.monotonic() > end:
                raise
        time.sleep(min(0.2, timeout_s))


def _closing(made: Workers, interrupt: Callable[[], None] = lambda: None) -> Iterator[Workers]:
    try:
        yield made
    except KeyboardInterrupt:
        made.cancel()
        interrupt()
        raise
    finally:
        made.close()


def _begin(over: Connection) -> None:
    """A worker process begins: interrupts are its parent's business, and it does not outlive it."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    threading.Thread(target=_follow, args=(over,), daemon=True).start()


def _follow(over: Connection) -> None:
    """End this process in the middle of its work when the other end of the line closes, or nobody holds it any more."""
    over.poll(None)
    os._exit(1)
