"""What layers laid onto the array at less cost save."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import polars as pl

from wattloop.compression.energies import ACCOUNTINGS
from wattloop.report import tables
from wattloop.report.page.blocks import Grid, Section, section
from wattloop.report.page.charts import COLOURS, BarChart, BarRow, Plots
from wattloop.report.page.stacked import plain
from wattloop.report.units import percent

Row = Mapping[str, Any]


def mappings(rows: Sequence[Row]) -> Section | None:
    """What layers laid onto the array at less cost save, option by option."""
    whole = [row for row in rows if row["layer"] == "all"]
    most = max(row[f"{name}_saving"] for row in whole for name in ACCOUNTINGS)
    charts = tuple(
        BarRow(
            row["option"],
            tuple(
                plain(name, row[f"{name}_saving"], most, percent(row[f"{name}_saving"]), COLOURS[k])
                for k, name in enumerate(ACCOUNTINGS)
            ),
        )
        for row in whole
    )
    says = "Savings of all convolutions by how they are laid onto the array, in four accountings"
    plots = Plots(
        [BarChart("", says, charts)],
        "Saved against the layers as they are, all convolutions; no output changes. Registers that hold offsets stand "
        "beside the array and are in none of the savings.",
        pl.DataFrame(),
    )
    return section("mappings", "Layers laid onto the array", [plots, Grid("Layer by layer", tables.savings(rows))])
