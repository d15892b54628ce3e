"""Real weights as the integers that the kernels add up."""

from __future__ import annotations

from collections.abc import Mapping

from wattloop.errors import StimulusError

_GREATEST = (1 << 16) - 1
_SUM = (1 << 32) - 1


def integer_weights(weights: Mapping[int, float], most_changes: Mapping[int, int]) -> tuple[dict[int, int], float]:
    """Multiples of a unit close to `weights`, and the unit; no vector's sum exceeds 32 bits.

    Args:
        weights: by net.
        most_changes: how often each net can change in one vector.

    Raises:
        StimulusError: a weight is negative.
    """
    negative = [net for net, weight in weights.items() if weight < 0]
    if negative:
        raise StimulusError(f"the weight of net {negative[0]} is negative: give 0 or more")
    most = sum(weight * most_changes.get(net, 0) for net, weight in weights.items())
    changing = sum(most_changes.get(net, 0) for net in weights)
    unit = max(max(weights.values(), default=0.0) / _GREATEST, most / max(1, _SUM - changing), 1e-30)
    return {net: round(weight / unit) for net, weight in weights.items()}, unit
