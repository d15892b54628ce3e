"""The paper's own rows for readers and for programs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

import polars as pl

from wattloop.report.reproduce.paper import PaperRow
from wattloop.report.reproduce.words import share
from wattloop.report.units import NONE

_SHOWN = {
    "prune_ratio": "pruning ratio",
    "saving": "saving",
    "accuracy": "accuracy",
    "share": "share of the energy",
}


def paper_rows(rows: Sequence[PaperRow]) -> list[dict[str, Any]]:
    """For programs."""
    return [asdict(row) for row in rows]


def paper_table(rows: Sequence[PaperRow]) -> pl.DataFrame:
    """For readers; columns that the paper's table lacks are left out."""
    told = {name: title for name, title in _SHOWN.items() if any(getattr(row, name) is not None for row in rows)}
    return pl.DataFrame(
        [
            {
                "network": f"{row.network}, {row.dataset}",
                "method": row.method if not row.layers else f"{row.layers}, {row.method}",
                "values": str(row.values),
            }
            | {title: _text(name, getattr(row, name)) for name, title in told.items()}
            for row in rows
        ]
    )


def _text(name: str, value: float | None) -> str:
    if value is None:
        return NONE
    return f"{value:g}" if name == "prune_ratio" else share(value)
