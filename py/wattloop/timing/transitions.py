"""Stimuli of every transition of the activation, a group for each weight."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from wattloop.activity.sources import mac_widths
from wattloop.activity.stimulus import Stimulus
from wattloop.gates.spec import MacSpec

Int32 = npt.NDArray[np.int32]
Int64 = npt.NDArray[np.int64]

# Bounds the memory of a stimulus and of its settling times: some 16 bytes a group and lane.
_LANES_AT_ONCE = 1 << 20


def activation_values(mac: MacSpec) -> Int64:
    """All activations, ascending."""
    low, high = mac.activation_range
    return np.arange(low, high + 1)


def batches(mac: MacSpec) -> Iterator[slice]:
    """Places of the cell's weights, as many at a time as memory allows."""
    lanes = len(activation_values(mac)) ** 2
    number, at_once = len(mac.weight_values), max(1, _LANES_AT_ONCE // lanes)
    for first in range(0, number, at_once):
        yield slice(first, min(first + at_once, number))


def transitions(mac: MacSpec, weights: Int64, psums: Int32 | None = None) -> Stimulus:
    """Every pair (from, to) of activations as a lane, from the outer one, while each group holds a weight.

    Registers change as in a stream: `a_q` and `p_q` take now what the inputs gave in the cycle before, which is
    taken to be the same transition (`activity.sources`).

    Args:
        mac: the cell.
        weights: shape (groups,).
        psums: partial sum before and after, shape (2, lanes); None for 0.
    """
    values = activation_values(mac)
    ends = np.stack([np.repeat(values, len(values)), np.tile(values, len(values))])[np.newaxis]
    activation = ends.astype(np.int8 if mac.activation_signed else np.uint8)
    held = np.asarray(weights, np.int32)[:, np.newaxis, np.newaxis]
    code = mac.weight_code(held).astype(np.uint16)  # 16 bits at most
    psum = np.zeros((1, 1, 1), np.int32) if psums is None else psums[np.newaxis]
    signals: dict[str, npt.NDArray[np.integer]] = {
        "rst_ni": np.ones(1, np.uint8),
        "w_en_i": np.zeros(1, np.uint8),
        "w_i": code,
        "w_q": code,
        "a_i": activation,
        "a_q": activation,
        "p_i": psum,
        "p_q": psum if psums is None else _accumulated(mac, psum, held, ends.astype(np.int32)),
    }
    return Stimulus(signals, mac_widths(mac), np.array([False, True]), len(weights), 2, ends.shape[2])


def _accumulated(mac: MacSpec, psum: Int32, weight: Int32, activation: Int32) -> Int32:
    """`golden.mac` in 32 bits, which is exact: what leaves them wraps as it would in the cell."""
    unused = 32 - mac.psum_bits
    whole: Int32 = ((psum + weight * activation) << unused) >> unused
    return whole
