"""A network compressed at one stroke, without training: weights as sparse and few-valued as a compressed network's."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING

import numpy as np

from wattloop.compression.one_shot import one_shot

if TYPE_CHECKING:
    from wattloop.nn.network import QuantizedNetwork


def compressed_at_once(network: QuantizedNetwork, ratio: float, values: int) -> QuantizedNetwork:
    """A copy whose layers keep their largest weights and a few values; its accuracy is nobody's concern.

    Args:
        network: quantised.
        ratio: share of each layer's weights that are pruned, 0 <= ratio < 1.
        values: weight values a layer, 0 among them, 2 or more.

    Raises:
        ConfigError: a ratio or number that cannot be.
    """
    from wattloop.nn.constraint import constrain

    found = copy.deepcopy(network)
    for name in found.layers:
        weight = one_shot(found.integer_weight(name), ratio, values)
        constrain(found, name, np.unique(weight).tolist(), weight != 0)
    return found
