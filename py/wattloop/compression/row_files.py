"""Rows of results on disk: JSON and Parquet, and rows that earlier versions left."""

from __future__ import annotations

import io
import json
from collections.abc import Sequence
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any

import polars as pl
from cattrs import BaseValidationError
from cattrs.preconf.json import make_converter

from wattloop.compression.bound_facts import BoundFacts
from wattloop.compression.powerpruning.restriction import BOUND
from wattloop.compression.rows import Row
from wattloop.errors import OldFormatError, StorageError
from wattloop.store import write_atomic

_TYPES = {"float | None": pl.Float64, "int | None": pl.Int64}
SCHEMA = {f.name: _TYPES[str(f.type)] for f in fields(Row) if f.type in _TYPES}
"""Types of the columns that may hold nothing at all."""

_SINCE_FORMAT_3 = {f.name for f in fields(BoundFacts)}


def to_json(rows: Sequence[Row]) -> str:
    """The rows as a JSON list, to the bit."""
    return json.dumps(make_converter().unstructure(list(rows)), indent=1) + "\n"


def from_json(text: str) -> tuple[Row, ...]:
    """What `to_json` wrote, also before there were columns of delay bounds.

    Raises:
        StorageError: it is no list of rows.
        OldFormatError: an earlier version wrote it, of networks under a delay bound.
    """
    try:
        return tuple(_row(row) for row in json.loads(text))
    except (ValueError, TypeError, KeyError, AttributeError, BaseValidationError) as error:
        raise StorageError("the rows of results are damaged: run the command that made them again") from error


def save_parquet(rows: Sequence[Row], path: Path) -> None:
    """The rows as a Parquet file, `tiles` as text; whole or not at all.

    Raises:
        StorageError: it cannot be written.
    """
    buffer = io.BytesIO()
    columns = {f.name: [getattr(row, f.name) for row in rows] for f in fields(Row)}
    columns["tiles"] = [str(tiles) for tiles in columns["tiles"]]
    pl.DataFrame(columns, schema_overrides=SCHEMA).write_parquet(buffer)
    write_atomic(path, buffer.getvalue())


def load_parquet(path: Path) -> tuple[Row, ...]:
    """What `save_parquet` wrote, equal to the bit; see `from_json`.

    Raises:
        StorageError: missing or damaged.
        OldFormatError: see `from_json`.
    """
    try:
        return tuple(_row(row) for row in pl.read_parquet(path.read_bytes()).to_dicts())
    except (OSError, pl.exceptions.PolarsError, ValueError, TypeError, KeyError, BaseValidationError) as error:
        raise StorageError(f"cannot read the rows {path}: run the command that made them again") from error


def _row(found: dict[str, Any]) -> Row:
    tiles = found["tiles"]
    whole = _completed(found) | {"tiles": tiles if tiles == "all" else int(tiles)}
    return make_converter().structure(whole, Row)


def _completed(found: dict[str, Any]) -> dict[str, Any]:
    """A row with all columns: without a delay bound those of format 2 say all that there is to say."""
    if not _SINCE_FORMAT_3.isdisjoint(found):
        return found
    if f"{BOUND}=" in found["setting"]:
        raise OldFormatError(
            "rows of networks under a delay bound, stored by an earlier version (format 2), say neither what was kept"
            " nor at which supply: run the compression again"
        )
    return asdict(BoundFacts()) | found
