"""Settling times of the MAC cell: tables and the plot by weight."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import polars as pl
from matplotlib.figure import Figure

from wattloop.errors import StorageError
from wattloop.report.plotting import CYCLE, GREY, new_figure
from wattloop.report.units import percent
from wattloop.timing.summary import MethodTiming

METHODS = (
    "Settling times in ps after the clock edge, of every weight over every transition of the activation. multiplier: of"
    " the product, plus the adder's longest path (as PowerPruning); sampled: of the whole cell, the latest over sampled"
    " partial sums; worst: a bound for all partial sums. Delays are those that glitches are counted with, inertial; no"
    " settling time exceeds the longest path over the same delays. Late: after the bound, by default the clock period"
    " less the set-up time."
)


@dataclass(frozen=True)
class StoredTiming:
    """What `wattloop timing` left.

    Attributes:
        methods: one each.
        weights: a row a method and weight.
        histogram: a row a method, weight and bin of settling times that holds anything.
    """

    methods: tuple[MethodTiming, ...]
    weights: pl.DataFrame
    histogram: pl.DataFrame

    @classmethod
    def load(cls, folder: Path) -> StoredTiming:
        """Read a run's folder `timing`.

        Raises:
            StorageError: missing or damaged.
        """
        try:
            methods, weights, histogram = (
                pl.read_parquet(folder / f"{name}.parquet") for name in ("methods", "weights", "histogram")
            )
            return cls(tuple(MethodTiming(**row) for row in methods.to_dicts()), weights, histogram)
        except (OSError, TypeError, pl.exceptions.PolarsError) as error:
            raise StorageError(f"cannot read {folder}: {error}; run `wattloop timing` again") from error


def by_method(methods: Sequence[MethodTiming]) -> pl.DataFrame:
    """A row a method."""
    return pl.DataFrame(
        [
            {
                "method": one.method,
                "transitions": str(one.transitions),
                "earliest, ps": f"{one.earliest_ps:.0f}",
                "median, ps": f"{one.median_ps:.0f}",
                "latest, ps": f"{one.latest_ps:.0f}",
                "partial sums alone, ps": f"{one.psum_ps:.0f}",
                "longest path, ps": f"{one.longest_ps:.0f}",
                "late": percent(one.late_share),
                "weights with late ones": str(one.late_weights),
            }
            for one in methods
        ]
    )


def by_weight(weights: pl.DataFrame, bound_ps: float | None) -> Figure:
    """Spread of the settling times of each weight, a panel a method."""
    methods = weights["method"].unique(maintain_order=True).to_list()
    figure = new_figure(11, 3.2 * len(methods))
    panels = figure.subplots(len(methods), 1, sharex=True, squeeze=False)[:, 0]
    for axes, method, colour in zip(panels, methods, CYCLE, strict=False):
        rows = weights.filter(pl.col("method") == method)
        axes.fill_between(rows["weight"], rows["min_ps"], rows["max_ps"], color=colour, alpha=0.3, step="mid")
        axes.step(rows["weight"], rows["median_ps"], where="mid", color=colour, label="median, within least and latest")
        axes.step(rows["weight"], rows["longest_ps"], where="mid", color=GREY, linewidth=0.8, label="longest path")
        if bound_ps is not None:
            axes.axhline(bound_ps, color=GREY, linestyle=":", label="bound")
        axes.set(title=method, ylabel="settling time, ps")
        axes.set_ylim(bottom=0)
        axes.grid(color=GREY, alpha=0.3)
    panels[0].legend(fontsize=8)
    panels[-1].set_xlabel("weight")
    return figure
