"""Cells side by side: tables, the Pareto plot, and what programs read."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import polars as pl
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from wattloop.power.exploration import STAGES, Exploration, PerMac, TemplateHardware, pareto
from wattloop.report.plotting import BLUE, GREY, ORANGE, new_figure
from wattloop.report.units import NONE, percent, with_error

ACCOUNTINGS = (
    "Energies in fJ per multiply-accumulate, of the active PEs over all phases of their tiles, ± one standard"
    " error of the sampling of tiles. datapath: with glitches; functional: without; total in a MAC cycle: datapath"
    " and one cycle of clock and leakage; total of all cycles: with the clock and leakage of waiting cycles too,"
    " as `wattloop estimate` counts; array: datapath with the PEs that tiles leave idle. Stages: int8; compressed"
    " (the same weights on every cell, as far as it holds them); mapped: compressed, with filters negated and an"
    " offset of the partial sums where that costs less, bit for bit the same results, without the registers that"
    " hold the offsets. A cell that cannot hold all weights or inputs takes the nearest that it can, and computes"
    " another network. Timing with sign-off loads among neighbours in the array."
)


def tables(found: Exploration) -> dict[str, pl.DataFrame]:
    """The report's tables by title."""
    shown = {
        "Cells": _cells(found),
        f"Energy, {found.reference['layers']}": _energies(found),
        "Energy and delay": _delays(found),
    }
    if not found.ranks:
        return shown
    return shown | {f"Rank correlation of E(w), {found.reference['ranks of weights on']}": _ranks(found)}


def as_json(found: Exploration) -> dict[str, Any]:
    """Everything, for programs: energies per multiply-accumulate in fJ, times in ps."""
    return {
        "reference": dict(found.reference),
        "templates": [_entry(found, cell) for cell in found.templates],
        "rank_correlation": [{"template": a, "other": b, "value": value} for a, b, value in found.ranks],
    }


def _entry(found: Exploration, cell: TemplateHardware) -> dict[str, Any]:
    plain = {name: getattr(cell, name) for name in ("name", "module", "multiplier", "cells", "area_um2")}
    times = {name: getattr(cell, name) for name in ("critical_path_ps", "slack_ps", "opensta_slack_ps")}
    stages = {stage: _figures(cell, found.per_mac(cell.name, stage)) for stage in STAGES}
    return {
        **plain,
        **times,
        "preload_fj": cell.preload_fj,
        "meets_clock": cell.slack_ps >= 0,
        "changed_weights": cell.changed_weights,
        "changed_inputs": cell.changed_inputs,
        **(stages.pop("int8") or {}),
        **stages,
    }


def _figures(cell: TemplateHardware, energy: PerMac | None) -> dict[str, float] | None:
    if energy is None:
        return None
    return {
        "datapath_fj": energy.datapath_fj,
        "functional_fj": energy.functional_fj,
        "total_fj": energy.total_fj,
        "whole_fj": energy.whole_fj,
        "array_fj": energy.array_fj,
        "datapath_error_fj": energy.error_fj,
        "energy_delay_fj_ps": energy.total_fj * cell.critical_path_ps,
    }


def _cells(found: Exploration) -> pl.DataFrame:
    clock = found.reference["clock_ps"]
    rows = []
    for cell in found.templates:
        opensta = NONE if cell.opensta_slack_ps is None else f"{cell.opensta_slack_ps:.1f}"
        rows.append(
            {
                "cell": cell.name,
                "cells": str(cell.cells),
                "area, µm²": f"{cell.area_um2:.1f}",
                "critical path, ps": f"{cell.critical_path_ps:.1f}",
                "slack, ps": f"{cell.slack_ps:.1f}",
                f"{clock} ps": "meets" if cell.slack_ps >= 0 else "MISSES",
                "by OpenSTA, ps": opensta,
                "weights it changes": percent(cell.changed_weights),
                "inputs it changes": percent(cell.changed_inputs),
            }
        )
    return pl.DataFrame(rows)


def _energies(found: Exploration) -> pl.DataFrame:
    rows = []
    for cell in found.templates:
        before = found.per_mac(cell.name)
        for stage in STAGES:
            energy = found.per_mac(cell.name, stage)
            if energy is None or before is None:
                continue
            rows.append(
                {
                    "cell": cell.name,
                    "stage": stage,
                    "datapath, fJ": with_error(energy.datapath_fj, energy.error_fj),
                    "saved": percent(1 - energy.datapath_fj / before.datapath_fj),
                    "functional, fJ": f"{energy.functional_fj:.1f}",
                    "glitches": percent(1 - energy.functional_fj / energy.datapath_fj),
                    "total in a MAC cycle, fJ": f"{energy.total_fj:.1f}",
                    "saved in a MAC cycle": percent(1 - energy.total_fj / before.total_fj),
                    "total of all cycles, fJ": f"{energy.whole_fj:.1f}",
                    "saved of all cycles": percent(1 - energy.whole_fj / before.whole_fj),
                    "array, fJ": f"{energy.array_fj:.1f}",
                }
            )
    return pl.DataFrame(rows)


def _delays(found: Exploration) -> pl.DataFrame:
    rows = []
    for cell in found.templates:
        row = {"cell": cell.name}
        for stage in STAGES:
            figures = _figures(cell, found.per_mac(cell.name, stage))
            row[f"{stage}, fJ·ns"] = NONE if figures is None else f"{figures['energy_delay_fj_ps'] / 1000:.2f}"
        rows.append(row)
    return pl.DataFrame(rows)


def _ranks(found: Exploration) -> pl.DataFrame:
    value = {frozenset((a, b)): f"{rank:.3f}" for a, b, rank in found.ranks}
    names = [cell.name for cell in found.templates]
    return pl.DataFrame(
        [{"cell": a} | {b: "1" if a == b else value.get(frozenset((a, b)), NONE) for b in names} for a in names]
    )


Axis = Callable[[TemplateHardware], float]
_AXES: Mapping[str, Axis] = {
    "area of the cell, µm²": lambda cell: cell.area_um2,
    "critical path, ps": lambda cell: cell.critical_path_ps,
}


def pareto_plot(found: Exploration) -> Figure:
    """Datapath energy against area and against the critical path, before and after compression, with the fronts.

    A cell that computes another network (crosses: it changes weights or inputs) is on no front.
    """
    figure = new_figure(11, 5)
    for axes, (label, along) in zip(figure.subplots(1, 2), _AXES.items(), strict=True):
        for stage, colour in (("int8", BLUE), ("compressed", ORANGE)):
            _scatter(axes, found, stage, colour, along)
        axes.set(xlabel=label, ylabel="datapath energy, fJ per multiply-accumulate")
        axes.set_ylim(bottom=0)
        axes.grid(color=GREY, alpha=0.3)
    figure.axes[1].axvline(float(found.reference["clock_ps"]), color=GREY, linestyle=":")
    figure.axes[0].legend()
    return figure


def _scatter(axes: Axes, found: Exploration, stage: str, colour: str, along: Axis) -> None:
    points = {
        cell: (along(cell), energy.datapath_fj)
        for cell in found.templates
        if (energy := found.per_mac(cell.name, stage)) is not None
    }
    same = [point for cell, point in points.items() if cell.same_network]
    front = [same[k] for k in pareto(same)]
    axes.step([x for x, _ in front], [y for _, y in front], where="post", color=colour, label=f"{stage}, front")
    for cell, (x, y) in points.items():
        # Hollow where the clock is missed.
        filled = colour if cell.slack_ps >= 0 else "none"
        axes.plot(x, y, "o" if cell.same_network else "X", color=colour, markerfacecolor=filled)
        axes.annotate(cell.name, (x, y), textcoords="offset points", xytext=(4, 3), fontsize=6)
