"""A file that a simulator reads while we write it: a named pipe and the thread that fills it."""

from __future__ import annotations

import contextlib
import fcntl
import os
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

# Linux: a pipe larger than the default 64 KiB saves most of the switches between the two processes.
_SET_PIPE_SIZE = getattr(fcntl, "F_SETPIPE_SZ", None)
_PIPE_BYTES = 1 << 20
_PATIENCE_S = 0.02

Write = Callable[[memoryview], None]


@contextlib.contextmanager
def fed(path: Path, produce: Callable[[Write], None]) -> Iterator[None]:
    """Make `path` a pipe that `produce` fills in a thread while the body runs its reader.

    The thread ends when it has written everything, or when the body is over, whether or not anybody read the pipe.

    Raises:
        whatever `produce` raised, unless the body raised something itself.
    """
    os.mkfifo(path)
    raised: list[BaseException] = []

    def run() -> None:
        try:
            with path.open("wb", buffering=0) as pipe:
                if _SET_PIPE_SIZE is not None:
                    with contextlib.suppress(OSError):
                        fcntl.fcntl(pipe, _SET_PIPE_SIZE, _PIPE_BYTES)
                produce(lambda data: _write_all(pipe.fileno(), data))
        except BrokenPipeError:
            pass  # the reader is gone: its own failure says why
        except BaseException as error:
            raised.append(error)

    thread = threading.Thread(target=run, name="wattloop-feed", daemon=True)
    thread.start()
    try:
        yield
    finally:
        # A reader that never came leaves the thread in open(): this one comes, and goes at once. Again and again,
        # since the thread may not have got there yet.
        while thread.is_alive():
            os.close(os.open(path, os.O_RDONLY | os.O_NONBLOCK))
            thread.join(_PATIENCE_S)
    if raised:
        raise raised[0]


def _write_all(descriptor: int, data: memoryview) -> None:
    rest = data.cast("B")
    while rest:
        rest = rest[os.write(descriptor, rest) :]
