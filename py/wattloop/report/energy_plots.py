"""Plots of energy: by weight value, by layer, against accuracy."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from wattloop.report.energies import ORIGINS, figures, sources
from wattloop.report.inputs import Compression
from wattloop.report.plotting import BLUE, CYCLE, GREEN, GREY, ORANGE, new_figure
from wattloop.report.units import energy_unit

_ORIGIN_COLOURS = dict(zip(ORIGINS, (BLUE, ORANGE, GREEN, "#CFCFCF", GREY), strict=True))


@dataclass(frozen=True)
class Curve:
    """E(w) of one layer or table: energy and its standard error by weight value, fJ per MAC cycle."""

    name: str
    values: npt.NDArray[np.int64]
    energy_fj: npt.NDArray[np.float64]
    error_fj: npt.NDArray[np.float64] | None


def energy_by_value(curves: Sequence[Curve], accounting: str) -> Figure:
    """The paper's figure 1: energy of a MAC cycle by weight value, with a band of two standard errors."""
    columns = max(1, min(len(curves), 110 // (max(len(curve.name) for curve in curves) + 8)))
    figure = new_figure(8.0, 4.0 + 0.18 * -(-len(curves) // columns))
    axes = figure.add_subplot()
    for index, curve in enumerate(curves):
        colour = CYCLE[index % len(CYCLE)]
        style = ("-", "--", ":")[index // len(CYCLE) % 3]
        axes.plot(curve.values, curve.energy_fj, style, color=colour, linewidth=1.0, label=curve.name)
        if curve.error_fj is not None:
            low, high = (curve.energy_fj + sign * 2 * curve.error_fj for sign in (-1, 1))
            axes.fill_between(curve.values, low, high, color=colour, alpha=0.25, linewidth=0)
    axes.set(xlabel="weight value", ylabel=f"{accounting} energy, fJ per MAC cycle", xlim=(-130, 129))
    axes.set_ylim(bottom=0)
    axes.grid(alpha=0.3)
    axes.set_title("Energy by weight value" + (" (band: ± 2 standard errors)" if _has_band(curves) else ""))
    figure.legend(loc="outside lower center", ncols=columns, frameon=False, fontsize=8)
    return figure


def _has_band(curves: Sequence[Curve]) -> bool:
    return any(curve.error_fj is not None for curve in curves)


def energy_by_layer(compression: Compression) -> Figure:
    """Energy of each layer before and after, stacked by origin, one panel a source."""
    panels = sources(compression)
    layers = compression.layers
    figure = new_figure(4.6 * len(panels) + 2.0, 0.62 * len(layers) + 1.6)
    all_axes = figure.subplots(1, len(panels), sharex=True, sharey=True, squeeze=False)[0]
    unit = energy_unit(compression.energies.select(list(ORIGINS)).sum_horizontal())
    for axes, source in zip(all_axes, panels, strict=True):
        for offset, stage in enumerate(("int8", "compressed")):
            rows = figures(compression, source, stage)
            _stack(axes, [rows[layer] for layer in layers], offset, unit.in_fj)
        first = next(iter(figures(compression, source, "int8").values()))
        axes.set_title(f"by {first['origin']} ({first['accounting']})", fontsize=10)
        axes.set_xlabel(f"{unit.name} per image, active PEs")
        axes.xaxis.set_major_locator(MaxNLocator(5, prune="upper"))
        axes.grid(axis="x", alpha=0.3)
    all_axes[0].set_yticks(range(len(layers)), layers, fontsize=8)
    all_axes[0].set_ylim(len(layers) - 0.45, -0.55)
    handles, labels = all_axes[0].get_legend_handles_labels()
    seen = dict(zip(labels, handles, strict=True))
    title = "upper bar: int8, lower bar: compressed"
    figure.legend(
        seen.values(), seen.keys(), loc="outside upper center", ncols=5, frameon=False, fontsize=8, title=title
    )
    return figure


def _stack(axes: Axes, rows: Sequence[Mapping[str, Any]], offset: int, in_fj: float) -> None:
    positions = np.arange(len(rows)) + 0.4 * offset - 0.2
    left = np.zeros(len(rows))
    for column, name in ORIGINS.items():
        widths = np.array([row[column] for row in rows]) / in_fj
        axes.barh(positions, widths, 0.36, left, color=_ORIGIN_COLOURS[column], label=name)
        left += widths
        if column == "register_fj":
            errors = np.array([row["standard_error_fj"] for row in rows]) / in_fj
            axes.errorbar(left, positions, xerr=errors, fmt="none", ecolor="black", capsize=2, linewidth=0.8)
