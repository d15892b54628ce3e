"""Signs of filters, chosen before values are: where the negatives of a filter's weights cost less, it is negated."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from wattloop.compression.remap import LEAST
from wattloop.power.oracle import WeightPrices

Int8 = npt.NDArray[np.int8]
Bool = npt.NDArray[np.bool_]


def cheaper_negated(weights: Int8, prices: WeightPrices) -> Bool:
    """Filters whose negated weights cost less.

    Args:
        weights: shape (out_channels, reduction).
        prices: of the layer.

    Returns:
        shape (out_channels,); False where a negated weight would not exist.
    """
    mirrored = np.concatenate([np.full_like(prices.value_fj[:1], np.inf), prices.value_fj[:0:-1]])
    classes = np.broadcast_to(prices.class_of_weight, weights.shape)
    index = weights.astype(np.int64) - LEAST
    return np.asarray(mirrored[index, classes].sum(axis=1) < prices.value_fj[index, classes].sum(axis=1))
