"""Compression of a layer's integers at one stroke, without training: for comparing hardware, not for use."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from wattloop.compression.remap import remap
from wattloop.errors import ConfigError

Int8 = npt.NDArray[np.int8]


def one_shot(weights: Int8, ratio: float, values: int) -> Int8:
    """Prune by magnitude and move what is left to the nearest of a few values.

    The values, 0 among them, are those of least squared error (k-means over the surviving weights): no energy enters,
    so that the same weights can be priced on any hardware.

    Args:
        weights: integers of one layer, any shape.
        ratio: share of the weights that become 0; of equal magnitudes the later ones survive.
        values: how many values remain in use, 0 included.

    Raises:
        ConfigError: a ratio outside 0 to 1, or fewer than 2 values.

    >>> one_shot(np.array([1, -2, 9, 10, -30, 3], np.int8), 0.5, 3).tolist()
    [0, 0, 10, 10, -30, 0]
    """
    from sklearn.cluster import KMeans

    if not 0 <= ratio < 1 or values < 2:
        raise ConfigError(f"ratio = {ratio!r}, values = {values!r}: 0 up to 1 and at least 2 are legal")
    magnitude = np.abs(weights.astype(np.int64)).ravel()
    pruned = np.argsort(magnitude, kind="stable")[: round(ratio * magnitude.size)]
    kept = magnitude > 0
    kept[pruned] = False
    if not kept.any():
        return np.zeros_like(weights)
    levels, counts = np.unique(weights.ravel()[kept].astype(np.int64), return_counts=True)
    clusters = min(values - 1, len(levels))
    found = KMeans(clusters, n_init=4, random_state=0).fit(levels[:, None].astype(np.float64), sample_weight=counts)
    centres = np.rint(found.cluster_centers_.ravel()).astype(np.int64)
    return remap(weights, [0, *centres.tolist()], kept.reshape(weights.shape))
