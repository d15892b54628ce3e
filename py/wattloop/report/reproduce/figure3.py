"""The paper's figure 3: how often each activation follows each other one, layer by layer."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

from wattloop.arith.statistics import LayerStatistics
from wattloop.report.reproduce import paper
from wattloop.report.reproduce.exhibit import Claim, Exhibit
from wattloop.report.reproduce.words import listed, share
from wattloop.report.statistics import activation_heat_maps

NAME = "figure3"
# Layers differ substantially if they do so much more than two halves of one layer's images do.
_SUBSTANTIAL = 2.0
# Halves further apart than this are too few images to tell by.
_NOISY = 0.1
_HALF = 0.5

Int64 = npt.NDArray[np.int64]
Halves = tuple[LayerStatistics, LayerStatistics]

CONVENTIONS = (
    "Transitions of the activation at the PEs of the array from one cycle to the next, over the streams of all tiles,"
    " each PE counted. Distance of two layers: half the sum of the absolute differences of their shares (0 the same, 1"
    " nothing in common); the yardstick beside it is that of the same layer on two halves of the images."
)


def exhibit(layers: Sequence[Halves]) -> Exhibit:
    """The figure, its data, and what they say.

    Args:
        layers: of each layer, its transitions on the first and the second half of the images.
    """
    whole = [_together(halves) for halves in layers]
    own = {one.layer: distance(one, other) for one, other in layers}
    rows = [_summary(seen, own[seen.layer]) for seen in whole]
    pairs = [(a, b, distance(a, b)) for a, b in itertools.pairwise(whole)]
    return Exhibit(
        name=NAME,
        title=f"Activation transitions of {listed(seen.layer for seen in whole)}",
        place="figure 3, section 3.1.2",
        data=pl.concat([_cells(seen) for seen in whole]),
        rows=rows,
        claims=[*(_differ(a, b, apart, own) for a, b, apart in pairs), *(_sparse(row) for row in rows)],
        findings=[_about(row) for row in rows],
        tables={"By layer": _shown(rows)},
        plots={NAME: activation_heat_maps(whole)},
        conventions=CONVENTIONS,
    )


def _together(halves: Halves) -> LayerStatistics:
    """Both halves' counts; of their partial sums, the first half's members."""
    one, other = halves
    return replace(
        one,
        activation_counts=one.activation_counts + other.activation_counts,
        group_counts=one.group_counts + other.group_counts,
        images=one.images + other.images,
    )


def distance(one: LayerStatistics, other: LayerStatistics) -> float:
    """Total variation distance of two layers' activation transitions, 0 to 1."""
    shares = [seen.activation_counts / seen.activation_counts.sum() for seen in (one, other)]
    return float(np.abs(shares[0] - shares[1]).sum() / 2)


def _summary(seen: LayerStatistics, own: float) -> dict[str, Any]:
    counts = seen.activation_counts
    total, seen_share = int(counts.sum()), counts.sum(axis=0) / counts.sum()
    patterns = np.arange(256, dtype=np.uint8)
    bits = np.unpackbits(patterns[:, None, None] ^ patterns[None, :, None], axis=2).sum(axis=2)
    return {
        "layer": seen.layer,
        "transitions": total,
        "zero": float(seen_share[0]),
        "quiet": int(np.trace(counts)) / total,
        "both_zero": int(counts[0, 0]) / total,
        "cells": int((counts > 0).sum()),
        "mean_bits": float((counts * bits).sum() / total),
        "entropy_bits": _entropy(counts / total),
        "distance_of_halves": own,
    }


def _entropy(shares: npt.NDArray[np.float64]) -> float:
    some = shares[shares > 0]
    return float(-(some * np.log2(some)).sum())


def _differ(one: LayerStatistics, other: LayerStatistics, apart: float, own: dict[str, float]) -> Claim:
    noise = max(own[one.layer], own[other.layer])
    measured = f"{one.layer} and {other.layer} are {apart:.2f} apart; halves of the same layer {noise:.2f}"
    ratio = apart / noise if noise else float("inf")
    because = f"{ratio:.1f} times what the choice of images does; called substantial from {_SUBSTANTIAL:g} times on"
    agrees: bool | None = apart > 0 and ratio >= _SUBSTANTIAL
    if not agrees and noise > _NOISY:
        agrees, because = None, f"{because}; the images are too few to tell: raise characterize.images"
    return Claim(paper.LAYERS_DIFFER.says, paper.LAYERS_DIFFER.place, measured, agrees, because)


def _sparse(row: dict[str, Any]) -> Claim:
    zero = row["zero"]
    measured = f"{row['layer']}: {share(zero)} of the activations are 0, {share(row['quiet'])} of the cycles quiet"
    because = (
        f"its inputs are {'mostly' if zero >= _HALF else 'not mostly'} zeros; the paper gives no figure, and does not"
        " say of which layer it speaks"
    )
    return Claim(paper.SPARSE.says, paper.SPARSE.place, measured, None, because)


def _about(row: dict[str, Any]) -> str:
    return (
        f"{row['layer']}: {row['cells']:,} of 65,536 transitions occur, {row['entropy_bits']:.1f} bits of entropy; a"
        f" transition changes {row['mean_bits']:.2f} of 8 bits in the mean, and {share(row['quiet'])} change nothing,"
        f" most of them {'from 0 to 0' if 2 * row['both_zero'] > row['quiet'] else 'at values other than 0'}."
    )


def _cells(seen: LayerStatistics) -> pl.DataFrame:
    """Transitions that occur; signed levels by value."""
    before, after = np.nonzero(seen.activation_counts)
    counts = seen.activation_counts[before, after]
    if seen.activation_signed:
        before, after = (pattern - ((pattern & 128) << 1) for pattern in (before, after))
    return pl.DataFrame({"layer": [seen.layer] * len(counts), "before": before, "after": after, "count": counts})


def _shown(rows: Sequence[dict[str, Any]]) -> pl.DataFrame:
    return pl.DataFrame(
        [
            {
                "layer": row["layer"],
                "transitions": f"{row['transitions']:,}",
                "zeros": share(row["zero"]),
                "quiet": share(row["quiet"]),
                "bits that change": f"{row['mean_bits']:.2f}",
                "transitions that occur": f"{row['cells']:,}",
                "halves apart": f"{row['distance_of_halves']:.3f}",
            }
            for row in rows
        ]
    )
