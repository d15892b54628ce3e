"""Plots of energy: by weight value, by layer, against accuracy."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from wattloop.report.energies import ORIGINS, figures, sources
from wattloop.report.inputs import Compression
from wattloop.report.plotting import BLUE, CYCLE, GREEN, GREY, ORANGE, new_figure
from wattloop.report.units import energy_unit

_ORIGIN_COLOURS = dict(zip(ORIGINS, (BLUE, ORANGE, GREEN, "#CFCFCF", GREY), strict=True))
_STAGES = (("int8", "int8"), ("compressed", "compr."))


@dataclass(frozen=True)
class Curve:
    """E(w) of one layer or table: energy and its standard error by weight value, fJ per MAC cycle."""

    name: str
    values: npt.NDArray[np.int64]
    energy_fj: npt.NDArray[np.float64]
    error_fj: npt.NDArray[np.float64] | None


def energy_by_value(curves: Sequence[Curve], accounting: str) -> Figure:
    """The paper's figure 1: energy of a MAC cycle by weight value, with a band of two standard errors."""
    figure = new_figure(8.0, 4.2)
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
    figure.legend(loc="outside lower center", ncols=min(5, len(curves)), frameon=False, fontsize=8)
    return figure


def _has_band(curves: Sequence[Curve]) -> bool:
    return any(curve.error_fj is not None for curve in curves)


def energy_by_layer(compression: Compression) -> Figure:
    """Energy of each layer before and after, stacked by origin, one panel a source."""
    panels = sources(compression)
    layers = compression.layers
    figure = new_figure(max(7.0, 2.0 + 0.8 * len(layers) * len(panels)), 4.6)
    all_axes = figure.subplots(1, len(panels), sharey=True, squeeze=False)[0]
    unit = energy_unit(compression.energies.select(list(ORIGINS)).sum_horizontal())
    for axes, source in zip(all_axes, panels, strict=True):
        for offset, (stage, _) in enumerate(_STAGES):
            rows = figures(compression, source, stage)
            _stack(axes, [rows[layer] for layer in layers], offset, unit.in_fj)
        first = next(iter(figures(compression, source, "int8").values()))
        axes.set_title(f"by {first['origin']} ({first['accounting']})", fontsize=10)
        positions = [x + 0.4 * offset - 0.2 for x in range(len(layers)) for offset in (0, 1)]
        axes.set_xticks(positions, [label for _ in layers for _, label in _STAGES], rotation=90, fontsize=7)
        _name_layers(axes, layers)
        axes.grid(axis="y", alpha=0.3)
    all_axes[0].set_ylabel(f"{unit.name} per image, active PEs")
    handles, labels = all_axes[0].get_legend_handles_labels()
    seen = dict(zip(labels, handles, strict=True))
    figure.legend(seen.values(), seen.keys(), loc="outside upper center", ncols=6, frameon=False, fontsize=8)
    return figure


def _name_layers(axes: Axes, layers: Sequence[str]) -> None:
    lower = axes.secondary_xaxis(location=-0.16)
    lower.set_xticks(range(len(layers)), layers, fontsize=8)
    if max(map(len, layers)) > 8 or len(layers) > 8:
        lower.set_xticks(range(len(layers)), layers, fontsize=8, rotation=45, ha="right")
    lower.tick_params(length=0)
    lower.spines["bottom"].set_visible(False)


def _stack(axes: Axes, rows: Sequence[Mapping[str, Any]], offset: int, in_fj: float) -> None:
    positions = np.arange(len(rows)) + 0.4 * offset - 0.2
    bottom = np.zeros(len(rows))
    for column, name in ORIGINS.items():
        heights = np.array([row[column] for row in rows]) / in_fj
        axes.bar(positions, heights, 0.36, bottom, color=_ORIGIN_COLOURS[column], label=name)
        bottom += heights
        if column == "register_fj":
            errors = np.array([row["standard_error_fj"] for row in rows]) / in_fj
            axes.errorbar(positions, bottom, errors, fmt="none", ecolor="black", capsize=2, linewidth=0.8)
