"""The verdict on tables: their errors by layer and statistical model, and whether layer-aware beats global."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import polars as pl
from matplotlib.figure import Figure

from wattloop.power.verdict import Claim, LayerVerdict, claims, summed
from wattloop.report.plotting import new_figure

CONVENTIONS = (
    "Dynamic energy of one image on the active PEs, all phases of every tile. Error: table against the simulation of "
    "all tiles of the same images; ± is the table's own sampling error. Rank: Spearman correlation of the table's E(w) "
    "with the energy that random cells of the layer's own tiles draw under every one of the weight values, their "
    "inputs being what they are; error of E(w): mean over the values of the absolute difference between the two."
)


def by_layer(rows: Sequence[LayerVerdict]) -> pl.DataFrame:
    """Errors of the layers' energies, one row a stage and layer, one column a model."""
    found: dict[tuple[str, str], dict[str, str]] = {}
    for row in rows:
        line = found.setdefault((row.stage, row.layer), {"network": row.stage, "layer": row.layer})
        line["exact, nJ"] = f"{row.exact_fj * 1e-6:.4g}"
        line[row.statistics] = f"{100 * row.error:+.2f} ± {100 * row.sampling_error:.2f} %"
    return pl.DataFrame(list(found.values()), infer_schema_length=None).fill_null("")


def by_network(rows: Sequence[LayerVerdict]) -> pl.DataFrame:
    """All convolutions, one row a stage and model."""
    return pl.DataFrame(
        [
            {
                "network": row.stage,
                "statistics": row.statistics,
                "error of the network": f"{100 * row.error:+.2f} %",
                "mean of layers": f"{100 * row.mean_error:.2f} %",
                "worst layer": f"{100 * row.worst_error:+.2f} % ({row.worst_layer})",
                "rank, mean": f"{row.mean_rank:.4f}",
                "rank, worst": f"{row.worst_rank:.4f}",
                "error of E(w)": f"{100 * row.value_error:.2f} %",
            }
            for row in summed(rows)
        ]
    )


def in_words(rows: Sequence[LayerVerdict]) -> list[str]:
    """Whether the paper's claim holds, a sentence a stage."""
    return [_sentence(claim) for claim in claims(rows)]


def _sentence(claim: Claim) -> str:
    energies = "beat" if claim.energies else "do not beat"
    ranks = "rank" if claim.ranks else "do not rank"
    return (
        f"{claim.stage}: layer-aware statistics {energies} global ones on the layers' energies (mean error "
        f"{100 * claim.layer_error:.2f} % against {100 * claim.global_error:.2f} %; better on {claim.better} of "
        f"{claim.layers} convolutions) and {ranks} weights better (mean correlation {claim.layer_rank:.4f} against "
        f"{claim.global_rank:.4f})."
    )


def errors_of_layers(rows: Sequence[LayerVerdict]) -> Figure:
    """Absolute error of every layer's energy by each model, one panel a stage."""
    stages = list(dict.fromkeys(row.stage for row in rows))
    models = list(dict.fromkeys(row.statistics for row in rows))
    figure = new_figure(7.0, 2.8 * len(stages) + 0.8)
    panels = figure.subplots(len(stages), 1, squeeze=False)[:, 0]
    for axes, stage in zip(panels, stages, strict=True):
        for place, model in enumerate(models):
            mine = [abs(row.error) for row in rows if (row.stage, row.statistics) == (stage, model)]
            if mine:
                spread = np.linspace(-0.25, 0.25, len(mine))
                axes.plot(place + spread, np.maximum(mine, 1e-5), ".", markersize=5)
        axes.set_xticks(range(len(models)), models, fontsize=8)
        axes.set_yscale("log")
        axes.set_ylabel("error of a layer's energy")
        axes.set_title(stage, fontsize=9, loc="left")
        axes.grid(axis="y", alpha=0.3)
    return figure
