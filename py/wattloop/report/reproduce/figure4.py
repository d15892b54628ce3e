"""The paper's figure 4: pruning, sets of values, and both."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.figure import Figure

from wattloop.compression.rows import Row
from wattloop.report.plotting import BLUE, GREY, ORANGE, new_figure
from wattloop.report.reproduce import paper
from wattloop.report.reproduce.exhibit import Claim, Exhibit
from wattloop.report.reproduce.results import (
    CONVENTIONS,
    INT8,
    LAYERWISE,
    PRUNE,
    SET,
    Result,
    as_frame,
    as_rows,
    shown,
)
from wattloop.report.reproduce.words import points, share

NAME = "figure4"
# Together they save substantially more from this much beyond the better one of the two on.
_SUBSTANTIAL = 0.05


def exhibit(results: Sequence[Result]) -> Exhibit:
    """The figure, its rows, and what they say.

    Args:
        results: int8 networks and compressed ones, by pruning, by sets, and by both (every other method).
    """
    compressed = [result.row for result in results if result.row.method != INT8]
    kinds = dict.fromkeys((row.network, row.mac) for row in compressed)
    claims = [_claim([row for row in compressed if (row.network, row.mac) == kind]) for kind in kinds]
    return Exhibit(
        name=NAME,
        title="Pruning, sets of values, and both",
        place="figure 4, section 5.3.2",
        data=as_frame(results),
        rows=as_rows(results),
        claims=claims,
        findings=[_about(row) for row in compressed],
        tables={"Measured": shown([result.row for result in results])},
        plots={NAME: plot(compressed)},
        conventions=CONVENTIONS,
    )


def _most(rows: Sequence[Row], methods: Sequence[str]) -> Row | None:
    able = [row for row in rows if row.method in methods]
    return max(able, key=lambda row: row.datapath_saving, default=None)


def _claim(rows: Sequence[Row]) -> Claim:
    says, place = paper.TOGETHER.says, paper.TOGETHER.place
    prune, values, both = (_most(rows, (method,)) for method in (PRUNE, SET, LAYERWISE))
    if prune is None or values is None or both is None:
        missing = [name for name, row in ((PRUNE, prune), (SET, values), (LAYERWISE, both)) if row is None]
        return Claim(says, place, "not measured", None, f"no network by {', '.join(missing)}")
    alone, together = max(prune, values, key=lambda row: row.datapath_saving), both.datapath_saving
    here = f"{rows[0].network}: " + ", ".join(
        f"{row.method} {row.setting} {share(row.datapath_saving)} at {share(row.accuracy)}"
        for row in (prune, values, both)
    )
    # If what each leaves were independent of the other.
    product = 1 - (1 - prune.datapath_saving) * (1 - values.datapath_saving)
    gain = together - alone.datapath_saving
    because = (
        f"both save {points(gain)} against {alone.method} alone (called substantial from {points(_SUBSTANTIAL)} on);"
        f" if they did not touch the same energy it would be {share(product)}"
    )
    each = min(prune.datapath_saving, values.datapath_saving) > 0
    return Claim(says, place, here, each and gain >= _SUBSTANTIAL, because)


def _about(row: Row) -> str:
    return (
        f"{row.network}, {row.method} {row.setting}: {share(row.datapath_saving)} saved with {share(row.sparsity)} of"
        f" the weights 0 and {row.max_values_per_layer} values, {points(row.accuracy - row.accuracy_int8)} of accuracy."
    )


def plot(rows: Sequence[Row]) -> Figure:
    """Saving and accuracy of each network as bars."""
    figure = new_figure(1.2 * len(rows) + 3.0, 4.2)
    axes = figure.add_subplot()
    at = np.arange(len(rows))
    axes.bar(at - 0.2, [100 * row.datapath_saving for row in rows], 0.4, color=BLUE, label="saved (datapath)")
    axes.bar(at + 0.2, [100 * row.accuracy for row in rows], 0.4, color=ORANGE, label="accuracy")
    axes.plot(at + 0.2, [100 * row.accuracy_int8 for row in rows], "_", color="black", ms=16, label="int8 accuracy")
    axes.set_xticks(at, [f"{row.method}\n{row.setting}" for row in rows], fontsize=8)
    axes.set(ylabel="%", ylim=(0, 100))
    axes.grid(axis="y", color=GREY, alpha=0.3)
    axes.legend(frameon=False, fontsize=8)
    return figure
