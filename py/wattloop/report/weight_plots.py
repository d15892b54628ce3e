"""Plots of weights: histograms before and after, and the sets kept."""

from __future__ import annotations

import numpy as np
import polars as pl
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from wattloop.report.inputs import Compression
from wattloop.report.plotting import BLUE, GREY, RED, new_figure


def weight_histograms(compression: Compression) -> Figure:
    """How often each weight value occurs, int8 against compressed, one panel a layer."""
    layers = compression.layers
    columns = 1 if len(layers) <= 3 else 2
    lines = -(-len(layers) // columns)
    figure = new_figure(5.2 * columns + 2.0, 1.9 * lines + 1.0)
    grid = figure.subplots(lines, columns, sharex=True, squeeze=False).ravel()
    for axes, layer in zip(grid, layers, strict=False):
        _histogram(axes, compression.values.filter(layer=layer))
        axes.set_title(layer, fontsize=9, loc="left")
    for axes in grid[len(layers) :]:
        axes.set_visible(False)
    for axes in grid[max(0, len(layers) - columns) : len(layers)]:
        axes.set_xlabel("weight value")
        axes.tick_params(labelbottom=True)
    figure.supylabel("fraction of the weights (log)", fontsize=9)
    handles, labels = grid[0].get_legend_handles_labels()
    figure.legend(handles[::-1], labels[::-1], loc="outside upper center", ncols=2, frameon=False, fontsize=8)
    return figure


def _histogram(axes: Axes, rows: pl.DataFrame) -> None:
    values = rows["value"].to_numpy()
    before, after = (rows[f"histogram_{stage}"].to_numpy() for stage in ("before", "after"))
    whole = before.sum()
    axes.bar(values, before / whole, width=1.0, color=GREY, alpha=0.6, label="int8")
    used = after > 0
    axes.vlines(values[used], 0.3 / whole, after[used] / whole, color=BLUE, linewidth=1.4, label="compressed")
    axes.plot(values[used], after[used] / whole, ".", color=BLUE, markersize=3)
    axes.set_yscale("log")
    axes.set(xlim=(-130, 129), ylim=(0.3 / whole, 2.0))
    axes.grid(alpha=0.25)


def kept_sets(compression: Compression) -> Figure:
    """The allowed values of each layer on the axis of weight values; a layer left free is one grey band."""
    layers = compression.layers
    figure = new_figure(8.0, 0.36 * len(layers) + 1.3)
    axes = figure.add_subplot()
    for row, layer in enumerate(layers):
        allowed = compression.values.filter(pl.col("layer") == layer, pl.col("allowed"))["value"].to_numpy()
        if allowed.size == 256:
            axes.barh(row, 256, 0.5, left=-128.5, color=GREY, alpha=0.4)
        else:
            colours = np.where(allowed == 0, RED, BLUE)
            axes.vlines(allowed, row - 0.3, row + 0.3, color=colours, linewidth=1.8)
    sizes = compression.values.group_by("layer").agg(pl.col("allowed").sum())
    counts = dict(sizes.iter_rows())
    axes.set_yticks(range(len(layers)), [f"{layer} ({counts[layer]})" for layer in layers], fontsize=8)
    axes.set(xlim=(-130, 129), ylim=(len(layers) - 0.5, -0.5), xlabel="weight value")
    axes.set_title("Values kept by layer (0 in orange; in brackets how many; grey: all)", fontsize=10)
    axes.grid(axis="x", alpha=0.3)
    return figure
