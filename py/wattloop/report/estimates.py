"""The estimate of a network: its layers by table and by simulated tiles, in both accountings."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import polars as pl
from matplotlib.figure import Figure

from wattloop.report.energies import ORIGINS, with_dynamic
from wattloop.report.plotting import BLUE, ORANGE, new_figure
from wattloop.report.units import EnergyUnit, energy_unit, percent, root_sum_square, saving, with_error

CONVENTIONS = (
    "Energy of one image on the active PEs; ± is one standard error, that of tiles among the tiles of the traced "
    "images. *Dynamic* is the accounting named with it. *Total* adds clock and leakage: `rtl` over every cycle of the "
    "array, `paper` as the paper counts, mean power over 2 x rows cycles a tile (E = 2PT). The table leaves out the "
    "loading of the weights, which tiles of few pixels are mostly made of: linear layers need the tiles."
)

Row = Mapping[str, Any]


def pairs_of(estimate: pl.DataFrame) -> list[tuple[Row, Row]]:
    """Rows of each layer by table and by tiles, in the order of the network."""
    rows = with_dynamic(estimate).with_columns(pl.sum_horizontal(list(ORIGINS)).alias("total_fj"))
    by_source = {source: rows.filter(source=source).to_dicts() for source in ("table", "tiles")}
    return list(zip(by_source["table"], by_source["tiles"], strict=True))


def by_layer(estimate: pl.DataFrame) -> pl.DataFrame:
    """One row a layer, and one for all convolutions."""
    pairs = pairs_of(estimate)
    unit = energy_unit(row["total_fj"] for pair in pairs for row in pair)
    rows = [_cells(table, tiles, unit) for table, tiles in pairs]
    convolutions = [pair for pair in pairs if pair[0]["kind"] == "conv"]
    if len(convolutions) > 1:
        rows.append(_cells(_sum([t for t, _ in convolutions]), _sum([t for _, t in convolutions]), unit))
    return pl.DataFrame(rows)


def _sum(rows: list[Row]) -> Row:
    total: dict[str, Any] = {"layer": "all convolutions", "kind": "conv"}
    for name in ("share", "simulated", "tiles", "cycles", "paper_cycles", "dynamic_fj", "total_fj", "paper_fj"):
        total[name] = sum(row[name] for row in rows)
    for name in ("standard_error_fj", "paper_error_fj"):
        total[name] = root_sum_square(row[name] for row in rows)
    return total


def _cells(table: Row, tiles: Row, unit: EnergyUnit) -> dict[str, str]:
    off, error = saving(
        tiles["dynamic_fj"], table["dynamic_fj"], tiles["standard_error_fj"], table["standard_error_fj"]
    )
    return {
        "layer": tiles["layer"],
        "kind": tiles["kind"],
        "share of its kind": percent(tiles["share"]),
        "tiles an image": str(tiles["tiles"]),
        "simulated": str(tiles["simulated"]),
        f"dynamic by table, {unit.name}": with_error(*_scaled(table, "dynamic_fj", "standard_error_fj", unit)),
        f"dynamic by tiles, {unit.name}": with_error(*_scaled(tiles, "dynamic_fj", "standard_error_fj", unit)),
        "table against tiles": percent(-off, error),
        "cycles, rtl": str(tiles["cycles"]),
        f"total, rtl, {unit.name}": f"{tiles['total_fj'] / unit.in_fj:.4g}",
        "cycles, paper": str(tiles["paper_cycles"]),
        f"total, paper, {unit.name}": with_error(*_scaled(tiles, "paper_fj", "paper_error_fj", unit)),
    }


def _scaled(row: Row, name: str, error: str, unit: EnergyUnit) -> tuple[float, float]:
    return row[name] / unit.in_fj, row[error] / unit.in_fj


def energy_of_layers(estimate: pl.DataFrame) -> Figure:
    """Dynamic energy of each layer by table and by tiles, with two standard errors."""
    pairs = pairs_of(estimate)
    unit = energy_unit(row["dynamic_fj"] for pair in pairs for row in pair)
    figure = new_figure(7.0, 0.45 * len(pairs) + 1.6)
    axes = figure.add_subplot()
    for side, colour in ((0, BLUE), (1, ORANGE)):
        rows = [pair[side] for pair in pairs]
        places = np.arange(len(rows)) + 0.36 * side - 0.18
        values = [row["dynamic_fj"] / unit.in_fj for row in rows]
        errors = [2 * row["standard_error_fj"] / unit.in_fj for row in rows]
        axes.barh(places, values, 0.34, xerr=errors, color=colour, capsize=2, label=f"by {rows[0]['origin']}")
    axes.set_yticks(range(len(pairs)), [table["layer"] for table, _ in pairs], fontsize=8)
    axes.set_ylim(len(pairs) - 0.45, -0.55)
    axes.set_xlabel(f"{pairs[0][1]['accounting']} energy, {unit.name} per image (bars: ± 2 standard errors)")
    axes.grid(axis="x", alpha=0.3)
    figure.legend(loc="outside upper center", ncols=2, frameon=False, fontsize=8)
    return figure
