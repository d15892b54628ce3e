"""Unstructured magnitude pruning, layer by layer."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from wattloop.errors import ConfigError


def magnitude_mask(weights: npt.NDArray[np.int8], ratio: float) -> npt.NDArray[np.bool_]:
    """True where a weight is kept: all but the `round(ratio * size)` of least magnitude.

    Weights that are 0 already count as pruned first; equal magnitudes go by position, so that the same weights
    always give the same mask.

    Args:
        weights: integer weights of one layer, any shape.
        ratio: fraction to prune, 0 <= ratio < 1.

    >>> magnitude_mask(np.array([[5, -1], [0, -7]], dtype=np.int8), 0.5).tolist()
    [[True, False], [False, True]]
    """
    if not 0 <= ratio < 1:
        raise ConfigError(f"pruning ratio {ratio} is illegal; legal: 0 <= ratio < 1")
    magnitude = np.abs(weights.astype(np.int64)).ravel()
    pruned = np.argsort(magnitude, kind="stable")[: round(ratio * magnitude.size)]
    mask = np.ones(magnitude.size, dtype=np.bool_)
    mask[pruned] = False
    return mask.reshape(weights.shape)
