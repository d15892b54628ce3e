"""Where a compression or a training keeps its progress, so that a killed run goes on when it is started again."""

from __future__ import annotations

import functools
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from wattloop.store import Store, content_key, storage_errors


def resume_folder(store: Store, *inputs: object) -> Path:
    """The folder that belongs to a run with these inputs."""
    return store.root / "resume" / content_key(*inputs)


@functools.cache
def course_key() -> str:
    """Content key of the code that decides: a run must not go on where another version of it stood."""
    package = Path(__file__).resolve().parent.parent
    files = sorted(path for room in ("compression", "nn") for path in (package / room).rglob("*.py"))
    return content_key(*(path.read_bytes() for path in files))


@contextmanager
def resumption(folder: Path, unfinished: Callable[[], bool] = lambda: False) -> Iterator[Path | None]:
    """`folder` for the block, which goes when the block ends well and stays when it does not.

    None while another process runs with the same inputs: it must not lose what it keeps there.

    Args:
        folder: made when needed.
        unfinished: asked when the block has ended well; the folder stays where there is more to do.

    Raises:
        StorageError: the cache cannot be written.
    """
    lock = FileLock(str(folder.with_suffix(".lock")))
    try:
        with storage_errors(folder):
            folder.parent.mkdir(parents=True, exist_ok=True)
            lock.acquire(blocking=False)
    except Timeout:
        yield None
        return
    try:
        yield folder
        if not unfinished():
            shutil.rmtree(folder, ignore_errors=True)
    finally:
        lock.release()
