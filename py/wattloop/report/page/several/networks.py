"""Accuracy against energy over all networks of all runs, and the best ones in every accounting."""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl

from wattloop.compression.energies import ACCOUNTINGS
from wattloop.compression.rows import Row
from wattloop.report.networks import label
from wattloop.report.page import best
from wattloop.report.page.axes import spanning
from wattloop.report.page.blocks import Section, section
from wattloop.report.page.charts import COLOURS, BarChart, BarRow, Chart, Dots, Line, Mark, Plots
from wattloop.report.page.sections.networks import FAR_POINTS, dots, energy_axis, places, spread
from wattloop.report.page.several.between import Named
from wattloop.report.page.stacked import plain
from wattloop.report.units import percent

Campaign = tuple[str, Sequence[Row], int]


def accuracy(runs: Sequence[Named]) -> Section | None:
    """The section on all networks; None where fewer than two runs have any."""
    campaigns = [
        (name, run.compression.rows, int(run.compression.summary["test_before"]["images"]))
        for name, run in runs
        if run.compression is not None and run.compression.rows
    ]
    if len(campaigns) < 2:
        return None
    return section("accuracy", "Accuracy against energy", [_plot(runs, campaigns), _bars(runs)])


def _plot(runs: Sequence[Named], campaigns: Sequence[Campaign]) -> Plots:
    marks: list[Mark] = []
    for number, (name, rows, images) in enumerate(campaigns):
        found = next(run.compression for other, run in runs if other == name)
        front = [] if found is None else [rows[k] for k in found.summary["front"]]
        marks.append(Line("", *places(front), COLOURS[number % len(COLOURS)]))
        marks.append(dots(name, rows, number, images))
        int8 = [100 * rows[0].accuracy_int8]
        marks.append(Dots("", [100.0], int8, [f"{name}: int8"], COLOURS[number % len(COLOURS)], number % 8))
    every = [row for _, rows, _ in campaigns for row in rows]
    least = min(100 * row.accuracy_int8 for row in every) - FAR_POINTS
    ends = [
        100 * row.accuracy + s * spread(row, images) for _, rows, images in campaigns for row in rows for s in (-1, 1)
    ]
    ends += [100 * row.accuracy_int8 for row in every]
    y = spanning("test accuracy, %", [end for end in ends if end > least], margin=0.08)
    chart = Chart("", f"Networks of {len(campaigns)} runs", energy_axis(every), y, marks)
    return Plots(
        [chart],
        "Test accuracy against the datapath energy left, every network of every run, each against its own int8 "
        "network; lines join the fronts. Whiskers are one standard error.",
        pl.DataFrame([_line(name, row) for name, rows, _ in campaigns for row in rows]),
        tall=True,
    )


def _line(name: str, row: Row) -> dict[str, str]:
    return {
        "run": name,
        "method": row.method,
        "setting": label(row),
        "test": percent(row.accuracy),
        "drop, points": f"{row.drop_points:.2f}",
        **{f"{kind} saved": percent(getattr(row, f"{kind}_saving")) for kind in ACCOUNTINGS},
    }


def _bars(runs: Sequence[Named]) -> Plots | None:
    """Savings of each run's best network in every accounting."""
    known = [(name, row) for name, run in runs if run.compression and (row := best.best_row(run.compression))]
    if len(known) < 2:
        return None
    most = max(getattr(row, f"{kind}_saving") for _, row in known for kind in ACCOUNTINGS)
    rows = tuple(
        BarRow(
            name,
            tuple(
                plain(kind, value, most, percent(value), COLOURS[k])
                for k, kind in enumerate(ACCOUNTINGS)
                for value in [getattr(row, f"{kind}_saving")]
            ),
        )
        for name, row in known
    )
    chart = BarChart("Saved by the best network of each run", "Savings of the best networks by accounting", rows)
    caption = "Against the int8 network of the same run, on the same hardware, images and accounting."
    return Plots([chart], caption, pl.DataFrame([_line(name, row) for name, row in known]))
