"""How a network was trained, an epoch at a time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from wattloop.report import tables
from wattloop.report.page.axes import Axis, spanning
from wattloop.report.page.blocks import Section, section
from wattloop.report.page.charts import COLOURS, Chart, Line, Plots

Row = Mapping[str, Any]


def training(history: Sequence[Row]) -> Section | None:
    """The section on training."""
    accuracies, losses = list[Line](), list[Line]()
    for k, stage in enumerate(dict.fromkeys(str(row["stage"]) for row in history)):
        colour, at = COLOURS[k % len(COLOURS)], [n for n, row in enumerate(history, start=1) if row["stage"] == stage]
        own = [row for row in history if row["stage"] == stage]
        for name, dashed in (("training", True), ("validation", False)):
            shares = [100 * number(row.get(f"{name}_accuracy")) for row in own]
            accuracies.append(Line(f"{stage}, {name}", at, shares, colour, dashed=dashed))
        losses.append(Line(stage, at, [number(row.get("loss")) for row in own], colour))
    x = Axis("epoch", 0.5, len(history) + 0.5)
    panels = [
        Chart("Accuracy", "Accuracy by epoch", x, _axis("accuracy, %", accuracies), accuracies),
        Chart("Loss", "Training loss by epoch", x, _axis("loss, nats", losses), losses),
    ]
    plots = Plots(
        panels, "Training epoch by epoch; one stage follows the other.", tables.figures_of(history), tall=True
    )
    return section("training", "Training", [plots])


def number(value: float | None) -> float:
    """A figure that may not have been taken."""
    return float("nan") if value is None else float(value)


def _axis(label: str, lines: Sequence[Line]) -> Axis:
    return spanning(label, [float(y) for line in lines for y in np.asarray(line.y, np.float64)])
