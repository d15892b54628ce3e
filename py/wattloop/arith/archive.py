"""Dataclasses of arrays and scalars as .npz files, whole or not at all."""

from __future__ import annotations

import io
import zipfile
from dataclasses import fields
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt

from wattloop.errors import StorageError
from wattloop.store import write_atomic

Archived = TypeVar("Archived")


def save_arrays(value: Any, path: Path) -> None:
    """Write the fields of a dataclass.

    Raises:
        StorageError: the file cannot be written.
    """
    buffer = io.BytesIO()
    arrays = {field.name: np.asarray(getattr(value, field.name)) for field in fields(value)}
    np.savez_compressed(buffer, allow_pickle=False, **arrays)
    write_atomic(path, buffer.getvalue())


def load_arrays(kind: type[Archived], path: Path) -> Archived:
    """Read what `save_arrays` wrote of a dataclass `kind`.

    Raises:
        StorageError: missing or damaged.
    """
    loaded = _read(path)
    try:
        return kind(**{name: value if value.ndim else value.item() for name, value in loaded.items()})
    except TypeError as error:
        raise StorageError(f"cannot read statistics {path}: {error}; collect them again") from error


def field_names(path: Path) -> frozenset[str]:
    """Names of the fields that a file holds.

    Raises:
        StorageError: missing or damaged.
    """
    return frozenset(_read(path))


def _read(path: Path) -> dict[str, npt.NDArray[Any]]:
    try:
        with np.load(path, allow_pickle=False) as data:
            return {name: data[name] for name in data.files}
    except (OSError, ValueError, TypeError, AttributeError, EOFError, zipfile.BadZipFile) as error:
        raise StorageError(f"cannot read statistics {path}: {error}; collect them again") from error
