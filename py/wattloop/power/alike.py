"""Samples whose values are nearly all alike: they say little of the members that were not measured."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

Float = npt.NDArray[np.float64]

# So many members have to differ from the most before a variance tells how much members differ.
_TELLING = 5
_EQUAL = 1e-9  # relative


def unseen_spreads(sizes: Sequence[int] | npt.NDArray[np.int64], values: Sequence[Float]) -> Float:
    """By how much one unseen member of each stratum may differ from the most, in the unit of the values.

    0 where everything was measured or enough members differ for their variance to tell; else the largest deviation from
    the median in the stratum itself, or as large a relative one as in any other; infinity where all values of all
    strata are alike, which says nothing.

    Args:
        sizes: members of each stratum.
        values: the sampled values of each, one at least.
    """
    deviations = [np.abs(sampled - np.median(sampled)) for sampled in values]
    middles = [abs(float(np.median(sampled))) for sampled in values]
    differ = [int((d > _EQUAL * middle).sum()) for d, middle in zip(deviations, middles, strict=True)]
    relative = [float(d.max()) / m for d, m, k in zip(deviations, middles, differ, strict=True) if k and m]
    largest = max(relative, default=math.inf)
    spreads = np.zeros(len(values))
    for h, (size, sampled) in enumerate(zip(sizes, values, strict=True)):
        if len(sampled) < size and differ[h] < min(_TELLING, max(1, len(sampled) - 1)):
            elsewhere = largest * middles[h] if middles[h] else math.inf
            spreads[h] = float(deviations[h].max()) if differ[h] else elsewhere
    return spreads


def unseen_members(sizes: Sequence[int] | npt.NDArray[np.int64], values: Sequence[Float], risk: float) -> Float:
    """How many unseen members of each stratum may be of a sort that no sample showed, but for the risk.

    Of n members none was of a sort that makes up 3 / n of all, at 95 %: the rule of three.
    """
    counts = np.array([len(sampled) for sampled in values], dtype=np.float64)
    return np.asarray((np.asarray(sizes) - counts) * np.minimum(1.0, -math.log(risk) / np.maximum(1.0, counts)))
