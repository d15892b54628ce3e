"""Delay profiles as figures: a row a method, a row a weight, histograms."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl

from wattloop.timing.profile import DelayProfile

BIN_PS = 5


@dataclass(frozen=True)
class MethodTiming:
    """One delay profile in short; times in ps after the clock edge.

    Attributes:
        method: see `DelayProfile`.
        transitions: how many were simulated.
        earliest_ps, median_ps, latest_ps: settling times over all weights and transitions.
        psum_ps: what partial sums alone take at most; 0 where they are sampled.
        longest_ps: longest path over the same delays.
        late: (weight, from, to) that settle after the bound.
        late_share: their share.
        late_weights: weights that have any.
    """

    method: str
    transitions: int
    earliest_ps: float
    median_ps: float
    latest_ps: float
    psum_ps: float
    longest_ps: float
    late: int
    late_share: float
    late_weights: int


def summary(profile: DelayProfile, bound_ps: float) -> MethodTiming:
    """A profile in short, against a bound."""
    late = profile.exceeding(bound_ps)
    return MethodTiming(
        profile.method,
        profile.transitions,
        float(profile.settling_ps.min()),
        float(np.median(profile.settling_ps)),
        float(profile.latest_ps),
        float(profile.psum_ps.max()),
        profile.static_ps,
        int(late.sum()),
        float(late.mean()),
        int(late.any(axis=(1, 2)).sum()),
    )


def weight_rows(profile: DelayProfile, bound_ps: float) -> pl.DataFrame:
    """A row a weight: spread of its settling times, its longest path, transitions after the bound."""
    spread = profile.spread()
    return pl.DataFrame(
        {
            "method": [profile.method] * len(profile.weights),
            "weight": profile.weights,
            "min_ps": spread[:, 0],
            "median_ps": spread[:, 1],
            "max_ps": spread[:, 2],
            "longest_ps": profile.held_ps,
            "psum_ps": profile.psum_ps,
            "late": profile.exceeding(bound_ps).sum(axis=(1, 2)),
        }
    )


def histogram_rows(profile: DelayProfile, bin_ps: int = BIN_PS) -> pl.DataFrame:
    """A row a weight and bin that holds anything: its lower edge in ps, and how many transitions it holds."""
    edges, counts = profile.histogram(bin_ps)
    weight, place = np.nonzero(counts)
    return pl.DataFrame(
        {
            "method": [profile.method] * len(weight),
            "weight": profile.weights[weight],
            "from_ps": edges[place],
            "transitions": counts[weight, place],
        }
    )
