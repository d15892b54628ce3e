"""Weights before and after: histograms, E(w) of each layer with the values that it keeps, and the sets."""

from __future__ import annotations

import numpy as np
import polars as pl

from wattloop.report import tables
from wattloop.report.inputs import Compression
from wattloop.report.page.axes import Axis, spanning, values_axis
from wattloop.report.page.blocks import Grid, Section, section
from wattloop.report.page.charts import GREY, Band, Chart, Dots, Line, Mark, Plots, Sticks
from wattloop.report.units import percent

_LEGEND = (("band grey", "", "int8"), ("line c1", "", "compressed"))
_CURVES = (("line grey", "", "int8"), ("line c1", "", "compressed"), ("c4", "0", "values kept"))


def histograms(compression: Compression) -> Section | None:
    """The section on the values that weights have."""
    panels = [_histogram(compression, layer) for layer in compression.layers]
    plots = Plots(
        panels,
        "Share of a layer's weights that have each value, logarithmic: int8 as the grey ground, compressed as lines.",
        _shares(compression),
        _LEGEND,
    )
    return section("weights", "Weights before and after", [plots, Grid("Values kept", tables.kept_sets(compression))])


def _histogram(compression: Compression, layer: str) -> Chart:
    rows = compression.values.filter(layer=layer).sort("value")
    values = rows["value"].to_numpy()
    before, after = (rows[f"histogram_{stage}"].to_numpy() for stage in ("before", "after"))
    whole = max(1, int(before.sum()))
    floor, used = 0.5 / whole, after > 0
    ground = Band("", values, np.full(len(values), floor), np.maximum(before / whole, floor), GREY, step=True)
    sticks = Sticks("", values[used], after[used] / whole)
    says = f"{layer}: {int((before > 0).sum())} values in use before, {int(used.sum())} after"
    return Chart(layer, says, values_axis(), Axis("share of the weights", floor, 1.0, log=True), [ground, sticks])


def _shares(compression: Compression) -> pl.DataFrame:
    lines = []
    for layer in compression.layers:
        rows = compression.values.filter(layer=layer)
        line = {"layer": layer}
        for stage, name in (("before", "int8"), ("after", "compressed")):
            counts = rows[f"histogram_{stage}"].to_numpy()
            zeros = counts[rows["value"].to_numpy() == 0].sum()
            line[f"values in use, {name}"] = str(int((counts > 0).sum()))
            line[f"zeros, {name}"] = percent(float(zeros / max(1, counts.sum())))
        lines.append(line)
    return pl.DataFrame(lines)


def curves(compression: Compression) -> Plots | None:
    """E(w) of each layer before and after, as the loop saw it, with the values that it keeps."""
    panels = [_curve(compression, layer) for layer in compression.layers]
    return Plots(
        panels,
        "E(w) of each layer as the compression saw it: energy of a MAC cycle by weight value, from the statistics of "
        "the int8 network and of the compressed one. Points are the values that the layer keeps; without points it "
        "keeps all. Their standard errors are not stored.",
        pl.DataFrame([_extremes(compression, layer) for layer in compression.layers]),
        _CURVES,
    )


def _curve(compression: Compression, layer: str) -> Chart:
    rows = compression.values.filter(layer=layer).sort("value")
    before, after = (rows[f"curve_{stage}"].to_numpy() for stage in ("before", "after"))
    kept = rows.filter(pl.col("allowed") & pl.col("curve_after").is_finite())
    marks: list[Mark] = [Line("int8", rows["value"], before, GREY), Line("compressed", rows["value"], after)]
    if len(kept) < len(rows):
        texts = [f"{value}: {fj:.1f} fJ" for value, fj in zip(kept["value"], kept["curve_after"], strict=True)]
        points = kept["value"].to_list(), kept["curve_after"].to_list()
        marks.append(Dots("values kept", *points, texts, "c4", size="small"))
    y = spanning("fJ per MAC cycle", [*before, *after], zero=True)
    says = f"{layer}: energy by weight value before and after, {len(kept)} values kept"
    return Chart(layer, says, values_axis(), y, marks)


def _extremes(compression: Compression, layer: str) -> dict[str, str]:
    rows = compression.values.filter(pl.col("layer") == layer, pl.col("curve_before").is_finite()).sort("curve_before")
    mean = {stage: float(rows[f"curve_{stage}"].to_numpy().mean()) for stage in ("before", "after")}
    return {
        "layer": layer,
        "cheapest values, int8": ", ".join(map(str, rows["value"].head(5))),
        "dearest": ", ".join(map(str, rows["value"].tail(5).reverse())),
        "mean over values, int8, fJ": f"{mean['before']:.1f}",
        "compressed, fJ": f"{mean['after']:.1f}",
    }
