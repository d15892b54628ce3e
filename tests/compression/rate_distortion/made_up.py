"""Layers with made-up prices and sensitivities."""

import numpy as np
from hypothesis import strategies as st

from wattloop.compression.rate_distortion.assignment import LayerProblem
from wattloop.power.oracle import WeightPrices


def layer(seed: int, *, uniform: bool = False, shape: tuple[int, int] = (6, 20), legal: int = 256) -> LayerProblem:
    """Weights with outliers; `uniform` gives all one sensitivity and one class of rows; `legal` values have a price."""
    rng = np.random.default_rng(seed)
    classes = 1 if uniform else 3
    price = rng.uniform(20.0, 100.0, (256, classes))
    price[rng.permutation(np.delete(np.arange(256), 128))[: 256 - legal]] = np.inf
    latent = rng.laplace(0.0, 14.0, shape).clip(-128, 127).astype(np.float32)
    information = np.full(shape, 0.5) if uniform else rng.exponential(0.5, shape)
    return LayerProblem(latent, information, WeightPrices(price, rng.integers(0, classes, (1, shape[1]))))


seeds = st.integers(0, 1 << 16)
multipliers = st.floats(0.0, 50.0)
