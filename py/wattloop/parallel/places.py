"""Where work can be done: threads, processes of this machine, a Dask cluster, or any executor."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from collections.abc import Iterator
from concurrent.futures import Executor, ProcessPoolExecutor, ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager, nullcontext

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

    def start() -> Executor:
        # Not forked: the engine's threads and torch's would not survive it.
        context = multiprocessing.get_context("spawn")
        return ProcessPoolExecutor(count, mp_context=context, initializer=_begin)

    yield from _closing(Workers(f"{count} processes", start, count=count))


_LOCAL = {"threads": threads, "processes": processes}
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
        ConfigError: Dask is not installed.
        WorkerError: the scheduler cannot be reached.
    """
    try:
        from distributed import Client
        from distributed.scheduler import KilledWorker
    except ImportError:
        raise ConfigError("Dask is not installed: pip install 'wattloop[cluster]'") from None
    try:
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


def _closing(made: Workers) -> Iterator[Workers]:
    try:
        yield made
    finally:
        made.close()


def _begin() -> None:
    """A worker process begins: interrupts are its parent's business, and it does not outlive it."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    threading.Thread(target=_follow, daemon=True).start()


def _follow() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)
