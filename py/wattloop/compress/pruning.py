"""Unstructured magnitude pruning, layer by layer."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from wattloop.errors import ConfigError


def magnitude_mask(weights: npt.ArrayLike, ratio: float) -> npt.NDArray[np.bool_]:
    """True where a weight is kept: all but the `round(ratio * size)` of least magnitude.

    Equal magnitudes go by position, so that the same weights always give the same mask.

    Args:
        weights: latent weights of one layer, any shape.
        ratio: fraction to prune, 0 <= ratio < 1.

    >>> magnitude_mask([[5, -1], [0, -7]], 0.5).tolist()
    [[True, False], [False, True]]
    """
    if not 0 <= ratio < 1:
        raise ConfigError(f"pruning ratio {ratio} is illegal; legal: 0 <= ratio < 1")
    values = np.asarray(weights, dtype=np.float64)
    magnitude = np.abs(values).ravel()
    pruned = np.argsort(magnitude, kind="stable")[: round(ratio * magnitude.size)]
    mask = np.ones(magnitude.size, dtype=np.bool_)
    mask[pruned] = False
    return mask.reshape(values.shape)
