"""What a layer's MACs see: activation transitions and grouped partial-sum transitions (paper section 3.1)."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from wattloop.arith.layer import LayerTrace
from wattloop.arith.psum_groups import GROUPS, group_pair
from wattloop.arith.reservoir import CellReservoir
from wattloop.arith.tiling import Tile, check_overflow, tile_at, tile_count
from wattloop.errors import StimulusError, StorageError
from wattloop.gates.spec import ArraySpec
from wattloop.store import content_key, write_atomic

Int32 = npt.NDArray[np.int32]
Int64 = npt.NDArray[np.int64]

_CELLS = GROUPS * GROUPS


@dataclass(frozen=True, eq=False)
class LayerStatistics:
    """Transitions between successive cycles at the inputs of a layer's PEs, counted once per PE.

    Attributes:
        layer: name of the layer.
        activation_signed: levels are int8; the counts' index is the raw 8-bit pattern in any case.
        psum_bits: width of the partial sums.
        activation_counts: int64, shape (256, 256): transitions of a PE's activation, from row to column.
        group_counts: int64, shape (50, 50): transitions of a PE's incoming partial sum between groups.
        members: int32, shape (2500, capacity, 2): observed (from, to) partial sums of each cell 50 * from + to.
        member_counts: int64, shape (2500,): how many of them are there.
        images: images of the trace.
        tiles: tiles that were collected.
        tiles_total: tiles of the trace.
        seed: of the choice of tiles and members.
    """

    layer: str
    activation_signed: bool
    psum_bits: int
    activation_counts: Int64
    group_counts: Int64
    members: Int32
    member_counts: Int64
    images: int
    tiles: int
    tiles_total: int
    seed: int

    def __post_init__(self) -> None:
        shapes = (self.activation_counts.shape, self.group_counts.shape, self.members.shape[::2])
        if shapes != ((256, 256), (GROUPS, GROUPS), (_CELLS, 2)) or self.member_counts.shape != (_CELLS,):
            raise StorageError(f"statistics of layer {self.layer}: damaged (shapes {shapes}); collect them again")

    @property
    def transitions(self) -> int:
        """Transitions counted over all PEs."""
        return int(self.group_counts.sum())

    @property
    def key(self) -> str:
        """Content key: equal statistics have equal keys."""
        return content_key(self)

    def sample(self, count: int, rng: np.random.Generator) -> tuple[Int64, Int64, Int64, Int64]:
        """Draw independent pairs: activations from their counts, partial sums from the groups and then their members.

        Activation and partial sum are drawn independently of each other, as the paper does.

        Args:
            count: number of pairs.
            rng: source of randomness.

        Returns:
            (a_from, a_to, p_from, p_to), int64 signed values, each of shape (count,).

        Raises:
            StimulusError: nothing was collected.
        """
        if self.transitions == 0:
            raise StimulusError(f"layer {self.layer} has no transitions to sample from: collect at least one tile")
        activation = _draw(self.activation_counts, count, rng)
        cell = _draw(self.group_counts, count, rng)
        member = (rng.random(count) * self.member_counts[cell]).astype(np.int64)
        psum = self.members[cell, member].astype(np.int64)
        return self._activation(activation >> 8), self._activation(activation & 255), psum[:, 0], psum[:, 1]

    def _activation(self, pattern: Int64) -> Int64:
        return pattern - ((pattern & 128) << 1) if self.activation_signed else pattern

    def save(self, path: Path) -> None:
        """Write an .npz file, whole or not at all.

        Raises:
            StorageError: the file cannot be written.
        """
        buffer = io.BytesIO()
        arrays = {name: np.asarray(value) for name, value in asdict(self).items()}
        np.savez_compressed(buffer, allow_pickle=False, **arrays)
        write_atomic(path, buffer.getvalue())

    @classmethod
    def load(cls, path: Path) -> LayerStatistics:
        """Read what `save` wrote.

        Raises:
            StorageError: missing or damaged.
        """
        try:
            with np.load(path, allow_pickle=False) as data:
                loaded = {name: data[name] for name in data.files}
            fields = {name: v if v.ndim else v.item() for name, v in loaded.items()}
            return cls(**fields)
        except (OSError, ValueError, TypeError, EOFError, zipfile.BadZipFile) as error:
            raise StorageError(f"cannot read statistics {path}: {error}; collect them again") from error


def _draw(counts: Int64, count: int, rng: np.random.Generator) -> Int64:
    """Flat indices drawn in proportion to `counts`."""
    upto = np.cumsum(counts.ravel())
    return np.searchsorted(upto, rng.integers(0, upto[-1], count), side="right")


def psum_streams(tile: Tile, psum_offset: int = 0) -> Int32:
    """Partial sum that enters each PE at each pixel: the sum over the rows above it.

    Returns:
        int32, shape (rows_used, cols_used, pixels_used); row 0 holds the offset.
    """
    products = tile.weights.astype(np.int32)[:, :, None] * tile.activations.astype(np.int32)[:, None, :]
    streams = np.empty_like(products)
    streams[0] = psum_offset
    np.cumsum(products[:-1], axis=0, out=streams[1:])
    streams[1:] += psum_offset
    return streams


def collect(
    trace: LayerTrace,
    spec: ArraySpec,
    *,
    tiles: int | None = None,
    seed: int = 0,
    edges: bool = True,
    capacity: int = 256,
    psum_offset: int = 0,
    progress: Callable[[int, int], None] | None = None,
) -> LayerStatistics:
    """Count the transitions of real tiles.

    Args:
        trace: the layer and its inputs.
        spec: the array that cuts the layer into tiles.
        tiles: how many tiles, chosen at random without replacement; None for all.
        seed: of that choice and of the reservoirs; equal arguments give equal statistics, to the bit.
        edges: count the step from the idle inputs (activation 0, the bare offset) to the first pixel and back from the
            last, as the array sees them: pixels + 1 transitions a PE and tile. Without, pixels - 1.
        capacity: members kept per cell.
        psum_offset: constant that enters row 0.
        progress: called with (done, total) tiles.

    Raises:
        OverflowRangeError: the layer does not fit the array's partial sums.
    """
    check_overflow(trace.layer, spec, psum_offset)
    total = tile_count(trace, spec)
    chosen = np.arange(total)
    if tiles is not None and tiles < total:
        chosen = np.sort(np.random.default_rng(seed).choice(total, tiles, replace=False))
    counts = _Counts(spec.mac.psum_bits, capacity)
    for done, index in enumerate(chosen.tolist(), start=1):
        tile = tile_at(trace, spec, index)
        counts.add(tile, psum_offset, edges, np.random.default_rng([seed, index]))
        if progress is not None:
            progress(done, len(chosen))
    members, member_counts = counts.reservoir.members()
    return LayerStatistics(
        layer=trace.layer.name,
        activation_signed=trace.layer.activation_signed,
        psum_bits=spec.mac.psum_bits,
        activation_counts=counts.activation.reshape(256, 256),
        group_counts=counts.group.reshape(GROUPS, GROUPS),
        members=members,
        member_counts=member_counts,
        images=trace.images,
        tiles=len(chosen),
        tiles_total=total,
        seed=seed,
    )


class _Counts:
    """Running totals of `collect`."""

    def __init__(self, psum_bits: int, capacity: int) -> None:
        self.psum_bits = psum_bits
        self.activation = np.zeros(256 * 256, np.int64)
        self.group = np.zeros(_CELLS, np.int64)
        self.reservoir = CellReservoir(_CELLS, capacity)

    def add(self, tile: Tile, psum_offset: int, edges: bool, rng: np.random.Generator) -> None:
        margin = 1 if edges else 0
        pattern = np.pad(tile.activations.astype(np.int64) & 255, ((0, 0), (margin, margin)))
        pair = (pattern[:, :-1] << 8) | pattern[:, 1:]
        self.activation += np.bincount(pair.ravel(), minlength=256 * 256) * tile.weights.shape[1]
        psum = psum_streams(tile, psum_offset)
        psum = np.pad(psum, ((0, 0), (0, 0), (margin, margin)), constant_values=psum_offset)
        before, after = psum[:, :, :-1].ravel(), psum[:, :, 1:].ravel()
        cell = group_pair(before, after, self.psum_bits)
        self.group += np.bincount(cell, minlength=_CELLS)
        self.reservoir.add(cell, rng.random(len(cell)), np.stack([before, after], axis=1))
