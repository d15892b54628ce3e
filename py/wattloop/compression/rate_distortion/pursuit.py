"""From measured savings to the price of energy that meets a target: what is priced is not what real tiles save.

Prices are of the network as it was: partial sums grow quieter as weights vanish, so real tiles save more than prices
tell, much more where little is left. So prices say where to begin, and the multiplier itself is then closed in on.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

# d log(energy left) / d log(multiplier) before two measurements tell, and what is believed of them.
_SLOPE = -0.25
_SLOPES = (-1.0, -0.08)
# How far one step goes beyond what was measured, and how near to an end of a bracket.
_FARTHEST = math.log(16.0)
_EDGE = 0.1


@dataclass(frozen=True)
class Measurement:
    """What an assignment saves.

    Attributes:
        multiplier: its price of energy, above 0.
        left: its energy by real tiles, as a share of the int8 network's.
    """

    multiplier: float
    left: float


def next_multiplier(measured: Sequence[Measurement], wanted: float) -> float:
    """Where to look for the multiplier at which so much is left.

    Between two measurements on either side of what is wanted energy is taken for a power of the multiplier, and so it
    is beyond them.

    Args:
        measured: at least one, of the same prices.
        wanted: share of the energy, above 0.
    """
    more = [one for one in measured if one.left > wanted]
    less = [one for one in measured if one.left <= wanted]
    if more and less:
        return _between(min(more, key=_left), max(less, key=_left), wanted)
    nearest = min(measured, key=lambda one: abs(math.log(one.left / wanted)))
    step = math.log(wanted / nearest.left) / _slope(measured)
    return nearest.multiplier * math.exp(min(max(step, -_FARTHEST), _FARTHEST))


def _left(one: Measurement) -> float:
    return one.left


def _between(more: Measurement, less: Measurement, wanted: float) -> float:
    share = math.log(more.left / wanted) / math.log(more.left / less.left)
    share = min(max(share, _EDGE), 1.0 - _EDGE)
    return math.exp((1.0 - share) * math.log(more.multiplier) + share * math.log(less.multiplier))


def _slope(measured: Sequence[Measurement]) -> float:
    """By the two measurements that are farthest apart."""
    low, high = min(measured, key=lambda one: one.multiplier), max(measured, key=lambda one: one.multiplier)
    if math.isclose(low.multiplier, high.multiplier):
        return _SLOPE
    slope = math.log(high.left / low.left) / math.log(high.multiplier / low.multiplier)
    return min(max(slope, _SLOPES[0]), _SLOPES[1])
