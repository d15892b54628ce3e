"""Which few values a layer's weights should use: the exact optimum in one dimension, by dynamic programming.

Weights in ascending order are cut into runs, each run goes to one value, and the values ascend with the runs. With one
sensitivity for all weights and one price for all rows the best assignment has this shape (what a weight pays for a
value is, up to a term of its own, a line in the weight; the least of some lines is taken run by run), so the result is
the best of all sets. Otherwise it is the best of all sets that are used run by run.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from wattloop.errors import ConfigError

Float = npt.NDArray[np.float64]
Int64 = npt.NDArray[np.int64]


def best_values(cost: Float, candidates: Sequence[int], most: int) -> tuple[int, ...]:
    """The at most `most` values, 0 among them, to which all weights can go for the least cost.

    Args:
        cost: shape (levels, candidates), finite: what it costs to give all weights of a level to a candidate. Levels
            ascend.
        candidates: the values to choose among, ascending, 0 included.
        most: how many to choose at most, 1 or more.

    Returns:
        the values in ascending order; of sets that cost the same one of the smallest.

    Raises:
        ConfigError: 0 is no candidate, candidates do not ascend, or fewer than 1 are wanted.

    >>> best_values(np.array([[0.0, 4.0, 9.0], [4.0, 0.0, 1.0], [9.0, 1.0, 0.0]]), [0, 2, 3], 2)
    (0, 2)
    """
    values = np.asarray(candidates, np.int64)
    if most < 1 or 0 not in values or (np.diff(values) <= 0).any():
        raise ConfigError(f"cannot choose {most} of the values {list(candidates)}: they must ascend and hold 0")
    zero = int(np.searchsorted(values, 0))
    prefix = np.zeros((len(values), len(cost) + 1))
    np.cumsum(cost.T, axis=1, out=prefix[:, 1:])
    stages = _stages(prefix, zero, min(most, len(values)))
    return tuple(int(v) for v in values[_trace_back(stages, prefix, zero)])


def _stages(prefix: Float, zero: int, most: int) -> list[Float]:
    """Stage k, shape (candidates, levels + 1): least cost of the levels below b, with k + 1 values, the last being j.

    No set passes over 0: values follow a negative one only up to 0.
    """
    first = prefix.copy()
    first[zero + 1 :] = np.inf
    stages = [first]
    while len(stages) < most:
        before = _best_before(stages[-1], zero)
        stages.append(prefix + np.minimum.accumulate(before - prefix, axis=1))
    return stages


def _best_before(stage: Float, zero: int) -> Float:
    """For each candidate the least of `stage` over those that may precede it."""
    best = np.full_like(stage, np.inf)
    best[1 : zero + 1] = np.minimum.accumulate(stage[:zero], axis=0)
    best[zero + 1 :] = np.minimum.accumulate(stage[zero:-1], axis=0)
    return best


def _trace_back(stages: Sequence[Float], prefix: Float, zero: int) -> Int64:
    """Indices of the chosen candidates, ascending."""
    ends = np.array([stage[zero:, -1].min() for stage in stages])
    size = int(ends.argmin())
    last, edge = zero + int(stages[size][zero:, -1].argmin()), prefix.shape[1] - 1
    chosen = [last]
    for stage in reversed(stages[:size]):
        least = 0 if last <= zero else zero
        before = stage[least:last]
        edge = int((before.min(axis=0) - prefix[last])[: edge + 1].argmin())
        last = least + int(before[:, edge].argmin())
        chosen.append(last)
    return np.array(chosen[::-1], np.int64)
