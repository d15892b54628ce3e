"""The content-addressed cache folder, and atomic file writes.

A cache entry is a folder `<root>/<kind>/<key>/`; `key` is the SHA-256 of everything that the entry
depends on. An entry is built in a scratch folder beside its place and renamed into it, so that a
killed run leaves nothing half-written that a later run could read.
"""

from __future__ import annotations

import dataclasses
import errno
import hashlib
import json
import os
import shutil
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

import numpy as np
import platformdirs
from filelock import FileLock

from wattloop.errors import StorageError, WattloopError
from wattloop.logs import LOGGER

Value = TypeVar("Value")


def cache_root() -> Path:
    """Folder of all cached artefacts: `$WATTLOOP_CACHE`, or the platform's user cache folder.

    Raises:
        StorageError: `~user` in it names nobody.
    """
    named = os.environ.get("WATTLOOP_CACHE")
    try:
        return Path(named).expanduser() if named else Path(platformdirs.user_cache_dir("wattloop"))
    except RuntimeError as error:
        raise StorageError(f"WATTLOOP_CACHE={named}: {error} Name a folder that exists or can be made") from error


def _plain(value: object) -> object:
    """`value` as JSON-able data whose text is the same for equal values."""
    if isinstance(value, np.generic):
        value = value.item()
    if value is None or isinstance(value, (str, int, float, bool)):
        return value
    if isinstance(value, Mapping):
        return {str(k): _plain(v) for k, v in sorted(value.items(), key=lambda kv: str(kv[0]))}
    if isinstance(value, (list, tuple)):
        return [_plain(v) for v in value]
    return _tagged(value)


def _tagged(value: object) -> dict[str, object]:
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        keyed = (f.name for f in dataclasses.fields(value) if f.metadata.get("keyed", True))
        fields = {name: _plain(getattr(value, name)) for name in keyed}
        return {"__class__": type(value).__qualname__, **fields}
    if isinstance(value, np.ndarray):
        digest = hashlib.sha256(np.ascontiguousarray(value).tobytes()).hexdigest()
        return {"__array__": digest, "dtype": str(value.dtype), "shape": list(value.shape)}
    if isinstance(value, bytes):
        return {"__bytes__": hashlib.sha256(value).hexdigest()}
    raise TypeError(f"no content key for a {type(value).__name__}")


def content_key(*parts: object) -> str:
    """SHA-256 (first 32 hex digits) of `parts`: dataclasses, arrays, bytes, mappings, scalars.

    A dataclass field with the metadata `keyed` = False is left out: what it decides is among the parts by its content.

    >>> content_key({"a": 1, "b": (2, 3)}) == content_key({"b": [2, 3], "a": 1})
    True
    """
    text = json.dumps(_plain(parts), sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()[:32]


# What the disk or its permissions refuse; any other OSError (a missing input file, say) is not about storage.
_STORAGE_ERRNOS = {
    getattr(errno, name)
    for name in (
        *("EACCES", "EDQUOT", "EEXIST", "EFBIG", "EIO", "EISDIR", "ENAMETOOLONG"),
        *("ENOSPC", "ENOTDIR", "ENOTEMPTY", "EPERM", "EROFS"),
    )
}


@contextmanager
def storage_errors(path: Path) -> Iterator[None]:
    """Turn what the operating system says when `path` cannot be written into a `StorageError`."""
    try:
        yield
    except OSError as error:
        if error.errno not in _STORAGE_ERRNOS:
            raise
        reason = error.strerror or str(error)
        raise StorageError(
            f"cannot write {path}: {reason}; free space or choose another folder (cache: WATTLOOP_CACHE, runs: --out)"
        ) from error


def scratch_beside(path: Path) -> Path:
    """A fresh hidden name in the folder of `path`, from which it can be renamed into place."""
    return path.with_name(f".{path.name}.{uuid.uuid4().hex[:12]}")


def write_atomic(path: Path, data: bytes | str) -> None:
    """Write `data` to `path` so that the file is either the old one or the whole new one.

    Raises:
        StorageError: the folder is not writable or the disk is full; nothing is left behind.
    """
    raw = data.encode() if isinstance(data, str) else data
    with storage_errors(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        scratch = scratch_beside(path)
        try:
            with scratch.open("xb") as file:
                file.write(raw)
                file.flush()
                os.fsync(file.fileno())
            scratch.replace(path)
        except BaseException:
            scratch.unlink(missing_ok=True)
            raise


def write_if_changed(path: Path, text: str) -> None:
    """Like `write_atomic`, but leaves the file (and its time stamp) alone when it already holds `text`."""
    if not (path.is_file() and path.read_bytes() == text.encode()):
        write_atomic(path, text)


# What reading a damaged cache entry ends in: files gone, text cut short, values of the wrong kind.
_DAMAGE = (OSError, ValueError, KeyError, TypeError, WattloopError)


@dataclasses.dataclass(frozen=True)
class Store:
    """Cache entries under one folder; safe for several processes at once."""

    root: Path = dataclasses.field(default_factory=cache_root)

    def entry(self, kind: str, key: str, build: Callable[[Path], None]) -> Path:
        """Folder of the entry, built by `build(scratch_folder)` if it is not there yet.

        Args:
            kind: what sort of artefact ("netlist", "verilated", ...): a sub-folder of the cache.
            key: from `content_key`, over everything that the artefact depends on.
            build: fills the folder it is given; whatever it raises leaves no entry behind.
        """
        place = self.root / kind / key
        if place.is_dir():
            LOGGER.debug("from the cache: %s/%s", kind, key)
            return place
        with storage_errors(place):
            place.parent.mkdir(parents=True, exist_ok=True)
            lock = FileLock(str(place.parent / f".{key}.lock"))
            lock.acquire()
        try:
            if not place.is_dir():
                LOGGER.debug("building the cache entry %s/%s", kind, key)
                self._build(place, build)
        finally:
            lock.release()
        return place

    def holds(self, kind: str, key: str) -> bool:
        """Whether an entry is there (it may still turn out to be damaged)."""
        return (self.root / kind / key).is_dir()

    def load(self, kind: str, key: str, build: Callable[[Path], None], read: Callable[[Path], Value]) -> Value:
        """What `read` makes of the entry's folder; an entry that it cannot read is thrown away and built anew, once.

        Raises:
            StorageError: the entry cannot be read even when it is fresh.
        """
        folder = self.entry(kind, key, build)
        try:
            return read(folder)
        except _DAMAGE as error:
            LOGGER.warning("the cache entry %s is damaged (%s): building it anew", folder, error)
            self._discard(folder)
        folder = self.entry(kind, key, build)
        try:
            return read(folder)
        except _DAMAGE as error:
            raise StorageError(f"the cache entry {folder} is damaged: delete it and try again") from error

    def whole(self, kind: str, key: str, read: Callable[[Path], object]) -> bool:
        """Whether an entry is there and `read` can read it; one that it cannot read is thrown away."""
        if not self.holds(kind, key):
            return False
        try:
            read(self.root / kind / key)
        except _DAMAGE:
            self._discard(self.root / kind / key)
            return False
        return True

    @staticmethod
    def _discard(place: Path) -> None:
        with storage_errors(place):
            rubbish = scratch_beside(place)
            try:
                place.replace(rubbish)  # in one step: nobody meets half an entry
            except FileNotFoundError:
                return  # another process was quicker
        shutil.rmtree(rubbish, ignore_errors=True)

    @staticmethod
    def _build(place: Path, build: Callable[[Path], None]) -> None:
        with storage_errors(place):
            scratch = scratch_beside(place)
            scratch.mkdir()
            try:
                build(scratch)
                scratch.replace(place)
            except BaseException:
                shutil.rmtree(scratch, ignore_errors=True)
                raise
