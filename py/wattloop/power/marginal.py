"""What a MAC of a layer would cost with each weight value, all else as it is: the exact counterpart of E_l(w)."""

from __future__ import annotations

import zlib
from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

from wattloop.activity.backend import ActivityBackend
from wattloop.activity.sources import mac_widths
from wattloop.activity.stimulus import Stimulus
from wattloop.arith import golden
from wattloop.arith.layer import LayerTrace
from wattloop.arith.tile_choice import psum_streams, tile_transitions
from wattloop.arith.tiling import tile_at
from wattloop.gates.netlist import Netlist
from wattloop.gates.spec import ArraySpec, MacSpec

Float = npt.NDArray[np.float64]
Int64 = npt.NDArray[np.int64]

_WEIGHTS_AT_ONCE = 32


def marginal_fj(
    netlist: Netlist,
    spec: ArraySpec,
    trace: LayerTrace,
    backend: ActivityBackend,
    prices: Mapping[str, Float],
    *,
    cells: int = 512,
    seed: int = 0,
) -> Float:
    """Dynamic energy per cycle in which a MAC moves, by weight value, measured on the streams of real tiles.

    Random cells of random tiles, each MAC of the layer as likely as any other, run all their pixels, each cell with
    every weight value in turn; its inputs stay what they are. No statistical model is involved, and the same cells
    serve all weights, so that their order is known far better than their energies.

    Args:
        netlist: the cell in gates.
        spec: the array.
        trace: the layer.
        backend: who measures activity.
        prices: fJ of a toggle of each net, by origin.
        cells: how many.
        seed: of their choice.

    Returns:
        shape (values,), in the order of `spec.mac.weight_values`.
    """
    activation, psum, moving = _streams(trace, spec, cells, seed)
    price_fj, values = sum(prices.values(), np.zeros(len(netlist.nets))), np.array(spec.mac.weight_values, np.int64)
    found = []
    for first in range(0, len(values), _WEIGHTS_AT_ONCE):
        stimulus = _with_weights(spec.mac, values[first : first + _WEIGHTS_AT_ONCE], activation, psum)
        activity = backend.measure(netlist, stimulus)
        moves = activity.toggles if activity.glitches is None else activity.toggles + activity.glitches
        found.append(moves @ price_fj / moving)
    return np.concatenate(found)


def _streams(trace: LayerTrace, spec: ArraySpec, cells: int, seed: int) -> tuple[Int64, Int64, int]:
    """Activations and partial sums of cells, idle before and after, shape (pixels + 3, cells), and cycles that move."""
    rng = np.random.default_rng([seed, zlib.crc32(trace.layer.name.encode())])
    weight = tile_transitions(trace, spec).astype(np.float64)
    chosen = rng.choice(len(weight), cells, p=weight / weight.sum())
    activation, psum = (np.zeros((spec.pixels + 3, cells), np.int64) for _ in range(2))
    moving = 0
    for index in np.unique(chosen).tolist():
        lanes, tile = np.flatnonzero(chosen == index), tile_at(trace, spec, index)
        row, col = (rng.integers(0, size, len(lanes)) for size in tile.weights.shape)
        steps = slice(1, 1 + tile.activations.shape[1])
        activation[steps, lanes] = tile.activations[row].T
        psum[steps, lanes] = psum_streams(tile)[row, col].T
        moving += len(lanes) * (tile.activations.shape[1] + 1)
    return activation, psum, moving


def _with_weights(mac: MacSpec, values: Int64, activation: Int64, psum: Int64) -> Stimulus:
    """The streams under each of some weights, a group for each; registers hold what the cycle before left in them."""
    held = values[:, None, None]
    after = golden.mac(psum, held, activation, mac)
    code = mac.weight_code(held)
    signals: dict[str, npt.NDArray[np.integer]] = {
        "rst_ni": np.ones((1, 1, 1), np.int64),
        "w_en_i": np.zeros((1, 1, 1), np.int64),
        "w_i": code,
        "w_q": code,
        "a_i": activation[None],
        "a_q": np.roll(activation, 1, axis=0)[None],
        "p_i": psum[None].astype(np.int32),
        "p_q": np.roll(after, 1, axis=1).astype(np.int32),
    }
    steps, cells = activation.shape
    return Stimulus(signals, mac_widths(mac), np.arange(steps) > 0, len(values), steps, cells)
