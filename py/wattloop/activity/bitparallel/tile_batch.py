"""Tiles of one shape as arrays, checked."""

from __future__ import annotations

import functools
import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from wattloop.activity.sources import mac_widths
from wattloop.activity.stimulus import Stimulus
from wattloop.activity.tiles import Part, TileRun
from wattloop.errors import SpecError, StimulusError
from wattloop.gates.spec import ArraySpec, MacSpec

Int32 = npt.NDArray[np.int32]
Int64 = npt.NDArray[np.int64]
Codes = npt.NDArray[np.unsignedinteger]
Integers = npt.NDArray[np.integer]
Index = npt.NDArray[np.intp]


@dataclass(frozen=True, eq=False)
class TileBatch:
    """Tiles of one shape as arrays.

    Attributes:
        spec: the array.
        weights: shape (tiles, rows_used, cols_used).
        activations: shape (tiles, rows_used, pixels).
        before: codes of the weights that every cell of the array held before, shape (tiles, rows, cols).
        after: codes of the weights that they hold then, likewise.
        psum_in: shape (tiles, cols).
    """

    spec: ArraySpec
    weights: Int32
    activations: Int32
    before: Codes
    after: Codes
    psum_in: Int32

    @classmethod
    def of(cls, spec: ArraySpec, tiles: Sequence[TileRun]) -> TileBatch:
        """Tiles of one shape, checked as `golden.run_tiles` checks them.

        Raises:
            StimulusError: a shape does not fit, or a value is out of the spec's range.
        """
        shape = spec.rows, spec.cols
        weights = np.stack([tile.weights for tile in tiles])
        before = np.zeros((len(tiles), *shape), np.int64)
        for whole, tile in zip(before, tiles, strict=True):
            _put(whole, tile.before, shape)
        after = np.zeros((len(tiles), *shape), np.int64)
        for whole, tile in zip(after, tiles, strict=True):
            _put(whole, tile.weights, shape)
        activations = np.stack([tile.activations for tile in tiles])
        _require_range("activations", activations, spec.mac.activation_range)
        psum_in = np.stack([np.broadcast_to(tile.psum_in, spec.cols) for tile in tiles])
        _require_range("psum_in", psum_in, spec.mac.psum_range)
        if activations.shape[1] != weights.shape[1]:
            raise StimulusError(f"weights of {weights.shape[1]} rows and activations of {activations.shape[1]}")
        return cls(
            spec,
            np.ascontiguousarray(weights, np.int32),
            np.ascontiguousarray(activations, np.int32),
            _codes(spec, before),
            _codes(spec, after),
            np.ascontiguousarray(psum_in, np.int32),
        )

    @property
    def rows_used(self) -> int:
        """Rows that the tiles use."""
        return int(self.weights.shape[1])

    @property
    def cols_used(self) -> int:
        """Columns that the tiles use."""
        return int(self.weights.shape[2])

    @property
    def pixels(self) -> int:
        """Pixels that pass."""
        return int(self.activations.shape[2])

    @cached_property
    def zero(self) -> Codes:
        """Code of the weight 0."""
        return _codes(self.spec, np.zeros((), np.int64))

    def subset(self, chosen: Index) -> TileBatch:
        """Some of the tiles."""
        arrays = (getattr(self, name)[chosen] for name in ("weights", "activations", "before", "after", "psum_in"))
        return TileBatch(self.spec, *arrays)

    def bare(self, part: Part) -> npt.NDArray[np.bool_]:
        """Which tiles leave cells idle that hold 0 before and after, all under the same partial sum, shape (tiles,)."""
        same = (self.psum_in == self.psum_in[:, :1]).all(1)
        if part == "used":
            return np.zeros_like(same)
        outside = self.before.reshape(len(self.before), -1)[:, self.cells(part)]
        return np.asarray(same & (outside == self.zero).all(1))

    def digests(self) -> list[bytes]:
        """What tells the tiles' weights and partial sums apart."""
        arrays = self.before, self.after, self.psum_in
        return [hashlib.blake2b(b"".join(v[k].tobytes() for v in arrays)).digest() for k in range(len(self.weights))]

    def cells(self, part: Part) -> Index:
        """Cells of a part of the array, row by row: row * cols + column."""
        used = np.zeros((self.spec.rows, self.spec.cols), np.bool_)
        used[: self.rows_used, : self.cols_used] = True
        return np.flatnonzero(used if part == "used" else ~used)

    def stimulus(self, steps: int, lanes: int, signals: Mapping[str, Integers], tiles: int | None = None) -> Stimulus:
        """A stimulus of all steps but the first; signals that are not given are 0, and the reset 1."""
        widths = mac_widths(self.spec.mac)
        still: dict[str, Integers] = {name: np.full(1, name == "rst_ni", np.uint8) for name in widths}
        groups = len(self.weights) if tiles is None else tiles
        return Stimulus({**still, **signals}, widths, np.arange(steps) > 0, groups, steps, lanes)


def _put(whole: Int64, values: Integers | None, shape: tuple[int, int]) -> None:
    """`values` into the low corner of an array of zeros."""
    if values is None:
        return
    if values.ndim != 2 or values.shape > shape or values.shape[1] > shape[1] or 0 in values.shape:
        raise StimulusError(f"weights {values.shape} do not fit: (rows, cols) on a {shape[0]}x{shape[1]} array")
    whole[: values.shape[0], : values.shape[1]] = values


@functools.lru_cache(16)
def _table(mac: MacSpec) -> Codes:
    """Code of each weight from the least on; all ones where the cell holds no such weight."""
    kind = np.uint8 if mac.weight_code_bits < 8 else np.uint16 if mac.weight_code_bits < 16 else np.uint32
    values = np.array(mac.weight_values)
    table = np.full(values[-1] - values[0] + 1, np.iinfo(kind).max, kind)
    table[values - values[0]] = mac.weight_code(values)
    return table


def _codes(spec: ArraySpec, weights: Int64) -> Codes:
    mac = spec.mac
    table, least = _table(mac), mac.weight_values[0]
    inside = weights.min() >= least and weights.max() <= mac.weight_values[-1]
    codes = table[weights - least] if inside else None
    if codes is None or codes.max() == np.iinfo(codes.dtype).max:
        try:
            mac.weight_code(weights)
        except SpecError as error:
            raise StimulusError(str(error)) from error
    if codes is None:
        raise StimulusError(f"weights hold {weights.min()}..{weights.max()}; the spec allows {mac.weight_range}")
    return codes


def _require_range(name: str, values: Integers, legal: tuple[int, int]) -> None:
    if not np.issubdtype(values.dtype, np.integer) or 0 in values.shape:
        raise StimulusError(f"{name}: a {values.dtype} array of shape {values.shape}; expected integers, at least one")
    if values.min() < legal[0] or values.max() > legal[1]:
        raise StimulusError(f"{name} holds {values.min()}..{values.max()}; the spec allows {legal[0]}..{legal[1]}")
