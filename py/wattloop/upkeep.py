"""What the cache folder holds, and how it is emptied without harm to whoever is building in it."""

from __future__ import annotations

import re
import shutil
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from filelock import FileLock, Timeout

from wattloop.errors import ConfigError
from wattloop.store import scratch_beside, storage_errors

_DAY_S = 86400.0
# `store.scratch_beside`: what a build was killed in.
_SCRATCH = re.compile(r"\.(?P<entry>.+)\.[0-9a-f]{12}")


@dataclass(frozen=True)
class Shelf:
    """All entries of one kind.

    Attributes:
        kind: name of the sub-folder.
        entries: how many are whole.
        unfinished: what killed processes left behind, and what is being built now.
        size_bytes: of all of them.
        oldest_days: age of the oldest entry, days since it was built; 0 without entries.
        newest_days: of the newest.
    """

    kind: str
    entries: int
    unfinished: int
    size_bytes: int
    oldest_days: float
    newest_days: float


@dataclass(frozen=True)
class Cleared:
    """What was removed.

    Attributes:
        entries: how many, unfinished ones among them.
        size_bytes: that they took.
        in_use: entries left alone because a process holds their lock.
    """

    entries: int
    size_bytes: int
    in_use: int


def shelves(root: Path) -> list[Shelf]:
    """What lies in the cache folder, by kind; nothing where there is no such folder."""
    return [_shelf(folder) for folder in _kinds(root)]


def clear(root: Path, kinds: Sequence[str] = (), *, older_than_days: float = 0.0, dry_run: bool = False) -> Cleared:
    """Remove entries; each goes in one step, so that nobody meets half of one.

    Args:
        root: the cache folder.
        kinds: names of sub-folders; none for all of them.
        older_than_days: only what was built so long ago or earlier, days.
        dry_run: count and remove nothing.

    Raises:
        ConfigError: a kind that the cache does not hold.
        StorageError: the cache cannot be written.
    """
    there = {folder.name: folder for folder in _kinds(root)}
    if strangers := sorted(set(kinds) - set(there)):
        held = ", ".join(sorted(there)) or "nothing"
        raise ConfigError(f"the cache holds no {', '.join(strangers)}; it holds {held}")
    entries = size_bytes = in_use = 0
    for entry in (entry for kind in kinds or sorted(there) for entry in _contents(there[kind])):
        if _age_days(entry) < older_than_days:
            continue
        with _held(entry) as free:
            if not free:
                in_use += 1
                continue
            size = _size_bytes(entry)
            if not dry_run:
                _remove(entry)
        entries, size_bytes = entries + 1, size_bytes + size
    return Cleared(entries, size_bytes, in_use)


def _kinds(root: Path) -> list[Path]:
    if not root.is_dir():
        return []
    return sorted(path for path in root.iterdir() if path.is_dir() and not path.name.startswith("."))


def _contents(kind: Path) -> list[Path]:
    """Entries and what is unfinished, locks apart."""
    return sorted(path for path in kind.iterdir() if path.suffix != ".lock")


def _shelf(folder: Path) -> Shelf:
    found = _contents(folder)
    whole = [entry for entry in found if not entry.name.startswith(".")]
    ages = [_age_days(entry) for entry in whole] or [0.0]
    size = sum(map(_size_bytes, found))
    return Shelf(folder.name, len(whole), len(found) - len(whole), size, max(ages), min(ages))


def _age_days(entry: Path) -> float:
    with suppress(FileNotFoundError):  # it went in the meantime
        return max(0.0, time.time() - entry.stat().st_mtime) / _DAY_S
    return 0.0


def _size_bytes(entry: Path) -> int:
    total = 0
    for path in (entry, *entry.rglob("*")):
        with suppress(FileNotFoundError):
            total += path.lstat().st_size if path.is_symlink() or path.is_file() else 0
    return total


def _locks(entry: Path) -> Iterator[Path]:
    """Where those who build or continue an entry hold their lock: `store.Store` and `flow.resumption`."""
    scratch = _SCRATCH.fullmatch(entry.name)
    name = scratch["entry"] if scratch else entry.name
    yield entry.with_name(f".{name}.lock")
    yield entry.with_name(f"{name}.lock")


@contextmanager
def _held(entry: Path) -> Iterator[bool]:
    """Hold the locks of an entry for the block; False if another process has one."""
    with ExitStack() as stack, storage_errors(entry):
        try:
            for path in filter(Path.exists, _locks(entry)):
                stack.enter_context(FileLock(str(path), timeout=0))
        except Timeout:
            yield False
            return
        yield True


def _remove(entry: Path) -> None:
    rubbish = scratch_beside(entry)
    with suppress(FileNotFoundError):  # another process was quicker
        entry.replace(rubbish)
        if rubbish.is_dir() and not rubbish.is_symlink():
            shutil.rmtree(rubbish)
        else:
            rubbish.unlink()
