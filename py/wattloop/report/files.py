"""Files of a run folder, read or refused in one line that names the file."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

import polars as pl

from wattloop.errors import OldFormatError, StorageError

T = TypeVar("T")


def frame(path: Path) -> pl.DataFrame:
    """A Parquet file that holds something.

    Raises:
        StorageError: missing, damaged or empty.
    """
    rows = read(path, pl.read_parquet)
    if rows.is_empty():
        raise StorageError(f"{path} is empty: run the command that makes this run folder again")
    return rows


def with_keys(rows: Sequence[Mapping[str, Any]], *names: str) -> tuple[Mapping[str, Any], ...]:
    """The rows, where each has these keys.

    Raises:
        ValueError: one has not, or is no mapping.
    """
    for row in rows:
        if not isinstance(row, Mapping) or not set(names) <= set(row):
            raise ValueError(f"a row lacks one of {', '.join(names)}")
    return tuple(rows)


def json_mapping(path: Path) -> dict[str, Any]:
    """A JSON file that holds a mapping; see `read`."""
    found = json.loads(path.read_text())
    if not isinstance(found, dict):
        raise ValueError("not a mapping")
    return found


def json_rows(path: Path) -> list[Mapping[str, Any]]:
    """A JSON file that holds a list; see `read`."""
    found = json.loads(path.read_text())
    if not isinstance(found, list):
        raise ValueError("not a list")
    return found


def json_lines(path: Path) -> tuple[Mapping[str, Any], ...]:
    """A file of JSON lines; see `read`."""
    return tuple(json.loads(line) for line in path.read_text().splitlines())


def read(path: Path, reader: Callable[[Path], T], absent: T | None = None) -> T:
    """What a reader makes of a file.

    Args:
        path: the file.
        reader: raises `ValueError` where it is damaged.
        absent: what stands for a file that is not there; None refuses.

    Raises:
        OldFormatError: what the reader says of it.
        StorageError: missing or damaged.
    """
    if absent is not None and not path.is_file():
        return absent
    try:
        return reader(path)
    except FileNotFoundError as error:
        raise StorageError(f"{path} is missing: run the command that makes this run folder again") from error
    except OldFormatError as error:
        raise OldFormatError(f"{path}: {error}") from error
    except (OSError, ValueError, StorageError, pl.exceptions.PolarsError) as error:
        raise StorageError(f"{path} is damaged: run the command that makes this run folder again") from error
