"""The first stage: weights whose power lies under a threshold (documented: arXiv 2303.13997, abstract)."""

from __future__ import annotations

import numpy as np

from wattloop.compression.powerpruning.gains import Float
from wattloop.errors import ConfigError


def under_threshold(
    prices_fj: Float, threshold_fj: float, *, negative_fj: float | None = None, least_weight: int = -128
) -> tuple[int, ...]:
    """Weights that cost no more than the threshold, and 0.

    One threshold for all weights is documented. One of their own for negative weights is ours: in a two's complement
    cell they cost more than their twins, and a network works with neither sign alone.

    Args:
        prices_fj: E(w), fJ of a MAC cycle, shape (weights,), index w - `least_weight`; infinite where the cell cannot
            hold the weight.
        threshold_fj: for all weights, or for those from 0 up.
        negative_fj: for those below 0; None for the same threshold.
        least_weight: of the first price.

    Returns:
        in ascending order, 0 among them.

    Raises:
        ConfigError: a threshold below the price of every weight but 0.

    >>> under_threshold(np.array([9.0, 7.0, 1.0, 2.0, 5.0]), 3.0, negative_fj=8.0, least_weight=-2)
    (-1, 0, 1)
    """
    weights = np.arange(least_weight, least_weight + len(prices_fj))
    below = threshold_fj if negative_fj is None else negative_fj
    cheap = np.isfinite(prices_fj) & (prices_fj <= np.where(weights < 0, below, threshold_fj))
    if not (cheap & (weights != 0)).any():
        least_fj = float(prices_fj[weights != 0].min())
        raise ConfigError(
            f"no weight but 0 costs {max(below, threshold_fj):g} fJ or less: the cheapest costs {least_fj:.3g} fJ"
        )
    return tuple(weights[cheap | (weights == 0)].tolist())
