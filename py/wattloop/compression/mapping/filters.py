"""Signs of filters and offsets of partial sums that cost less, by energies of weight values or of measured filters."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from wattloop.arith.mapping import HardwareMapping
from wattloop.errors import OverflowRangeError
from wattloop.power.oracle import EnergyOracle, FilterOracle

Int8 = npt.NDArray[np.int8]
Int64 = npt.NDArray[np.int64]
Bool = npt.NDArray[np.bool_]
Float = npt.NDArray[np.float64]

# Offsets worth trying for sums of 22 bits: none, and either sign at a few magnitudes.
OFFSETS = (0, *(sign << bit for bit in (12, 14, 16, 17, 18, 19) for sign in (1, -1)))
# Those that filters were found to take when each is free to choose.
FILTER_OFFSETS = (0, *(sign << bit for bit in (12, 13, 14, 15, 16) for sign in (1, -1)))


def cheaper_signs(weights: Int8, value_energy_fj: Float, class_of_weight: Int64 | None = None) -> Bool:
    """Filters that cost less with all their weights negated, by the energies of weight values.

    Args:
        weights: shape (out_channels, reduction).
        value_energy_fj: E(w) of every value, index w - least, shape (values,), or (values, classes) where it depends on
            the class of a weight's row; infinite where the hardware cannot hold a value.
        class_of_weight: broadcastable to the weights' shape; None for a single class.

    Returns:
        shape (out_channels,); False where a negated weight would not exist.
    """
    price = value_energy_fj.reshape(len(value_energy_fj), -1)
    classes = np.broadcast_to(0 if class_of_weight is None else class_of_weight, weights.shape)
    index = weights.astype(np.int64) + len(price) // 2
    mirrored = np.concatenate([np.full_like(price[:1], np.inf), price[:0:-1]])  # E(-w); the least has no negative
    return np.asarray(mirrored[index, classes].sum(axis=1) < price[index, classes].sum(axis=1))


def with_signs(weights: Int8, flipped: Bool) -> Int8:
    """`weights` with the filters that are `flipped` negated."""
    return np.where(flipped[:, None], -weights, weights).astype(np.int8)


def channels(chosen: Bool) -> tuple[int, ...]:
    """Numbers of the filters that are chosen, as a mapping takes them."""
    return tuple(np.flatnonzero(chosen).tolist())


def cheapest_offset(
    oracle: EnergyOracle,
    layer: str,
    weights: Int8,
    offsets: Iterable[int] = OFFSETS,
    mapping: HardwareMapping | None = None,
) -> int:
    """The offset of the partial sums with the least dynamic energy; those that could overflow are passed over.

    Args:
        oracle: answers for offsets (real tiles).
        layer: its name.
        weights: shape (out_channels, reduction).
        offsets: the candidates, of which at least one must be free of overflow.
        mapping: how else the layer is laid onto the array.
    """
    priced: list[tuple[float, int]] = []
    for offset in offsets:
        try:
            found = oracle.energy(layer, weights, replace(mapping or HardwareMapping(), psum_offset=offset))
        except OverflowRangeError:
            continue
        priced.append((found.energy.dynamic_fj, offset))
    if not priced:
        raise _overflowing(layer)
    return min(priced)[1]


def cheapest(oracle: FilterOracle, layer: str, weights: Int8, mappings: Sequence[HardwareMapping]) -> HardwareMapping:
    """The mapping with the least measured energy of all filters together; of equals the first.

    Args:
        oracle: measures filters.
        layer: its name.
        weights: shape (out_channels, reduction).
        mappings: candidates.

    Raises:
        OverflowRangeError: some filter overflows in each of them.
    """
    if len(mappings) == 1:
        return mappings[0]
    energy_fj = oracle.filter_energies_fj(layer, weights, mappings).sum(axis=1)
    if np.isinf(energy_fj).all():
        raise _overflowing(layer)
    return mappings[int(energy_fj.argmin())]


def _overflowing(layer: str) -> OverflowRangeError:
    return OverflowRangeError(
        f"layer {layer}: the partial sums can overflow with any of the offsets; use fewer rows or more psum_bits"
    )


def cheapest_filters(
    oracle: FilterOracle,
    layer: str,
    weights: Int8,
    mapping: HardwareMapping,
    *,
    signs: Sequence[Bool],
    offsets: Sequence[int],
    together: bool,
) -> HardwareMapping:
    """Sign and offset of every filter with the least measured energy; those that could overflow are passed over.

    Args:
        oracle: measures filters apart.
        layer: its name.
        weights: shape (out_channels, reduction).
        mapping: how else the layer is laid onto the array.
        signs: candidates: which filters run negated, each of shape (out_channels,).
        offsets: candidates.
        together: one offset for all filters.

    Raises:
        OverflowRangeError: a filter overflows whatever its sign and offset.
    """
    pairs = [(flipped, offset) for offset in offsets for flipped in signs]
    laid = [
        replace(mapping, psum_offset=offset, flipped_filters=channels(flipped) or None) for flipped, offset in pairs
    ]
    shape = len(offsets), len(signs), len(weights)
    energy_fj = oracle.filter_energies_fj(layer, weights, laid).reshape(shape)
    sign = energy_fj.argmin(axis=1)
    best_fj = energy_fj.min(axis=1)
    offset = np.full(len(weights), best_fj.sum(axis=1).argmin()) if together else best_fj.argmin(axis=0)
    every = np.arange(len(weights))
    if np.isinf(best_fj[offset, every]).any():
        raise _overflowing(layer)
    flipped = np.array(signs)[sign[offset, every], every]
    taken = [offsets[k] for k in offset]
    whole = len(set(taken)) == 1
    return replace(mapping, psum_offset=taken[0] if whole else tuple(taken), flipped_filters=channels(flipped) or None)
