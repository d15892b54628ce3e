"""The paper's figures 2 and 3: energy by the bits that partial sums change, and heat maps of transitions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt
import polars as pl
from matplotlib.colors import LogNorm
from matplotlib.figure import Figure

from wattloop.arith.statistics import LayerStatistics
from wattloop.report.plotting import new_figure

Int64 = npt.NDArray[np.int64]

CONVENTIONS = (
    "Energies of single transitions, glitches included. Stability: variance of the cells' means over the mean variance "
    "within cells, cells of at least 10 transitions; explained: share of the variance that the means explain. Groups "
    "are those of the raw pattern (10 by highest bit, 5 by Hamming weight); *by magnitude* takes the same of absolute "
    "values."
)


def by_layer(quality: pl.DataFrame) -> pl.DataFrame:
    """Stability and explained variance, one row a layer and grouping."""
    zero = pl.col("weight") == 0
    return quality.group_by(["layer", "grouping"], maintain_order=True).agg(
        _shown("stability", zero, "stability at w = 0"),
        _shown("explained", zero, "explained at w = 0"),
        _shown("stability", ~zero, "stability, other w"),
        _shown("explained", ~zero, "explained, other w"),
    )


def _shown(field: str, rows: pl.Expr, name: str) -> pl.Expr:
    return pl.col(field).filter(rows).mean().round(4).cast(pl.String).alias(name)


def by_hamming(costs: pl.DataFrame) -> Figure:
    """Energy of random transitions by the number of partial-sum bits that change (the paper's figure 2a)."""
    figure = new_figure(5.0, 3.4)
    axes = figure.add_subplot()
    for (weight,), rows in costs.filter(view="Hamming distance").sort("after").group_by("weight", maintain_order=True):
        axes.errorbar(rows["after"], rows["mean_fj"], rows["spread_fj"], fmt=".-", capsize=2, label=f"w = {weight}")
    axes.set(xlabel="Hamming distance of the partial sums", ylabel="fJ of a MAC cycle (bars: spread)")
    axes.grid(alpha=0.3)
    axes.legend(frameon=False)
    return figure


def by_highest_bit(costs: pl.DataFrame) -> Figure:
    """Mean energy by the highest bit before and after (the paper's figure 2b), a panel a weight."""
    rows = costs.filter(view="MSB")
    weights = rows["weight"].unique(maintain_order=True).to_list()
    figure = new_figure(3.6 * len(weights) + 0.8, 3.4)
    panels = np.atleast_1d(figure.subplots(1, len(weights), sharey=True))
    size = int(rows["before"].max()) + 1  # type: ignore[arg-type]
    for axes, weight in zip(panels, weights, strict=True):
        mine = rows.filter(weight=weight)
        grid = np.full((size, size), np.nan)
        grid[mine["before"], mine["after"]] = mine["mean_fj"]
        image = axes.imshow(grid, origin="lower", cmap="viridis")
        axes.set(title=f"w = {weight}", xlabel="highest bit after")
        figure.colorbar(image, ax=axes, label="fJ", shrink=0.8)
    panels[0].set_ylabel("highest bit before")
    return figure


def activation_heat_maps(layers: Sequence[LayerStatistics]) -> Figure:
    """How often each activation follows each other one (the paper's figure 3), a panel a layer, logarithmic."""
    low = -128 if layers[0].activation_signed else 0
    edges = (low, low + 256, low, low + 256)
    # Signed levels lie in the order of their values, not of their patterns.
    return _panels({s.layer: np.roll(s.activation_counts, low, axis=(0, 1)) for s in layers}, "activation", edges)


def group_heat_maps(layers: Sequence[LayerStatistics]) -> Figure:
    """How often each group of partial sums follows each other one, a panel a layer, logarithmic."""
    return _panels({s.layer: s.group_counts for s in layers}, "group", (0, 50, 0, 50))


def _panels(counts: Mapping[str, Int64], what: str, edges: tuple[int, int, int, int]) -> Figure:
    columns = min(4, len(counts))
    lines = -(-len(counts) // columns)
    figure = new_figure(2.6 * columns + 0.8, 2.5 * lines + 0.4)
    grid = figure.subplots(lines, columns, squeeze=False).ravel()
    for axes, (layer, seen) in zip(grid, counts.items(), strict=False):
        share = np.ma.masked_equal(seen / seen.sum(), 0)
        image = axes.imshow(share, origin="lower", norm=LogNorm(1e-6, 1.0), cmap="magma", extent=edges)
        axes.set_title(layer, fontsize=8, loc="left")
        axes.tick_params(labelsize=6)
    for axes in grid[len(counts) :]:
        axes.set_visible(False)
    figure.colorbar(image, ax=grid[: len(counts)].tolist(), label="share of the transitions", shrink=0.8)
    figure.supxlabel(f"{what} after", fontsize=8)
    figure.supylabel(f"{what} before", fontsize=8)
    return figure
