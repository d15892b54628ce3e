"""The order in which weight values enter the safe set (paper section 4.2.1).

The paper ranks values "by a joint score that favors low-energy and frequently used weights" and gives no formula.
Ranking by frequency alone fills the set with neighbours of 0 and clips every large weight. Here the usage of a value is
what it would be used for *given the values chosen before it*: the squared remapping error that it takes away.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from wattloop.compression.remap import GREATEST, LEAST

Float = npt.NDArray[np.float64]

_VALUES = np.arange(LEAST, GREATEST + 1, dtype=np.float64)
_SQUARES: Float = (_VALUES[:, None] - _VALUES[None, :]) ** 2


def legal_values(price: Float) -> list[int] | None:
    """Values that have a price: those that the hardware can hold; None for all 256."""
    legal = np.flatnonzero(np.isfinite(price)) + LEAST
    return None if len(legal) == len(price) else legal.tolist()


def rank_values(usage: npt.ArrayLike, energy_fj: Float, energy_weight: float, limit: int) -> tuple[int, ...]:
    """The used weight values in the order in which they are worth allowing; every prefix is a candidate set.

    Score of a value v beside the set chosen so far: gain(v)^(1 - a) / E(v)^a with a = `energy_weight`; gain is the
    fall of the usage-weighted squared error of nearest-value remapping. The order starts with 0 and ends when nothing
    is left to gain: a longer set would not change a weight.

    Args:
        usage: shape (256,), how often (or how dearly) each value is used, index value + 128; pruned weights left out.
        energy_fj: shape (256,), energy of one MAC cycle by weight value.
        energy_weight: 0 (usage alone) to 1 (energy alone, among values with some gain).
        limit: length after which the order is cut off.
    """
    weight = np.asarray(usage, dtype=np.float64)
    price = np.maximum(energy_fj, np.finfo(np.float64).tiny) ** energy_weight
    chosen = [0]
    error = _SQUARES[-LEAST].copy()
    used = np.flatnonzero(weight)
    while len(chosen) < limit:
        gain = weight[used] @ np.maximum(error[used, None] - _SQUARES[np.ix_(used, used)], 0.0)
        if not gain.any():
            break
        score = np.where(gain > 0, gain ** (1.0 - energy_weight) / price[used], -1.0)
        best = int(used[score.argmax()])
        chosen.append(best + LEAST)
        error = np.minimum(error, _SQUARES[best])
    return tuple(chosen)
