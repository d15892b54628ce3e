"""The estimate of a network: layers by origin, table against tiles, every accounting."""

from __future__ import annotations

import polars as pl

from wattloop.report import estimates
from wattloop.report.page.blocks import Block, Grid, Section, Words, section
from wattloop.report.page.charts import BarChart, BarRow, Plots
from wattloop.report.page.stacked import LEGEND, Scale, stacked


def energy(estimate: pl.DataFrame) -> Section | None:
    """The section on the energy of the layers."""
    blocks: list[Block | None] = [
        Words(estimates.precision_of(estimate)),
        _plot(estimate),
        Grid("Every accounting", estimates.by_layer(estimate)),
        Words(estimates.legend(estimate).replace("*", "")),
        Grid("Table against simulated tiles", estimates.table_against_tiles(estimate)),
        Words(estimates.COMPARISON.replace("*", "").replace("`", "")),
    ]
    return section("estimate", "Energy of the layers", blocks)


def _plot(estimate: pl.DataFrame) -> Plots:
    pairs = estimates.pairs_of(estimate)
    scale = Scale.of([row for pair in pairs for row in pair])
    rows = tuple(
        BarRow(tiles["layer"], (stacked("by tiles", tiles, scale), stacked("by table", table, scale)))
        for table, tiles in pairs
    )
    says = f"Energy of {len(rows)} layers by simulated tiles and by table, by origin"
    caption = (
        "One image on the active PEs; the figure beside a bar is its dynamic part (switching, internal, registers), ± "
        "and the whisker one standard error."
    )
    return Plots([BarChart("", says, rows)], caption, estimates.by_origin(estimate), LEGEND)
