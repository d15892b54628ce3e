"""The plot of accuracy against energy."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from wattloop.report.energies import figures, sources
from wattloop.report.inputs import Compression
from wattloop.report.plotting import BLUE, GREY, PURPLE, RED, new_figure
from wattloop.report.units import root_sum_square


def accuracy_against_energy(compression: Compression) -> Figure:
    """Validation accuracy against remaining energy after each layer; tries that were not taken; test accuracy."""
    figure = new_figure(7.0, 4.4)
    axes = figure.add_subplot()
    whole = _journal_whole(compression)
    energy, taken, tries = whole, [(100.0, 100 * _started(compression)["accuracy"])], []
    before: dict[str, float] = {}
    for event in compression.journal:
        if event["event"] == "LayerStarted":
            before[event["layer"]] = event["energy_fj"]
        elif event["event"] == "ConfigurationTried" and event["accuracy"] is not None:
            left = energy - before[event["layer"]] + event["energy_fj"]
            if event["verdict"] != "accepted":
                tries.append((100 * left / whole, 100 * event["accuracy"]))
        elif event["event"] == "LayerDecided" and event["ratio"] is not None:
            energy += event["energy_fj"] - event["energy_before_fj"]
            taken.append((100 * energy / whole, 100 * event["accuracy"]))
    if tries:
        axes.scatter(*zip(*tries, strict=True), color=GREY, marker="x", label="tried, not taken (validation)")
    axes.plot(*zip(*taken, strict=True), "o-", color=BLUE, label="after each layer (validation)")
    _test_points(axes, compression)
    axes.axhline(100 * compression.summary["bound"], color=RED, linestyle="--", label="bound (validation)")
    axes.set(xlabel="dynamic energy left, % of int8", ylabel="accuracy, %", title="Accuracy against energy")
    axes.invert_xaxis()
    axes.grid(alpha=0.3)
    figure.legend(loc="outside lower center", ncols=2, frameon=False, fontsize=8)
    return figure


def describes(compression: Compression) -> bool:
    """Whether the result is one that was reached layer by layer."""
    best, points = compression.summary["best"], compression.summary["points"]
    return best is not None and points[best]["method"] == "layerwise"


def _started(compression: Compression) -> Mapping[str, Any]:
    return next(event for event in compression.journal if event["event"] == "Started")


def _journal_whole(compression: Compression) -> float:
    return float(sum(row["dynamic_fj"] for row in figures(compression, "table", "int8").values()))


def _test_points(axes: Axes, compression: Compression) -> None:
    """Test accuracy at the energy of the last source (tiles where simulated), with its standard errors."""
    source = sources(compression)[-1]
    sums, errors = [], []
    for stage in ("int8", "compressed"):
        rows = figures(compression, source, stage).values()
        sums.append(sum(row["dynamic_fj"] for row in rows))
        errors.append(root_sum_square(row["standard_error_fj"] for row in rows))
    qualities = [compression.summary[f"test_{stage}"] for stage in ("before", "after")]
    accuracy = [quality["accuracy"] for quality in qualities]
    spread = [100 * float(np.sqrt(a * (1 - a) / q["images"])) for a, q in zip(accuracy, qualities, strict=True)]
    axes.errorbar(
        [100 * value / sums[0] for value in sums],
        [100 * value for value in accuracy],
        xerr=[100 * error / sums[0] for error in errors],
        yerr=spread,
        fmt="D",
        color=PURPLE,
        capsize=3,
        label=f"int8 and final (test; energy by {source})",
    )
