"""Runs by name, and their profiles over time: settling times and training."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import numpy as np
import polars as pl

from wattloop.report.inputs import StoredRun
from wattloop.report.page.axes import Axis, spanning
from wattloop.report.page.blocks import Section, section
from wattloop.report.page.charts import COLOURS, Chart, Line, Plots
from wattloop.report.page.sections.training import number
from wattloop.timing.summary import BIN_PS

Named = tuple[str, StoredRun]


def named(runs: Sequence[StoredRun]) -> list[Named]:
    """Runs by their titles; those that share one are told apart by number."""
    titles, seen = Counter(run.title for run in runs), Counter[str]()
    found = []
    for run in runs:
        seen[run.title] += 1
        found.append((f"{run.title} ({seen[run.title]})" if titles[run.title] > 1 else run.title, run))
    return found


def colour(number_of_run: int) -> tuple[str, bool]:
    """Colour of a run's lines, and whether they are dashed."""
    return COLOURS[number_of_run % len(COLOURS)], number_of_run // len(COLOURS) % 2 == 1


def settling(runs: Sequence[Named]) -> Section | None:
    """Share of the transitions that have settled by a time, a panel a method, a line a run."""
    methods = dict.fromkeys(
        method for _, run in runs if run.timing for method in run.timing.histogram["method"].unique(maintain_order=True)
    )
    panels = [panel for method in methods if (panel := _settled(runs, method)) is not None]
    caption = "Share of all (weight, activation transition) pairs that have settled by a time."
    lines = [
        {"run": name, "method": one.method, "median, ps": f"{one.median_ps:.0f}", "latest, ps": f"{one.latest_ps:.0f}"}
        for name, run in runs
        for one in (run.timing.methods if run.timing else ())
    ]
    return section("timing", "Settling times", [Plots(panels, caption, pl.DataFrame(lines), tall=True)])


def _settled(runs: Sequence[Named], method: str) -> Chart | None:
    lines = []
    for k, (name, run) in enumerate(runs):
        rows = pl.DataFrame() if run.timing is None else run.timing.histogram.filter(method=method)
        if rows.is_empty():
            continue
        bins = rows.group_by("from_ps").agg(pl.col("transitions").sum()).sort("from_ps")
        share = 100 * np.cumsum(bins["transitions"].to_numpy()) / bins["transitions"].sum()
        paint, dashed = colour(k)
        lines.append(Line(name, bins["from_ps"].to_numpy() + BIN_PS, share, paint, dashed=dashed))
    if len(lines) < 2:
        return None
    latest = max(float(np.max(np.asarray(line.x))) for line in lines)
    x, y = Axis("ps after the clock edge", 0.0, latest * 1.02), Axis("settled, %", 0.0, 100.0)
    return Chart(method, f"Share of transitions settled by a time, {method}", x, y, lines)


def training(runs: Sequence[Named]) -> Section | None:
    """Validation accuracy by epoch, a line a run."""
    lines = []
    for k, (name, run) in enumerate(runs):
        paint, dashed = colour(k)
        shares = [100 * number(row.get("validation_accuracy")) for row in run.history]
        if shares:
            lines.append(Line(name, list(range(1, len(shares) + 1)), shares, paint, dashed=dashed))
    if len(lines) < 2:
        return None
    epochs = max(len(np.asarray(line.x)) for line in lines)
    y = spanning("validation accuracy, %", [value for line in lines for value in np.asarray(line.y, np.float64)])
    chart = Chart("", "Validation accuracy by epoch", Axis("epoch", 0.5, epochs + 0.5), y, lines)
    ends = [{"run": line.name, "at the end, %": f"{float(np.asarray(line.y)[-1]):.2f}"} for line in lines]
    plots = Plots([chart], "Validation accuracy epoch by epoch, all stages.", pl.DataFrame(ends), tall=True)
    return section("training", "Training", [plots])
