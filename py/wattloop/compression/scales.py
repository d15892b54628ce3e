"""The scale that serves a set of values best: quantisers of few bits clip, and choose where."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from wattloop.compression.remap import remap
from wattloop.compression.subject import Float32

# From where hardly anything is clipped to where nearly all is, a fiftieth of an octave apart: closer together the
# squared error is flat.
_FACTORS = np.exp2(np.arange(50, -201, -1) / 50.0)


def least_squares_scale(latent: Float32, values: Sequence[int]) -> float:
    """What to multiply a layer's scale by so that its weights lie nearest to `values`, in least squares.

    Args:
        latent: real weights in steps of the present scale, any shape.
        values: allowed set in ascending order, 0 included.

    Returns:
        The factor, 1/16 to 2; 1 for weights that are all 0. Of equals the greatest.

    >>> round(least_squares_scale(np.array([-4.0, 0.0, 4.0], np.float32), [-16, 0, 16]), 3)
    0.25
    """
    if not np.any(latent):
        return 1.0

    def error(factor: float) -> float:
        nearest = factor * remap(latent / np.float32(factor), values).astype(np.float64)
        return float(np.square(nearest - latent).sum())

    return float(min(_FACTORS, key=error))
