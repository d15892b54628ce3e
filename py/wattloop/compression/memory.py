"""What a campaign has found out, in a folder: a run killed at any moment goes on from there.

Every entry is written atomically and named after what it depends on, so that an entry that is there is whole and right;
one that is damaged counts as none and is made again.
"""

from __future__ import annotations

import hashlib
import io
import json
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from wattloop.errors import StorageError
from wattloop.store import write_atomic

Float = npt.NDArray[np.float64]


def digest_of(state: bytes) -> str:
    """Name of a state: SHA-256, 32 hex digits."""
    return hashlib.sha256(state).hexdigest()[:32]


@dataclass(frozen=True)
class Memory:
    """Records, arrays and states by key, under one folder.

    Attributes:
        folder: made when needed.
    """

    folder: Path

    def recall(self, key: str) -> dict[str, Any] | None:
        """The record kept under `key`."""
        try:
            found = json.loads((self.folder / "records" / f"{key}.json").read_bytes())
        except (OSError, ValueError):
            return None
        return found if isinstance(found, dict) else None

    def keep(self, key: str, record: dict[str, Any]) -> None:
        """Keep a record of JSON values.

        Raises:
            StorageError: the folder cannot be written.
        """
        write_atomic(self.folder / "records" / f"{key}.json", json.dumps(record))

    def recall_array(self, key: str) -> Float | None:
        """The array kept under `key`."""
        try:
            found: Float = np.load(self.folder / "arrays" / f"{key}.npy", allow_pickle=False)
        except (OSError, ValueError, EOFError):
            return None
        return found

    def keep_array(self, key: str, array: Float) -> None:
        """Keep an array.

        Raises:
            StorageError: the folder cannot be written.
        """
        buffer = io.BytesIO()
        np.save(buffer, array, allow_pickle=False)
        write_atomic(self.folder / "arrays" / f"{key}.npy", buffer.getvalue())

    def state(self, digest: str) -> bytes | None:
        """The state of this name, if it is here and whole."""
        try:
            found = self._state(digest).read_bytes()
        except OSError:
            return None
        return found if digest_of(found) == digest else None

    def keep_state(self, digest: str, state: bytes) -> None:
        """Keep a state under its name; one that is here already is left alone.

        Raises:
            StorageError: the folder cannot be written.
        """
        if self.state(digest) is None:
            write_atomic(self._state(digest), state)

    def _state(self, digest: str) -> Path:
        return self.folder / "states" / f"{digest}.safetensors"

    def within(self, key: str) -> Memory:
        """What is found out within a step that is not done yet."""
        return Memory(self.folder / "steps" / key)

    def forget(self) -> None:
        """Drop everything here: the step is done, and nobody will ask again."""
        shutil.rmtree(self.folder, ignore_errors=True)

    def require_room(self, size: int) -> None:
        """Refuse to start where so many bytes would not fit.

        Raises:
            StorageError: they do not.
        """
        place = next(folder for folder in (self.folder, *self.folder.parents) if folder.exists())
        free = shutil.disk_usage(place).free
        if free < size:
            raise StorageError(
                f"{place} has {free / 1e9:.1f} GB left and the run may keep {size / 1e9:.1f} GB of intermediate"
                " networks: free space or set WATTLOOP_CACHE to another folder"
            )
