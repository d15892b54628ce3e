"""Where in the array a tile's energy goes: one picture an array, one square a PE."""

from __future__ import annotations

import numpy as np
import polars as pl

from wattloop.report.energies import DYNAMIC
from wattloop.report.page.axes import Axis
from wattloop.report.page.blocks import Section, section
from wattloop.report.page.charts import HeatMap, Plots
from wattloop.report.page.raster import LITTLE, raster


def heat_maps(cells: pl.DataFrame) -> Section | None:
    """The section on the PEs of a tile."""
    rows = cells.with_columns(pl.sum_horizontal(DYNAMIC).alias("dynamic_fj"))
    high = float(rows["dynamic_fj"].max())  # type: ignore[arg-type]
    stages = rows.group_by("stage", maintain_order=True)
    first = rows.row(0, named=True)
    plots = Plots(
        [_map(str(stage), mine, high) for (stage,), mine in stages],
        f"Dynamic energy ({first['accounting']}) of every PE of the array during one tile of {first['layer']}, over "
        f"its {first['cycles']} cycles. Rows are the reduction index, columns the output channels; what the tile does "
        "not use lies dark at the bottom or to the right.",
        pl.DataFrame([_line(str(stage), mine) for (stage,), mine in stages]),
        tall=True,
        scale=("0", f"{high / 1e3:.3g} pJ", "a PE and tile", LITTLE.gradient),
    )
    return section("cells", "The PEs of a tile", [plots])


def _map(stage: str, rows: pl.DataFrame, high: float) -> HeatMap:
    height, width = (int(rows[name].max()) + 1 for name in ("row", "column"))  # type: ignore[arg-type]
    grid = np.zeros((height, width))
    grid[rows["row"], rows["column"]] = rows["dynamic_fj"]
    down = Axis("row", 0, height, backwards=True)
    says = f"{stage}: energy of {height} times {width} PEs, {int(rows['used'].sum())} of them in use"
    return HeatMap(stage, says, raster(grid[::-1], 0.0, high, LITTLE), Axis("column", 0, width), down)


def _line(stage: str, rows: pl.DataFrame) -> dict[str, str]:
    used, fj = rows["used"].to_numpy(), rows["dynamic_fj"].to_numpy()
    return {
        "network": stage,
        "PEs in use": str(int(used.sum())),
        "their dynamic energy, pJ": f"{fj[used].sum() / 1e3:.1f}",
        "mean of a PE in use, fJ": f"{fj[used].mean():.0f}",
        "idle PEs": str(int((~used).sum())),
        "dynamic energy of idle PEs, pJ": f"{fj[~used].sum() / 1e3:.1f}",
    }
