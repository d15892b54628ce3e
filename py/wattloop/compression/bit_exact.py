"""Ways to lay a layer onto the array that cost less and compute the same: signs of filters, offsets of partial sums.

A filter whose weights are negated gives the negated sum, and a constant that enters row 0 is added to every sum: both
are taken back after the array, by the sign of the requantisation and by the bias.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import numpy.typing as npt

from wattloop.errors import OverflowRangeError
from wattloop.power.oracle import EnergyOracle, HardwareMapping

Int8 = npt.NDArray[np.int8]
Bool = npt.NDArray[np.bool_]
Float = npt.NDArray[np.float64]

# Offsets worth trying for sums of 22 bits: none, and either sign at a few magnitudes.
OFFSETS = (0, *(sign << bit for bit in (12, 14, 16, 17, 18, 19) for sign in (1, -1)))


def cheaper_signs(weights: Int8, value_energy_fj: Float) -> Bool:
    """Filters that cost less with all their weights negated, by the energies of weight values.

    Args:
        weights: shape (out_channels, reduction).
        value_energy_fj: E(w) of every value, index w - least; infinite where the hardware cannot hold it.

    Returns:
        shape (out_channels,); False where a negated weight would not exist.
    """
    least = -len(value_energy_fj) // 2
    as_is = value_energy_fj[weights.astype(np.int64) - least].sum(axis=1)
    mirrored = np.append(np.inf, value_energy_fj[:0:-1])  # E(-w); the least value has no negative
    negated = mirrored[weights.astype(np.int64) - least].sum(axis=1)
    return np.asarray(negated < as_is)


def with_signs(weights: Int8, flipped: Bool) -> Int8:
    """`weights` with the filters that are `flipped` negated."""
    return np.where(flipped[:, None], -weights, weights).astype(np.int8)


def cheapest_offset(oracle: EnergyOracle, layer: str, weights: Int8, offsets: Iterable[int] = OFFSETS) -> int:
    """The offset of the partial sums with the least dynamic energy; those that could overflow are passed over.

    Args:
        oracle: answers for offsets (real tiles).
        layer: its name.
        weights: shape (out_channels, reduction).
        offsets: the candidates, of which at least one must be free of overflow.
    """
    priced: list[tuple[float, int]] = []
    for offset in offsets:
        try:
            found = oracle.energy(layer, weights, HardwareMapping(psum_offset=offset))
        except OverflowRangeError:
            continue
        priced.append((found.energy.dynamic_fj, offset))
    if not priced:
        raise OverflowRangeError(f"layer {layer}: the partial sums can overflow with any of the offsets")
    return min(priced)[1]
