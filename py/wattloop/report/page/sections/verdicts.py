"""Tables against exact simulation."""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl

from wattloop.power.verdict import LayerVerdict
from wattloop.report import verdict
from wattloop.report.page.axes import Axis
from wattloop.report.page.blocks import Block, Grid, Section, Words, section
from wattloop.report.page.charts import COLOURS, SHAPES, Chart, Dots, Plots

# Per cent; what is less is drawn as that.
_LEAST = 1e-3


def verdicts(rows: Sequence[LayerVerdict]) -> Section | None:
    """Tables against exact simulation."""
    stages = list(dict.fromkeys(row.stage for row in rows))
    panels = [_errors([row for row in rows if row.stage == stage], stage) for stage in stages]
    caption = "Absolute error of every layer's energy by each statistical model, logarithmic; a point a layer."
    blocks: list[Block | None] = [
        Words(" ".join(verdict.in_words(rows))),
        Grid("All convolutions", verdict.by_network(rows)),
        Plots(panels, caption, pl.DataFrame(), tall=True),
        Grid("Layer by layer", verdict.by_layer(rows)),
        Words(verdict.CONVENTIONS),
    ]
    return section("verdict", "Tables against exact simulation", blocks)


def _errors(rows: Sequence[LayerVerdict], stage: str) -> Chart:
    models = list(dict.fromkeys(row.statistics for row in rows))
    marks = [_dots(place, [row for row in rows if row.statistics == model]) for place, model in enumerate(models)]
    high = max(error for mark in marks for error in mark.y)
    x = Axis("statistical model", -0.5, len(models) - 0.5, names=tuple(models))
    y = Axis("error of a layer's energy, %", _LEAST, max(10.0, high * 1.5), log=True)
    return Chart(stage, f"Errors of layers by model, {stage}", x, y, marks)


def _dots(place: int, rows: Sequence[LayerVerdict]) -> Dots:
    step = 0.5 / max(1, len(rows) - 1)
    at = [place - 0.25 + step * k if len(rows) > 1 else float(place) for k in range(len(rows))]
    errors = [max(100 * abs(row.error), _LEAST) for row in rows]
    texts = [f"{row.layer}, {row.statistics}: {100 * row.error:+.2f} %" for row in rows]
    return Dots("", at, errors, texts, COLOURS[place % len(COLOURS)], place % SHAPES)
