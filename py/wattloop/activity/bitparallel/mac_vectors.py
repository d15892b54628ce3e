"""Vectors of a MAC cell to check and to time engines with: random ones, and those of real tiles.

Both are streams under a stationary weight: lanes are cells, steps are cycles, and every register holds what the cycle
before left in it. Values lie in the narrowest integers that hold them, since an engine reads them faster.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt

from wattloop.activity.sources import WEIGHT_SIGNALS, mac_widths
from wattloop.activity.stimulus import Stimulus
from wattloop.arith import golden
from wattloop.arith.golden import PeStreams
from wattloop.errors import StimulusError
from wattloop.gates.spec import MacSpec

Int64 = npt.NDArray[np.int64]


def random_vectors(mac: MacSpec, steps: int, lanes: int, seed: int = 0) -> Stimulus:
    """Uniformly random operands; a weight for each lane. `steps - 1` transitions a lane count."""
    rng = np.random.default_rng(seed)

    def draw(legal: tuple[int, int], length: int) -> Int64:
        return rng.integers(legal[0], legal[1] + 1, (1, length, lanes))

    weight = rng.choice(np.array(mac.weight_values), (1, 1, lanes))
    activation = draw(mac.activation_range, steps + 1)
    psum = draw(mac.psum_range, steps + 1)
    after = golden.mac(psum, weight, activation, mac)
    now, before = slice(1, None), slice(None, -1)
    signals = {
        "w_i": mac.weight_code(weight),
        "w_q": mac.weight_code(weight),
        "a_i": activation[:, now],
        "a_q": activation[:, before],
        "p_i": psum[:, now],
        "p_q": after[:, before],
    }
    return _stimulus(mac, signals, steps, lanes)


def tile_vectors(mac: MacSpec, tiles: Sequence[PeStreams], rows_used: int, cols_used: int) -> Stimulus:
    """What the cells of real tiles see while pixels pass them: from the idle cycle before to the one after.

    Cells see the same pixel at different cycles of a tile; here a step is the same pixel for all.

    Args:
        mac: the cell.
        tiles: golden runs of tiles of the same size.
        rows_used, cols_used: the part of the array that they use.

    Raises:
        StimulusError: tiles of different length.
    """
    steps = {len(tile.phases["stream"]) + 2 for tile in tiles}
    if len(steps) != 1:
        raise StimulusError("tiles of one stimulus must have the same number of pixels")
    parts = [_aligned(tile, mac, rows_used, cols_used) for tile in tiles]
    signals = {name: np.concatenate([part[name] for part in parts], axis=1)[np.newaxis] for name in parts[0]}
    return _stimulus(mac, signals, steps.pop(), len(parts) * rows_used * cols_used)


def _aligned(tile: PeStreams, mac: MacSpec, rows: int, cols: int) -> dict[str, Int64]:
    """Each signal over the cycles in which a cell works, shape (steps, cells)."""
    pixels = len(tile.phases["stream"])
    row, col = np.arange(rows)[:, np.newaxis], np.arange(cols)
    first = tile.phases["stream"].start - 1
    cycle = first + np.arange(pixels + 2)[:, np.newaxis, np.newaxis] + row + col
    cycle = np.minimum(cycle, tile.cycles - 1)  # the last cell falls idle when the run is over
    found = {}
    for name in mac_widths(mac):
        if name not in ("rst_ni", "w_en_i"):
            whole = np.broadcast_to(getattr(tile, name), tile.w_q.shape)
            aligned = whole[cycle, row, col].reshape(pixels + 2, -1)
            found[name] = mac.weight_code(aligned) if name in WEIGHT_SIGNALS else aligned
    return found


def _stimulus(mac: MacSpec, signals: Mapping[str, Int64], steps: int, lanes: int) -> Stimulus:
    held = {"rst_ni": np.ones(1, np.int64), "w_en_i": np.zeros(1, np.int64)}
    narrow = {name: _narrow(_held(values)) for name, values in {**held, **signals}.items()}
    return Stimulus(narrow, mac_widths(mac), np.arange(steps) > 0, 1, steps, lanes)


def _held(values: Int64) -> Int64:
    """One step of `values` where all are the same: an engine need not read them again."""
    return values[:, :1] if values.ndim == 3 and (values == values[:, :1]).all() else values


def _narrow(values: Int64) -> Int64:
    """`values` in the narrowest integers that hold them (which the type of a stimulus' signals covers)."""
    low, high = int(values.min(initial=0)), int(values.max(initial=0))
    kinds: tuple[type[np.integer], ...] = (np.uint8, np.int8, np.uint16, np.int16, np.uint32, np.int32)
    fitting = [kind for kind in kinds if np.iinfo(kind).min <= low and high <= np.iinfo(kind).max]
    return values.astype(fitting[0]) if fitting else values


def shortened(stimulus: Stimulus, lanes: int) -> Stimulus:
    """`lanes` lanes of a stimulus, evenly spread over it."""
    kept = min(lanes, stimulus.lanes)
    chosen = np.arange(kept) * stimulus.lanes // kept
    signals = {
        name: values[..., chosen].copy(order="C") if values.ndim == 3 and values.shape[2] > 1 else values
        for name, values in stimulus.signals.items()
    }
    return Stimulus(signals, stimulus.widths, stimulus.counted, stimulus.groups, stimulus.steps, kept)
