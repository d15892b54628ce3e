"""The paper's figure 1: mean power of the MAC by the weight that it holds."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence

import numpy as np
import polars as pl
from matplotlib.figure import Figure

from wattloop.power.energy_table import EnergyTable
from wattloop.report.plotting import CYCLE, new_figure
from wattloop.report.reproduce import paper
from wattloop.report.reproduce.exhibit import Claim, Exhibit
from wattloop.report.reproduce.words import ranks_agree, share

NAME = "figure1"
CHEAPEST = 16  # as many values as the paper's sets hold
# A spread is called substantial from this share of the mean on, if it is also far beyond the sampling error.
_SUBSTANTIAL = 0.1
_SURE = 5.0

CONVENTIONS = (
    "Power of one MAC while its data moves, mean over transitions sampled from the layer, µW at the clock of the"
    " settings (the paper: 5 GHz). Dynamic power is that of the combinational cells and of the registers' data,"
    " glitches included where the simulator sees them; total adds clock pins and leakage, which hardly depend on"
    " the weight. ± is one standard error of the sampling."
)


def powers(tables: Mapping[str, EnergyTable], clock_ps: float) -> pl.DataFrame:
    """Power by layer and weight.

    Args:
        tables: by layer.
        clock_ps: clock period.

    Returns:
        columns layer, weight, dynamic_uw, error_uw (one standard error of dynamic_uw), total_uw, and one column for
        each origin, in µW.
    """
    to_uw = 1e3 / clock_ps  # fJ / ps = mW
    frames = []
    for layer, table in tables.items():
        columns = {name.replace("_fj", "_uw"): values * to_uw for name, values in table.columns.items()}
        plain = {"layer": [layer] * len(table.weights), "weight": table.weights}
        figures = {
            "dynamic_uw": table.dynamic_fj * to_uw,
            "error_uw": table.standard_error_fj * to_uw,
            "total_uw": np.sum(list(columns.values()), axis=0),
        }
        frames.append(pl.DataFrame(plain | figures | columns))
    return pl.concat(frames)


def exhibit(tables: Mapping[str, EnergyTable], clock_ps: float) -> Exhibit:
    """The figure, its data, and what they say."""
    found = powers(tables, clock_ps)
    rows = [_summary(layer, found.filter(layer=layer)) for layer in tables]
    return Exhibit(
        name=NAME,
        title=f"Power of the MAC by weight value at {1000 / clock_ps:g} GHz",
        place="figure 1, section 2",
        data=found,
        rows=rows,
        claims=[_spread(row) for row in rows],
        findings=[*(_about(row) for row in rows), *_between(found, list(tables))],
        tables={"By layer": _shown(rows)},
        plots={NAME: plot(found, clock_ps)},
        conventions=CONVENTIONS,
    )


Summary = dict[str, float | int | str]


def _summary(layer: str, rows: pl.DataFrame) -> Summary:
    power = dict(zip(rows["weight"].to_list(), rows["dynamic_uw"].to_list(), strict=True))
    least, greatest = min(power, key=power.__getitem__), max(power, key=power.__getitem__)
    mean = float(np.mean(list(power.values())))
    twins = [w for w in power if w > 0 and -w in power]
    cheapest = sorted(power, key=power.__getitem__)[:CHEAPEST]
    return {
        "layer": layer,
        "mean_uw": mean,
        "mean_total_uw": float(rows["total_uw"].mean()),  # type: ignore[arg-type]
        "spread": float(np.std(list(power.values()))) / mean,
        "least_weight": least,
        "least_uw": power[least],
        "greatest_weight": greatest,
        "greatest_uw": power[greatest],
        "negative_to_positive": float(np.mean([power[-w] / power[w] for w in twins])) if twins else float("nan"),
        "positive_among_cheapest": sum(w > 0 for w in cheapest),
        "negative_among_cheapest": sum(w < 0 for w in cheapest),
        "worst_error": float((rows["error_uw"] / rows["dynamic_uw"]).fill_nan(0.0).max()),  # type: ignore[arg-type]
        "error_uw": float(rows["error_uw"].mean()),  # type: ignore[arg-type]
    }


def _spread(row: Summary) -> Claim:
    spread, mean, error = (float(row[name]) for name in ("spread", "mean_uw", "error_uw"))
    sure = spread * mean > _SURE * error
    measured = (
        f"{row['layer']}: {row['least_uw']:.1f} µW at w = {row['least_weight']} to {row['greatest_uw']:.1f} µW at"
        f" w = {row['greatest_weight']}, mean {mean:.1f} µW"
    )
    because = f"standard deviation over weights {share(spread)} of the mean, sampling error {share(error / mean)}"
    if not sure:
        because += "; the sampling error is too large to tell: raise characterize.pairs"
    agrees = spread >= _SUBSTANTIAL if sure else None
    return Claim(paper.SPREAD.says, paper.SPREAD.place, measured, agrees, because)


def _about(row: Summary) -> str:
    ratio = float(row["negative_to_positive"])
    order = "more" if ratio > 1 else "less"
    positive, negative = int(row["positive_among_cheapest"]), int(row["negative_among_cheapest"])
    clock = float(row["mean_total_uw"]) - float(row["mean_uw"])
    return (
        f"{row['layer']}: a negative weight costs {abs(ratio - 1):.0%} {order} than its positive twin in the mean; of"
        f" the {CHEAPEST} cheapest values {positive} are positive and {negative} negative"
        f"{', so that choosing by power alone leaves one sign only' if 0 in (positive, negative) else ''}."
        f" Clock and leakage add {clock:.1f} µW that no weight avoids,"
        f" {share(clock / float(row['mean_total_uw']))} of the mean total."
    )


def _between(found: pl.DataFrame, layers: Sequence[str]) -> list[str]:
    """How far the layers' curves agree: what one table for all layers would miss."""
    curves = {layer: dict(found.filter(layer=layer).select("weight", "dynamic_uw").iter_rows()) for layer in layers}
    sentences = []
    for one, other in itertools.pairwise(layers):
        a, b = curves[one], curves[other]
        ratios = np.array([b[w] / a[w] for w in a if w in b and a[w] > 0])
        sentences.append(
            f"{other} against {one}: the same weight takes {ratios.min():.2f} to {ratios.max():.2f} times the power"
            f" (mean {ratios.mean():.2f}), rank correlation {ranks_agree(a, b):.3f}."
        )
    return sentences


def _shown(rows: Sequence[Summary]) -> pl.DataFrame:
    return pl.DataFrame(
        [
            {
                "layer": row["layer"],
                "mean, µW": f"{row['mean_uw']:.2f}",
                "mean total, µW": f"{row['mean_total_uw']:.2f}",
                "least": f"{row['least_uw']:.2f} at {row['least_weight']}",
                "greatest": f"{row['greatest_uw']:.2f} at {row['greatest_weight']}",
                "deviation / mean": share(float(row["spread"])),
                "w < 0 against w > 0": f"{row['negative_to_positive']:.2f}",
                "worst sampling error": share(float(row["worst_error"])),
            }
            for row in rows
        ]
    )


def plot(found: pl.DataFrame, clock_ps: float) -> Figure:
    """Dynamic power by weight value, a line a layer, with a band of two standard errors."""
    figure = new_figure(8.0, 4.2)
    axes = figure.add_subplot()
    for index, ((layer,), rows) in enumerate(found.group_by("layer", maintain_order=True)):
        colour = CYCLE[index % len(CYCLE)]
        weight, power, error = (rows[name].to_numpy() for name in ("weight", "dynamic_uw", "error_uw"))
        axes.plot(weight, power, color=colour, linewidth=1.0, label=str(layer))
        axes.fill_between(weight, power - 2 * error, power + 2 * error, color=colour, alpha=0.25, linewidth=0)
    axes.set(xlabel="weight value", ylabel=f"dynamic power at {1000 / clock_ps:g} GHz, µW")
    axes.set_ylim(bottom=0)
    axes.grid(alpha=0.3)
    axes.legend(frameon=False)
    return figure
