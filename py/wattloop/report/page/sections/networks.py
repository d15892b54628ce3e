"""Accuracy against energy: every network of a campaign, with the baselines, the front and the bound."""

from __future__ import annotations

import math
from collections.abc import Sequence

import polars as pl

from wattloop.compression.rows import Row
from wattloop.report import networks, tables
from wattloop.report.inputs import Compression
from wattloop.report.networks import label
from wattloop.report.page.axes import Axis, spanning
from wattloop.report.page.blocks import Block, Grid, Section, Words, section
from wattloop.report.page.charts import COLOURS, RING, SHAPES, Chart, Dots, Line, Mark, Plots, Rule
from wattloop.report.units import percent

# Points below the bound that the plot still shows.
FAR_POINTS = 15.0


def accuracy(compression: Compression) -> Section | None:
    """The section on accuracy and energy."""
    blocks: list[Block] = []
    if compression.rows:
        blocks += [_plot(compression), Grid("Every network", networks.table(compression))]
        blocks += [Words(networks.conventions(compression))]
        blocks += [Grid("The energies behind the savings", networks.energies(compression), folded=True)]
    blocks.append(Grid("Accuracy", tables.accuracies(compression)))
    return section("accuracy", "Accuracy against energy", blocks)


def _plot(compression: Compression) -> Plots:
    rows, bound = compression.rows, _bound(compression)
    images = int(compression.summary["test_before"]["images"])
    x, y = energy_axis(rows), accuracy_axis(rows, bound, images)
    int8 = Dots("int8", [100.0], [100 * rows[0].accuracy_int8], ["int8"], "ink", 0, (), [spread(rows[0], images)])
    front = [rows[number] for number in compression.summary["front"]]
    line = Line("front (by validation)", *places(front), COLOURS[0])
    marks: list[Mark] = [Rule("int8 less the drop allowed", bound), line, int8, *_methods(compression, images)]
    best = compression.summary["best"]
    if best is not None:
        marks.append(Dots("best", *places([rows[best]]), [f"best: {label(rows[best])}"], "ink", RING, size="large"))
    says = f"Test accuracy of {len(rows)} networks against the datapath energy that is left of the int8 network's"
    chart = Chart("", says, x, y, marks)
    return Plots(
        [chart],
        "Test accuracy against the datapath energy left, every network that was offered; further left is less energy. "
        "Whiskers are one standard error of the test images and of sampling tiles.",
        pl.DataFrame([_line(row) for row in rows]),
        tall=True,
    )


def _methods(compression: Compression, images: int) -> list[Dots]:
    names = list(dict.fromkeys(row.method for row in compression.rows))
    return [
        dots(name, [row for row in compression.rows if row.method == name], number, images)
        for number, name in enumerate(names)
    ]


def dots(name: str, rows: Sequence[Row], number: int, images: int | None) -> Dots:
    """Networks as points; who made them is told by colour and shape."""
    x, y = places(rows)
    texts = [
        f"{row.method} {label(row)}: {percent(row.accuracy)}, {percent(row.datapath_saving)} saved" for row in rows
    ]
    errors = [] if images is None else [spread(row, images) for row in rows]
    colour, shape = COLOURS[number % len(COLOURS)], number % SHAPES
    return Dots(name, x, y, texts, colour, shape, [100 * row.datapath_saving_error for row in rows], errors)


def places(rows: Sequence[Row]) -> tuple[list[float], list[float]]:
    """Energy left and test accuracy, per cent."""
    return [100 * (1 - row.datapath_saving) for row in rows], [100 * row.accuracy for row in rows]


def energy_axis(rows: Sequence[Row]) -> Axis:
    """Energy left, from the least to all of it."""
    least = min(places(rows)[0])
    return Axis("datapath energy left, % of int8", max(0.0, least - 5), 102.0)


def accuracy_axis(rows: Sequence[Row], bound: float, images: int) -> Axis:
    """Test accuracies with their whiskers; networks that lost everything would squeeze the others into a line."""
    ends = [100 * row.accuracy + sign * spread(row, images) for row in rows for sign in (-1, 1)]
    ends += [100 * rows[0].accuracy_int8 + sign * spread(rows[0], images) for sign in (-1, 1)]
    return spanning("test accuracy, %", [bound, *(end for end in ends if end > bound - FAR_POINTS)], margin=0.08)


def spread(row: Row, images: int) -> float:
    """Standard error of a test accuracy, points."""
    return 100 * math.sqrt(row.accuracy * (1 - row.accuracy) / images)


def _bound(compression: Compression) -> float:
    return float(100 * compression.rows[0].accuracy_int8 - compression.summary["config"]["delta"])


def _line(row: Row) -> dict[str, str]:
    left = 100 * (1 - row.datapath_saving)
    return {"method": row.method, "setting": label(row), "energy left, %": f"{left:.2f}", "test": percent(row.accuracy)}
