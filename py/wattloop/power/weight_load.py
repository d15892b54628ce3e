"""What it costs to load the weights of a tile: the phase that tables of transitions know nothing of.

While weights load, activations and partial sums are 0. A cell then sees the weight bus of its column pass the weights
of all rows, and in its own cycle takes its own. Toggles of the bus add up bit by bit; those of taking a weight depend
on the weight before it. With delays there are glitches more where bus and enable switch together; each bit has a write
multiplexer of its own, so that they depend on four values of the bit. All of it follows from the netlist alone.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from wattloop.activity.backend import ActivityBackend
from wattloop.activity.result import Activity
from wattloop.activity.sources import mac_widths
from wattloop.activity.stimulus import Stimulus
from wattloop.arith.archive import load_arrays, save_arrays
from wattloop.arith.layer import IntegerLayer
from wattloop.errors import StorageError
from wattloop.gates.netlist import Netlist
from wattloop.gates.spec import ArraySpec, MacSpec

Bool = npt.NDArray[np.bool_]
Float = npt.NDArray[np.float64]
Int32 = npt.NDArray[np.int32]
Int64 = npt.NDArray[np.int64]
Int8 = npt.NDArray[np.int8]

_CHANGES_AT_ONCE = 4096
# Values of one bit: held, and on the bus before, in and after the cell's cycle.
_PATTERNS = 16


@dataclass(frozen=True, eq=False)
class LoadTable:
    """Toggles of one cell while weights are loaded.

    Attributes:
        weights: weight values, ascending, shape (values,).
        nets: indices of the nets that toggle at all, shape (k,).
        change: toggles, glitches among them, as a cell that holds one weight takes another: its enable rises, the
            register takes the weight, the enable falls; shape (values * values, k), row `before * values + after`.
        bus: toggles as one bit of the weight bus toggles past a cell, shape (bits, k).
        together: toggles of taking a weight beyond those, by bit and by its values `8 * held + 4 * earlier + 2 * own +
            later`: what the cell holds, and what the bus is before, in and after the cell's cycle; shape (bits, 16, k).
            0 without delays.
        netlist: digest of the netlist.
    """

    weights: Int64
    nets: Int64
    change: npt.NDArray[np.uint16]
    bus: Int64
    together: Int64
    netlist: str

    def __post_init__(self) -> None:
        nets = len(self.nets)
        shapes = (len(self.weights) ** 2, nets), (len(self.bus), nets), (len(self.bus), _PATTERNS, nets)
        if (self.change.shape, self.bus.shape, self.together.shape) != shapes:
            raise StorageError("a table of weight loading is damaged: delete it and measure again")

    def moves(self, loading: Loading) -> Float:
        """Toggles of each of `nets`, shape (k,)."""
        seen = np.flatnonzero(loading.changes)
        apart = loading.changes[seen] @ self.change[seen].astype(np.float64) + loading.bus @ self.bus
        return np.asarray(apart + np.tensordot(loading.together, self.together, 2))

    def energy_fj(self, loading: Loading, prices: Mapping[str, Float]) -> dict[str, float]:
        """Dynamic energy of loading, by origin, at fJ per toggle of each net."""
        moves = self.moves(loading)
        return {name: float(moves @ price[self.nets]) for name, price in prices.items()}

    def save(self, path: Path) -> None:
        """Write an .npz file, whole or not at all."""
        save_arrays(self, path)

    @classmethod
    def load(cls, path: Path) -> LoadTable:
        """Read what `save` wrote.

        Raises:
            StorageError: missing or damaged.
        """
        return load_arrays(cls, path)


@dataclass(frozen=True)
class Loading:
    """What is loaded for one image of a layer, on the cells that its tiles use.

    Attributes:
        changes: how often a cell that holds one weight takes another, shape (values * values,).
        bus: toggles of each bit of the weight bus, each counted for every cell that it passes, shape (bits,).
        together: how often a cell takes a weight by the values of each bit (`LoadTable.together`), shape (bits, 16).
    """

    changes: Float
    bus: Float
    together: Float


def load_table(netlist: Netlist, mac: MacSpec, backend: ActivityBackend) -> LoadTable:
    """Measure it, for all pairs of weights.

    Raises:
        StimulusError: the netlist is not of this spec.
    """
    values = np.array(mac.weight_values, np.int64)
    before, after = np.divmod(np.arange(len(values) ** 2), len(values))
    bits = _moves(backend.measure(netlist, _bus_toggles(mac)))
    parts, toggling = [], bits.any(axis=0)
    for first in range(0, len(before), _CHANGES_AT_ONCE):
        some = slice(first, first + _CHANGES_AT_ONCE)
        moves = _moves(backend.measure(netlist, _changes(mac, values[before[some]], values[after[some]])))
        parts.append(moves.astype(np.uint16))
        toggling |= moves.any(axis=0)
    together = _together(mac, netlist, backend, bits)
    nets = np.flatnonzero(toggling | together.any(axis=(0, 1)))
    change = np.concatenate([part[:, nets] for part in parts])
    return LoadTable(values, nets, change, bits[:, nets], together[:, :, nets], netlist.digest)


def _moves(activity: Activity) -> Int64:
    return activity.toggles if activity.glitches is None else activity.toggles + activity.glitches


def at_rest(mac: MacSpec) -> Stimulus:
    """A cell that holds each weight, a group for each, and sees nothing move."""
    code = mac.weight_code(np.array(mac.weight_values, np.int64))[:, None, None]
    return _quiet(mac, w_i=code, w_q=code, groups=len(code), steps=2)


def _changes(mac: MacSpec, before: Int64, after: Int64) -> Stimulus:
    """Cells that hold `before` take `after`, a group for each, while the bus rests."""
    new = mac.weight_code(after)
    return _taken(mac, mac.weight_code(before), (new, new, new))


def _taken(mac: MacSpec, held: Int64, bus: tuple[Int64, Int64, Int64]) -> Stimulus:
    """Cells that hold some codes take others, a group for each; codes on the bus before, in and after their cycle."""
    holds = np.stack([held, held, bus[1]], axis=1)[:, :, None]
    enable = np.array([0, 1, 0], np.int64)[None, :, None]
    on_bus = np.stack(bus, axis=1)[:, :, None]
    return _quiet(mac, w_i=on_bus, w_q=holds, w_en_i=enable, groups=len(held), steps=3)


def _together(mac: MacSpec, netlist: Netlist, backend: ActivityBackend, alone: Int64) -> Int64:
    """`LoadTable.together` for all nets; `alone` are the toggles of the bus alone, shape (bits, nets)."""
    pattern = np.arange(_PATTERNS)
    held, earlier, own, later = (pattern >> bit & 1 for bit in (3, 2, 1, 0))
    switches = (earlier != own).astype(np.int64) + (own != later)

    def moves(*values: Int64) -> Int64:
        at = [(value << np.arange(len(alone))[:, None]).ravel() for value in values]
        activity = backend.measure(netlist, _taken(mac, at[0], (at[1], at[2], at[3])))
        return _moves(activity).reshape(len(alone), _PATTERNS, -1)

    apart = moves(held, own, own, own) + switches[:, None] * alone[:, None]
    return np.asarray(moves(held, earlier, own, later) - apart)


def _bus_toggles(mac: MacSpec) -> Stimulus:
    """Each bit of the weight bus rises, a group for each."""
    bits = np.arange(mac.weight_code_bits)
    bus = np.stack([np.zeros_like(bits), 1 << bits], axis=1)[:, :, None]
    held = mac.weight_code(np.zeros(1, np.int64))[:, None, None]
    return _quiet(mac, w_i=bus, w_q=held, groups=len(bits), steps=2)


def _quiet(mac: MacSpec, *, groups: int, steps: int, **signals: Int64) -> Stimulus:
    widths = mac_widths(mac)
    still = {name: np.zeros((1, 1, 1), np.int64) for name in widths} | {"rst_ni": np.ones((1, 1, 1), np.int64)}
    return Stimulus(still | signals, widths, np.arange(steps) > 0, groups, steps, 1)


def loading(layer: IntegerLayer, weights: Int8, spec: ArraySpec) -> Loading:
    """What is loaded for one image of a layer: every tile loads its weights, the same ones for every block of pixels.

    Args:
        layer: the layer.
        weights: shape (out_channels, reduction); values that the cell holds.
        spec: the array.
    """
    values = np.array(spec.mac.weight_values, np.int64)
    again = math.ceil(layer.geometry.pixels / spec.pixels) - 1
    tiles, used = _weight_tiles(layer, weights, spec)
    index = np.searchsorted(values, tiles)
    before = np.roll(index, 1, axis=0)  # the first tile of an image follows the last one of another
    changes = np.bincount((before * len(values) + index)[used], minlength=len(values) ** 2).astype(np.float64)
    kept = np.bincount(index[used], minlength=len(values))
    changes[np.arange(len(values)) * (len(values) + 1)] += again * kept
    code = spec.mac.weight_code(tiles).astype(np.int32)
    from_last, from_own = np.roll(code, 1, axis=0)[:, -1:], code[:, -1:]
    toggled = ((1, code[:, :1] ^ from_last), (again, code[:, :1] ^ from_own), (again + 1, code[:, 1:] ^ code[:, :-1]))
    cells = used.sum(axis=1)  # that see each column's bus
    bus = sum(times * _by_bit(bits, cells, spec.mac) for times, bits in toggled)
    first = _patterns(np.roll(code, 1, axis=0), from_last, code, used, spec.mac)
    return Loading(
        changes, np.asarray(bus, np.float64), first + again * _patterns(code, from_own, code, used, spec.mac)
    )


def _patterns(held: Int32, earlier: Int32, code: Int32, used: Bool, mac: MacSpec) -> Float:
    """How often each pattern of each bit occurs (`LoadTable.together`) as tiles are loaded once.

    Args:
        held: codes that the cells hold, shape (tiles, rows, cols).
        earlier: codes on the buses before, shape (tiles, 1, cols).
        code: codes that are loaded, from row 0 on, shape (tiles, rows, cols); the last one stays on the bus.
        used: cells that count, likewise.
        mac: the cell.
    """
    before = np.concatenate([earlier, code[:, :-1]], axis=1)
    after = np.concatenate([code[:, 1:], code[:, -1:]], axis=1)
    parts = [part[used] for part in (held, before, code, after)]

    def counts(bit: int) -> Int64:
        values = sum((part >> bit & 1) << place for part, place in zip(parts, (3, 2, 1, 0), strict=True))
        return np.bincount(np.asarray(values), minlength=_PATTERNS)

    return np.array([counts(bit) for bit in range(mac.weight_code_bits)], np.float64)


def _by_bit(toggled: npt.NDArray[np.integer], cells: Int64, mac: MacSpec) -> Int64:
    """Toggles of each bit of the columns' buses (tiles, rows, cols), each counted for every cell that it passes."""
    return np.array([((toggled >> bit & 1).sum(axis=1) * cells).sum() for bit in range(mac.weight_code_bits)])


def _weight_tiles(layer: IntegerLayer, weights: Int8, spec: ArraySpec) -> tuple[Int64, Bool]:
    """Weights of each tile on the whole array, and the cells that it uses, in the order in which they are loaded.

    Returns:
        both of shape (tiles, rows, cols).
    """
    geometry = layer.geometry
    outputs = geometry.out_channels // geometry.groups
    blocks = (geometry.groups, math.ceil(geometry.reduction / spec.rows), math.ceil(outputs / spec.cols))
    whole = np.zeros((geometry.groups, blocks[1] * spec.rows, blocks[2] * spec.cols), np.int64)
    used = np.zeros(whole.shape, np.bool_)
    mine = slice(None), slice(geometry.reduction), slice(outputs)
    whole[mine] = weights.reshape(geometry.groups, outputs, geometry.reduction).transpose(0, 2, 1)
    used[mine] = True

    def cut(cells: npt.NDArray[np.generic]) -> Any:
        parts = cells.reshape(geometry.groups, blocks[1], spec.rows, blocks[2], spec.cols)
        return parts.transpose(0, 1, 3, 2, 4).reshape(-1, spec.rows, spec.cols)

    return cut(whole), cut(used)
