"""Nearest-value remapping of weights onto an allowed set (paper section 4.2.2), as the network itself does it."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import numpy.typing as npt

from wattloop.errors import ConfigError

Int8 = npt.NDArray[np.int8]
Float32 = npt.NDArray[np.float32]
Int64 = npt.NDArray[np.int64]
Bool = npt.NDArray[np.bool_]

LEAST, GREATEST = -128, 127


def as_values(values: Iterable[int]) -> tuple[int, ...]:
    """`values` in ascending order, without repetition.

    Raises:
        ConfigError: 0 is missing, or a value does not fit int8.
    """
    ordered = tuple(sorted({int(v) for v in values}))
    if 0 not in ordered:
        raise ConfigError(f"an allowed set must contain 0; got {ordered}")
    if ordered[0] < LEAST or ordered[-1] > GREATEST:
        raise ConfigError(f"allowed values must lie in {LEAST}..{GREATEST}; got {ordered[0]}..{ordered[-1]}")
    return ordered


def remap(latent: npt.ArrayLike, values: Iterable[int] | None, mask: Bool | None = None) -> Int8:
    """Weights as the network would use them under a constraint.

    Nearest in real numbers; halfway between two values the one of smaller magnitude wins.

    Args:
        latent: weights before the constraint, in steps of the layer's scale (integers, or real as training holds them),
            any shape.
        values: the allowed set, or None for all 256 values.
        mask: True where a weight is kept; the others are 0 whatever the set holds.

    >>> remap([-5.0, 2.0, 2.1], [0, 4]).tolist()
    [0, 0, 4]
    """
    allowed = np.arange(LEAST, GREATEST + 1) if values is None else np.array(as_values(values))
    middle = ((allowed[1:] + allowed[:-1]) / 2).astype(np.float32)
    # A weight on an edge belongs below it; below zero that is the greater magnitude, so the edge moves by one ulp.
    edges = np.where(middle < 0, np.nextafter(middle, np.float32(-np.inf)), middle)
    mapped: Int8 = allowed.astype(np.int8)[np.searchsorted(edges, np.asarray(latent, dtype=np.float32))]
    if mask is not None:
        mapped[~mask] = 0
    return mapped


def histogram(weights: Int8) -> Int64:
    """How often each int8 value occurs, shape (256,), index value + 128."""
    return np.bincount(weights.astype(np.int64).ravel() - LEAST, minlength=256)
