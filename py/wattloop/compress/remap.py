"""Nearest-value remapping of integer weights onto an allowed set (paper section 4.2.2)."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import numpy.typing as npt

from wattloop.errors import ConfigError

Int8 = npt.NDArray[np.int8]
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


def nearest_table(values: Iterable[int]) -> Int8:
    """The nearest allowed value of every int8 value, shape (256,), index value + 128.

    Ties go to the value of smaller magnitude.

    >>> nearest_table([0, 4])[128 + 2], nearest_table([0, 4])[128 + 3]
    (np.int8(0), np.int8(4))
    """
    allowed = np.array(sorted(as_values(values), key=lambda v: (abs(v), v)), dtype=np.int64)
    distance = np.abs(np.arange(LEAST, GREATEST + 1)[:, None] - allowed[None, :])
    nearest: Int8 = allowed[distance.argmin(axis=1)].astype(np.int8)
    return nearest


def remap(weights: Int8, values: Iterable[int] | None, mask: Bool | None = None) -> Int8:
    """`weights` as the network would use them under a constraint.

    Args:
        weights: int8, any shape.
        values: the allowed set, or None for all 256 values.
        mask: True where a weight is kept; the others are 0 and stay 0 whatever the set holds.
    """
    mapped: Int8 = weights.copy() if values is None else nearest_table(values)[weights.astype(np.int64) - LEAST]
    if mask is not None:
        mapped[~mask] = 0
    return mapped


def histogram(weights: Int8) -> Int64:
    """How often each int8 value occurs, shape (256,), index value + 128."""
    return np.bincount(weights.astype(np.int64).ravel() - LEAST, minlength=256)
