"""Settling times: how many transitions settle when, and the spread of each weight."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import polars as pl

from wattloop.report import timing
from wattloop.report.page.axes import Axis, values_axis
from wattloop.report.page.blocks import Block, Grid, Section, Words, section
from wattloop.report.page.charts import COLOURS, GREY, Band, Chart, Line, Mark, Plots, Rule
from wattloop.timing.summary import BIN_PS


def settling(found: timing.StoredTiming, facts: Mapping[str, str]) -> Section | None:
    """The section on settling times."""
    bound = float(facts["bound_ps"]) if "bound_ps" in facts else None
    blocks: list[Block | None] = [
        Grid("Settling times by method", timing.by_method(found.methods)),
        Words(timing.METHODS),
        _upto(found.histogram, bound),
        _by_weight(found.weights, bound),
    ]
    return section("timing", "Settling times", blocks)


def _upto(histogram: pl.DataFrame, bound: float | None) -> Plots | None:
    """Share of the transitions that have settled by a time."""
    if histogram.is_empty():
        return None
    latest = float(histogram["from_ps"].max()) + BIN_PS  # type: ignore[arg-type]
    marks: list[Mark] = [] if bound is None else [Rule("bound", bound, upright=True)]
    lines = []
    for k, ((method,), rows) in enumerate(histogram.group_by("method", maintain_order=True)):
        bins = rows.group_by("from_ps").agg(pl.col("transitions").sum()).sort("from_ps")
        share = np.cumsum(bins["transitions"].to_numpy()) / bins["transitions"].sum()
        times = bins["from_ps"].to_numpy() + BIN_PS
        marks.append(Line(str(method), [times[0] - BIN_PS, *times], [0.0, *(100 * share)], COLOURS[k], dashed=k == 1))
        at = [f"{times[int(np.searchsorted(share, part))]:.0f}" for part in (0.01, 0.5, 0.99)]
        lines.append({"method": str(method), "1 % by, ps": at[0], "half by, ps": at[1], "99 % by, ps": at[2]})
    x = Axis("ps after the clock edge", 0.0, max(latest, bound or 0.0) * 1.02)
    chart = Chart("", "Share of transitions settled by a time", x, Axis("settled, %", 0.0, 100.0), marks)
    caption = "Share of all (weight, activation transition) pairs that have settled by a time."
    return Plots([chart], caption, pl.DataFrame(lines), tall=True)


def _by_weight(weights: pl.DataFrame, bound: float | None) -> Plots:
    high = float(weights.select("max_ps", "longest_ps").max_horizontal().max()) * 1.05  # type: ignore[arg-type]
    panels = []
    for k, ((method,), rows) in enumerate(weights.group_by("method", maintain_order=True)):
        marks: list[Mark] = [
            Band("least to latest", rows["weight"], rows["min_ps"], rows["max_ps"], COLOURS[k], step=True),
            Line("median", rows["weight"], rows["median_ps"], COLOURS[k], step=True),
            Line("longest path", rows["weight"], rows["longest_ps"], GREY, step=True),
        ]
        marks += [] if bound is None else [Rule("bound", bound)]
        says = f"Settling times by weight, method {method}"
        panels.append(Chart(str(method), says, values_axis(), Axis("settling time, ps", 0.0, high), marks))
    caption = "Spread of the settling times of each weight over all transitions of the activation."
    return Plots(panels, caption, _late(weights), tall=True)


def _late(weights: pl.DataFrame) -> pl.DataFrame:
    """The ten weights of each method that settle last."""
    order = weights.sort("max_ps", "late", descending=True).group_by("method", maintain_order=True).head(10)
    return order.select("method", "weight", pl.col("min_ps", "median_ps", "max_ps", "longest_ps").round(1), "late")
