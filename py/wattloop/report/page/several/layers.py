"""Layers that runs have in common: their energies, and their E(w)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import polars as pl

from wattloop.report import estimates
from wattloop.report.energies import figures, sources
from wattloop.report.energy_plots import Curve
from wattloop.report.inputs import StoredRun
from wattloop.report.page.axes import spanning, values_axis
from wattloop.report.page.blocks import Section, section
from wattloop.report.page.charts import BarChart, BarRow, Chart, Line, Plots
from wattloop.report.page.several.between import Named, colour
from wattloop.report.page.stacked import LEGEND, Scale, dynamic_fj, stacked
from wattloop.report.value_curves import curves_of, layer_curves

Row = Mapping[str, Any]


def energy(runs: Sequence[Named]) -> Section | None:
    """Energy of the layers, a bar a run and stage; None where no two runs have a layer in common."""
    found = {(name, stage): rows for name, run in runs for stage, rows in _stages(run).items()}
    common = _common({name: _layers(run) for name, run in runs})
    if not common:
        return None
    shown = [rows[layer] for rows in found.values() for layer in common if layer in rows]
    scale = Scale.of(shown)
    rows = tuple(
        BarRow(
            layer,
            tuple(
                stacked(f"{name}, {stage}".removesuffix(", "), by[layer], scale)
                for (name, stage), by in found.items()
                if layer in by
            ),
        )
        for layer in common
    )
    caption = (
        "One image on the active PEs, by simulated tiles where a run has them, else by its table; the figure is the "
        "dynamic part."
    )
    lines = [
        {"layer": layer, "run": name, "network": stage, "dynamic": scale.text(dynamic_fj(by[layer]))}
        for layer in common
        for (name, stage), by in found.items()
        if layer in by
    ]
    chart = BarChart("", f"Energy of {len(rows)} layers in {len(runs)} runs", rows, wide=True)
    return section("energy", "Energy by layer", [Plots([chart], caption, pl.DataFrame(lines), LEGEND)])


def _stages(run: StoredRun) -> dict[str, dict[str, Row]]:
    """Rows of energies by stage and layer."""
    if run.compression is not None:
        source = sources(run.compression)[-1]
        return {stage: dict(figures(run.compression, source, stage)) for stage in ("int8", "compressed")}
    if run.estimate is not None:
        return {"": {tiles["layer"]: tiles for _, tiles in estimates.pairs_of(run.estimate)}}
    return {}


def _layers(run: StoredRun) -> list[str]:
    return list(dict.fromkeys(layer for rows in _stages(run).values() for layer in rows))


def _common(layers: Mapping[str, Sequence[str]]) -> list[str]:
    """Names that two or more have, in the order of the first that has them."""
    order = dict.fromkeys(layer for found in layers.values() for layer in found)
    return [layer for layer in order if sum(layer in found for found in layers.values()) > 1]


def curves(runs: Sequence[Named]) -> Section | None:
    """E(w) of each layer that runs have in common, a line a run."""
    found = {name: {curve.name: curve for curve in _curves(run)} for name, run in runs}
    common = _common({name: list(curves) for name, curves in found.items()})
    panels = [_panel(layer, found) for layer in common]
    caption = (
        "Dynamic energy of one MAC cycle of each layer by the weight that the cell holds: from the run's table, or as "
        "its compression saw the int8 network."
    )
    lines = [
        {"layer": layer, "run": name, "mean, fJ": f"{curves[layer].energy_fj.mean():.1f}"}
        for layer in common
        for name, curves in found.items()
        if layer in curves
    ]
    return section(
        "values", "Energy by weight value", [Plots(panels, caption, pl.DataFrame(lines), tall=len(panels) == 1)]
    )


def _curves(run: StoredRun) -> list[Curve]:
    tables = [curve for found in curves_of(run.tables).values() for curve in found]
    return tables or ([] if run.compression is None else layer_curves(run.compression))


def _panel(layer: str, found: Mapping[str, Mapping[str, Curve]]) -> Chart:
    lines = []
    for k, (name, curves) in enumerate(found.items()):
        if layer in curves:
            paint, dashed = colour(k)
            lines.append(Line(name, curves[layer].values, curves[layer].energy_fj, paint, dashed=dashed))
    own = [curves[layer] for curves in found.values() if layer in curves]
    y = spanning("fJ per MAC cycle", [fj for curve in own for fj in curve.energy_fj], zero=True)
    return Chart(layer, f"E(w) of {layer} in {len(lines)} runs", values_axis(), y, lines)
