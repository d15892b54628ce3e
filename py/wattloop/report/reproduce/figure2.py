"""The paper's figure 2: power of random partial-sum transitions by Hamming distance and by highest bits."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

import numpy as np
import polars as pl

from wattloop.power.grouping import BitCost
from wattloop.report.reproduce import paper
from wattloop.report.reproduce.exhibit import Claim, Exhibit
from wattloop.report.reproduce.words import ranks_agree, share
from wattloop.report.statistics import by_hamming, by_highest_bit

NAME = "figure2"
# Means over fewer random transitions are noise.
_ENOUGH = 30
_MONOTONIC = 0.9
_NEAR = 3
_MUCH = 1.25

CONVENTIONS = (
    "Random pairs of partial sums, every position of the highest bit (0 for the sum 0, up to 22) equally often; the"
    " activations are the layer's. The weight stays. Energy of a MAC cycle in fJ; at a clock of 200 ps, 1 fJ a cycle is"
    " 5 µW. Near: highest bits at most 3 apart. High: a highest bit in the upper third, before or after. Bins of fewer"
    " than 30 transitions are left out of the figures, not of the data."
)


def exhibit(costs: Sequence[BitCost], clock_ps: float) -> Exhibit:
    """The figure, its data, and what they say.

    Args:
        costs: means by Hamming distance and by highest bits, for some weights.
        clock_ps: clock period, for the power.
    """
    data = pl.DataFrame([asdict(cost) for cost in costs]).with_columns(mean_uw=pl.col("mean_fj") * (1e3 / clock_ps))
    enough = data.filter(pl.col("transitions") >= _ENOUGH)
    rows = [_summary(weight, enough.filter(weight=weight)) for weight in data["weight"].unique(maintain_order=True)]
    return Exhibit(
        name=NAME,
        title="Power of partial-sum transitions by Hamming distance and by highest bits",
        place='figure 2, section 3.1.1 (whose text calls its parts "4a" and "4b")',
        data=data,
        rows=rows,
        claims=[claim(row) for claim in (_distance, _diagonal, _high) for row in rows],
        findings=[_about(row) for row in rows],
        tables={"By weight": _shown(rows)},
        plots={f"{NAME}a": by_hamming(enough), f"{NAME}b": by_highest_bit(data)},
        conventions=CONVENTIONS,
    )


def _summary(weight: int, rows: pl.DataFrame) -> dict[str, Any]:
    distance = rows.filter(view="Hamming distance").sort("after")
    highest = rows.filter(view="MSB")
    before, after = (highest[name].to_numpy() for name in ("before", "after"))
    top = int(max(before.max(), after.max()))
    near = np.abs(before - after) <= _NEAR
    high = np.maximum(before, after) > 2 * top / 3
    means = distance["mean_fj"].to_numpy()
    return {
        "weight": int(weight),
        "rank_correlation": ranks_agree(distance["after"], distance["mean_fj"]),
        "rising_steps": float((np.diff(means) > 0).mean()),
        "explained_by_distance": explained(distance),
        "explained_by_highest_bits": explained(highest),
        "least_distance": int(distance["after"][0]),
        "least_fj": float(means[0]),
        "peak_distance": int(distance["after"][int(means.argmax())]),
        "peak_fj": float(means.max()),
        "greatest_distance": int(distance["after"][-1]),
        "greatest_fj": float(means[-1]),
        "near_fj": _mean(highest.filter(near)),
        "far_fj": _mean(highest.filter(~near)),
        "high_fj": _mean(highest.filter(high)),
        "low_fj": _mean(highest.filter(~high)),
    }


def _mean(rows: pl.DataFrame) -> float:
    return float(np.average(rows["mean_fj"], weights=rows["transitions"]))


def explained(rows: pl.DataFrame) -> float:
    """Share of the variance of single transitions that the means of their bins explain, 0 to 1.

    Args:
        rows: columns mean_fj, spread_fj (standard deviation within the bin) and transitions.
    """
    sizes, means, spreads = (rows[name].to_numpy() for name in ("transitions", "mean_fj", "spread_fj"))
    between = np.average((means - np.average(means, weights=sizes)) ** 2, weights=sizes)
    within = np.average(spreads**2, weights=sizes)
    return float(between / (between + within)) if between + within else 0.0


def _distance(row: dict[str, Any]) -> Claim:
    rank = row["rank_correlation"]
    measured = f"w = {row['weight']}: rank correlation {rank:.3f}, {row['rising_steps']:.0%} of the steps rise"
    because = f"dearest at distance {row['peak_distance']} ({row['peak_fj']:.0f} fJ)"
    if row["peak_distance"] < row["greatest_distance"]:
        because += f", {share(1 - row['greatest_fj'] / row['peak_fj'])} less at {row['greatest_distance']}"
    because += f"; the distance explains {row['explained_by_distance']:.0%} of the variance of single transitions"
    return Claim(paper.DISTANCE.says, paper.DISTANCE.place, measured, rank >= _MONOTONIC, because)


def _diagonal(row: dict[str, Any]) -> Claim:
    near, far = row["near_fj"], row["far_fj"]
    measured = f"w = {row['weight']}: near {near:.1f} fJ, far {far:.1f} fJ"
    because = f"near the diagonal {share(abs(1 - near / far))} {'less' if near < far else 'more'} than off it"
    return Claim(paper.DIAGONAL.says, paper.DIAGONAL.place, measured, near < far, because)


def _high(row: dict[str, Any]) -> Claim:
    high, low = row["high_fj"], row["low_fj"]
    measured = f"w = {row['weight']}: high {high:.1f} fJ, others {low:.1f} fJ"
    because = f"{high / low:.2f} times as much; called much from {_MUCH} times on"
    return Claim(paper.HIGH_BITS.says, paper.HIGH_BITS.place, measured, high / low >= _MUCH, because)


def _about(row: dict[str, Any]) -> str:
    by_distance, by_bits = row["explained_by_distance"], row["explained_by_highest_bits"]
    more = "the distance says more" if by_distance > by_bits else "the highest bits say more"
    return (
        f"w = {row['weight']}: the Hamming distance explains {by_distance:.0%} of the variance of single transitions,"
        f" the highest bits before and after {by_bits:.0%}: {more}. Without any change of the sum"
        f" ({row['least_distance']} bits) a cycle takes {row['least_fj']:.1f} fJ"
        f" for the new activation and its product, {share(row['least_fj'] / row['peak_fj'])} of the dearest."
    )


def _shown(rows: Sequence[dict[str, Any]]) -> pl.DataFrame:
    return pl.DataFrame(
        [
            {
                "weight": str(row["weight"]),
                "rank correlation with distance": f"{row['rank_correlation']:.3f}",
                "explained by distance": share(row["explained_by_distance"]),
                "explained by highest bits": share(row["explained_by_highest_bits"]),
                "dearest distance": str(row["peak_distance"]),
                "near, fJ": f"{row['near_fj']:.1f}",
                "far, fJ": f"{row['far_fj']:.1f}",
                "high, fJ": f"{row['high_fj']:.1f}",
                "others, fJ": f"{row['low_fj']:.1f}",
            }
            for row in rows
        ]
    )
