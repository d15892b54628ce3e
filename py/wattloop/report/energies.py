"""The stored energies, by layer, source and stage."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import polars as pl

from wattloop.report.inputs import Compression

ORIGINS = {
    "comb_switching_fj": "switching",
    "comb_internal_fj": "internal",
    "register_fj": "registers",
    "clock_fj": "clock",
    "leakage_fj": "leakage",
}
DYNAMIC = ("comb_switching_fj", "comb_internal_fj", "register_fj")
SOURCES = ("table", "tiles")


def with_dynamic(energies: pl.DataFrame) -> pl.DataFrame:
    """The energies with their sum over the dynamic origins as `dynamic_fj`."""
    return energies.with_columns(pl.sum_horizontal(DYNAMIC).alias("dynamic_fj"))


def sources(compression: Compression) -> list[str]:
    """Which of `SOURCES` the energies come from."""
    present = set(compression.energies["source"])
    return [source for source in SOURCES if source in present]


def figures(compression: Compression, source: str, stage: str) -> dict[str, Mapping[str, Any]]:
    """Rows of `layers.parquet` by layer."""
    rows = with_dynamic(compression.energies).filter(source=source, stage=stage)
    return {row["layer"]: row for row in rows.to_dicts()}
