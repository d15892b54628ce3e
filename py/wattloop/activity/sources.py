"""Stimuli of one MAC cell: independent pairs of transitions, and the streams of real tiles.

Conventions for pairs, which stand for a cell in steady state: the weight is stationary (`w_q` and `w_i` hold it,
`w_en_i` = 0, `rst_ni` = 1). A register toggles as its data did one cycle earlier; transitions are stationary, so
`a_q` makes the pair's own transition of `a_i`, and `p_q` that of `p_i + w * a_i`.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from wattloop.activity.stimulus import Stimulus
from wattloop.arith import golden
from wattloop.arith.golden import PeStreams
from wattloop.errors import StimulusError
from wattloop.gates.spec import MacSpec

Int64 = npt.NDArray[np.int64]


# What carries a weight as the cell's multiplier encodes it.
WEIGHT_SIGNALS = ("w_i", "w_q")


def mac_widths(mac: MacSpec) -> dict[str, int]:
    """Bits of each port and register of the cell that a stimulus drives."""
    return {
        "rst_ni": 1,
        "w_en_i": 1,
        "w_i": mac.weight_code_bits,
        "w_q": mac.weight_code_bits,
        "a_i": mac.activation_bits,
        "a_q": mac.activation_bits,
        "p_i": mac.psum_bits,
        "p_q": mac.psum_bits,
    }


def mac_pairs(mac: MacSpec, weights: npt.ArrayLike, activations: Int64, psums: Int64) -> Stimulus:
    """Independent pairs (a0, p0) -> (a1, p1), a group for each weight.

    Args:
        mac: the cell.
        weights: weight of each group, shape (groups,).
        activations: shape (groups, 2, pairs), or broadcastable to it.
        psums: incoming partial sums, likewise.
    """
    held = np.asarray(weights, dtype=np.int64)[:, None, None]
    shape = np.broadcast_shapes(held.shape, activations.shape, psums.shape)
    if len(shape) != 3 or shape[1] != 2:
        raise StimulusError(f"pairs of shape {shape}; expected (groups, 2, pairs)")
    code = mac.weight_code(held)
    signals = {
        "rst_ni": np.ones(1, np.int64),
        "w_en_i": np.zeros(1, np.int64),
        "w_i": code,
        "w_q": code,
        "a_i": activations,
        "a_q": activations,
        "p_i": psums,
        "p_q": golden.mac(psums, held, activations, mac),
    }
    return Stimulus(signals, mac_widths(mac), np.array([False, True]), *shape)


def tile_stimulus(
    mac: MacSpec, streams: Sequence[PeStreams], rows_used: int, cols_used: int, *, idle: bool = False
) -> Stimulus:
    """Every cycle of real tiles, all phases: a group for each tile, lanes are cells, steps are cycles.

    Args:
        mac: the cell.
        streams: golden runs of tiles, all of the same number of cycles.
        rows_used, cols_used: the part of the array that the tiles use.
        idle: drive the cells outside that part instead of those in it.

    Raises:
        StimulusError: tiles of different length, or no cell is left.
    """
    if len({stream.cycles for stream in streams}) != 1:
        raise StimulusError("tiles of one stimulus must have the same number of cycles")
    cells = streams[0].w_q.shape[1:]
    used = np.zeros(cells, np.bool_)
    used[:rows_used, :cols_used] = True
    chosen = (~used if idle else used).ravel()
    lanes = int(chosen.sum())
    if lanes == 0:
        raise StimulusError("the tile leaves no cell idle" if idle else "the tile uses no cell")
    cycles = streams[0].cycles

    def gather(name: str) -> Int64:
        whole = (np.broadcast_to(getattr(stream, name), (cycles, *cells)) for stream in streams)
        gathered = np.stack([values.reshape(cycles, -1)[:, chosen] for values in whole])
        return mac.weight_code(gathered) if name in WEIGHT_SIGNALS else gathered

    signals = {"rst_ni": np.ones(1, np.int64), **{n: gather(n) for n in mac_widths(mac) if n != "rst_ni"}}
    return Stimulus(signals, mac_widths(mac), np.arange(cycles) > 0, len(streams), cycles, lanes)
