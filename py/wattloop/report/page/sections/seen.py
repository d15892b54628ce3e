"""What the MACs see: heat maps of transitions, energy by the bits that change, and what groups tell."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt
import polars as pl

from wattloop.report import statistics
from wattloop.report.inputs import StoredRun
from wattloop.report.page.axes import Axis, spanning
from wattloop.report.page.blocks import Block, Grid, Section, Words, section
from wattloop.report.page.charts import COLOURS, Chart, HeatMap, Line, Plots
from wattloop.report.page.raster import SELDOM, raster
from wattloop.report.seen import Seen
from wattloop.report.units import percent

Float = npt.NDArray[np.float64]

_LEAST, _MOST = 1e-6, 1.0
_SCALE = ("10⁻⁶", "1", "share of the transitions, logarithmic; nothing where none was seen", SELDOM.gradient)


def transitions(run: StoredRun) -> Section | None:
    """The section on activations and partial sums."""
    blocks: list[Block | None] = []
    if run.seen:
        blocks += [_maps(run.seen, _activation, _ACTIVATIONS), _maps(run.seen, _group, _GROUPS)]
    found = run.transitions
    if found is not None:
        blocks += [_by_hamming(found.costs), _by_highest_bit(found.costs)]
        blocks += [Grid("What groups tell", statistics.by_layer(found.quality))]
        blocks += [Words(statistics.CONVENTIONS.replace("*", ""))]
    return section("transitions", "Activations and partial sums", blocks)


_BIN = 2
_ACTIVATIONS = (
    "How often each activation follows each other one at the inputs of a layer's PEs (the paper's figure 3), "
    f"{_BIN} by {_BIN} activations a point."
)
_GROUPS = (
    "The same of partial sums between the 50 groups: 10 by the highest bit of the raw pattern, 5 by Hamming weight "
    "within each."
)


def _maps(layers: tuple[Seen, ...], panel: Callable[[Seen], HeatMap], caption: str) -> Plots:
    return Plots([panel(one) for one in layers], caption, pl.DataFrame([_line(one) for one in layers]), scale=_SCALE)


def _activation(one: Seen) -> HeatMap:
    axis, size = Axis("", one.least, one.least + 256), len(one.activations) // _BIN
    # A transition that is one of 65,536 points would be lost on the screen.
    binned = one.activations.reshape(size, _BIN, size, _BIN).sum(axis=(1, 3))
    return _map(one.layer, binned, "activation", axis)


def _group(one: Seen) -> HeatMap:
    return _map(one.layer, one.groups, "group of the partial sum", Axis("", 0, 50))


def _map(layer: str, shares: Float, what: str, axis: Axis) -> HeatMap:
    across, down = (Axis(f"{what} {when}", axis.low, axis.high) for when in ("after", "before"))
    says = f"{layer}: {int((shares > 0).sum())} of {shares.size} cells of the {what} hold any transition"
    return HeatMap(layer, says, raster(shares, _LEAST, _MOST, log=True), across, down)


def _line(one: Seen) -> dict[str, str]:
    return {
        "layer": one.layer,
        "transitions": str(one.transitions),
        "tiles": f"{one.tiles} of {one.tiles_total}",
        "zero activations": percent(one.zero),
        "activation unchanged": percent(one.quiet),
        "pairs of activations seen": str(int((one.activations > 0).sum())),
        "pairs of groups seen": str(int((one.groups > 0).sum())),
    }


def _by_hamming(costs: pl.DataFrame) -> Plots | None:
    rows = costs.filter(view="Hamming distance").sort("after")
    if rows.is_empty():
        return None
    marks = [
        Line(f"w = {weight}", mine["after"], mine["mean_fj"], COLOURS[k % len(COLOURS)])
        for k, ((weight,), mine) in enumerate(rows.group_by("weight", maintain_order=True))
    ]
    y = spanning("fJ of a MAC cycle", rows["mean_fj"], zero=True)
    x = Axis("bits of the partial sum that change", 0, float(rows["after"].max()))  # type: ignore[arg-type]
    chart = Chart("", "Mean energy by the Hamming distance of partial sums", x, y, marks)
    table = rows.select("weight", "after", pl.col("mean_fj", "spread_fj").round(2)).rename(
        {"after": "bits that change"}
    )
    caption = "Mean energy of random transitions by the number of partial-sum bits that change (the paper's figure 2a)."
    return Plots([chart], caption, table, tall=True)


def _by_highest_bit(costs: pl.DataFrame) -> Plots | None:
    rows = costs.filter(view="MSB")
    if rows.is_empty():
        return None
    size = int(rows["before"].max()) + 1  # type: ignore[arg-type]
    low, high = float(rows["mean_fj"].min()), float(rows["mean_fj"].max())  # type: ignore[arg-type]
    panels = []
    for (weight,), mine in rows.group_by("weight", maintain_order=True):
        grid = np.full((size, size), np.nan)
        grid[mine["before"], mine["after"]] = mine["mean_fj"]
        across, down = (Axis(f"highest bit {when}", 0, size) for when in ("after", "before"))
        says = f"Weight {weight}: mean energy by highest bit before and after"
        panels.append(HeatMap(f"w = {weight}", says, raster(grid, low, high), across, down))
    scale = (f"{low:.0f}", f"{high:.0f}", "fJ of a MAC cycle", SELDOM.gradient)
    caption = "Mean energy by the highest bit of the partial sum before and after (the paper's figure 2b)."
    return Plots(panels, caption, pl.DataFrame(), scale=scale)
