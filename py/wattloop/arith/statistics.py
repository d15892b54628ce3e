"""The paper's statistics: activation transitions and grouped partial-sum transitions, independent of each other.

One layer's, or pooled over several (paper section 3.1).
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from wattloop.arith.archive import load_arrays, save_arrays
from wattloop.arith.layer import LayerTrace
from wattloop.arith.mapping import HardwareMapping
from wattloop.arith.psum_groups import GROUPS, group_pair
from wattloop.arith.reservoir import CellReservoir
from wattloop.arith.tile_choice import chosen_tiles, psum_streams
from wattloop.arith.tiling import Tile, check_overflow, tile_at, tile_count
from wattloop.arith.transitions import Pairs
from wattloop.errors import StimulusError, StorageError
from wattloop.gates.spec import ArraySpec
from wattloop.store import content_key

Float = npt.NDArray[np.float64]
Int32 = npt.NDArray[np.int32]
Int64 = npt.NDArray[np.int64]

_CELLS = GROUPS * GROUPS


@dataclass(frozen=True, eq=False)
class LayerStatistics:
    """Transitions between successive cycles at the inputs of a layer's PEs, counted once per PE.

    Implements `TransitionModel` with one class of rows.

    Attributes:
        layer: name of the layer, or of the layers that it pools.
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
    def kind(self) -> str:
        """Activations and groups of partial sums, independent of each other."""
        return "independent, 50 groups"

    @property
    def key(self) -> str:
        """Content key: equal statistics have equal keys."""
        return content_key(self)

    @property
    def class_of_row(self) -> Int64:
        """Every row is of class 0, shape (1, 1)."""
        return np.zeros((1, 1), np.int64)

    @property
    def shares(self) -> Float:
        """The one class holds everything, shape (1,)."""
        return np.ones(1)

    def sample(self, count: int, rng: np.random.Generator, row_class: int = 0) -> Pairs:
        """Draw independent pairs: activations from their counts, partial sums from the groups and then their members.

        Activation and partial sum are drawn independently of each other, as the paper does.

        Args:
            count: number of pairs.
            rng: source of randomness.
            row_class: 0.

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

    def sample_rows(self, count: int, rngs: Sequence[np.random.Generator], row_class: int = 0) -> Pairs:
        """What `sample` gives for each of several generators, each of shape (generators, count)."""
        a_from, a_to, p_from, p_to = zip(*(self.sample(count, rng, row_class) for rng in rngs), strict=True)
        return np.stack(a_from), np.stack(a_to), np.stack(p_from), np.stack(p_to)

    def _activation(self, pattern: Int64) -> Int64:
        return pattern - ((pattern & 128) << 1) if self.activation_signed else pattern

    def save(self, path: Path) -> None:
        """Write an .npz file, whole or not at all.

        Raises:
            StorageError: the file cannot be written.
        """
        save_arrays(self, path)

    @classmethod
    def load(cls, path: Path) -> LayerStatistics:
        """Read what `save` wrote.

        Raises:
            StorageError: missing or damaged.
        """
        return load_arrays(cls, path)


def _draw(counts: Int64, count: int, rng: np.random.Generator) -> Int64:
    """Flat indices drawn in proportion to `counts`."""
    upto = np.cumsum(counts.ravel())
    return np.searchsorted(upto, rng.integers(0, upto[-1], count), side="right")


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
    counts = _Counts(spec.mac.psum_bits, capacity)
    tiles_done = counts.add_all(trace, spec, tiles, seed, psum_offset, edges, [seed], progress)
    return counts.statistics(trace.layer.name, [trace], tiles_done, tile_count(trace, spec), seed)


def collect_pooled(
    traces: Sequence[LayerTrace],
    spec: ArraySpec,
    *,
    tiles: int | None = None,
    seed: int = 0,
    capacity: int = 256,
    progress: Callable[[int, int], None] | None = None,
) -> LayerStatistics:
    """One model for several layers, each transition counted once whichever layer it is of; see `collect`.

    Args:
        tiles: of each layer.
        progress: called with (done, total) tiles of a layer.

    Raises:
        OverflowRangeError: a layer does not fit the array's partial sums.
        StimulusError: no layer, or some with signed and some with unsigned activations.
    """
    if len({trace.layer.activation_signed for trace in traces}) != 1:
        raise StimulusError("one model for all layers needs layers whose activations are all signed or all unsigned")
    counts, done, total = _Counts(spec.mac.psum_bits, capacity), 0, 0
    for trace in traces:
        key = [seed, zlib.crc32(trace.layer.name.encode())]
        done += counts.add_all(trace, spec, tiles, seed, 0, True, key, progress)
        total += tile_count(trace, spec)
    return counts.statistics(f"all {len(traces)} layers", traces, done, total, seed)


class _Counts:
    """Running totals."""

    def __init__(self, psum_bits: int, capacity: int) -> None:
        self.psum_bits = psum_bits
        self.activation = np.zeros(256 * 256, np.int64)
        self.group = np.zeros(_CELLS, np.int64)
        self.reservoir = CellReservoir(_CELLS, capacity)

    def add_all(
        self,
        trace: LayerTrace,
        spec: ArraySpec,
        tiles: int | None,
        seed: int,
        psum_offset: int,
        edges: bool,
        key: Sequence[int],
        progress: Callable[[int, int], None] | None,
    ) -> int:
        """Count the transitions of a layer's chosen tiles, and tell how many those are."""
        check_overflow(trace.layer, spec, HardwareMapping(psum_offset=psum_offset))
        chosen = chosen_tiles(trace, spec, tiles, seed)
        for done, index in enumerate(chosen.tolist(), start=1):
            self.add(tile_at(trace, spec, index), psum_offset, edges, np.random.default_rng([*key, index]))
            if progress is not None:
                progress(done, len(chosen))
        return len(chosen)

    def statistics(
        self, name: str, traces: Sequence[LayerTrace], tiles: int, tiles_total: int, seed: int
    ) -> LayerStatistics:
        members, member_counts = self.reservoir.members()
        return LayerStatistics(
            layer=name,
            activation_signed=traces[0].layer.activation_signed,
            psum_bits=self.psum_bits,
            activation_counts=self.activation.reshape(256, 256),
            group_counts=self.group.reshape(GROUPS, GROUPS),
            members=members,
            member_counts=member_counts,
            images=traces[0].images,
            tiles=tiles,
            tiles_total=tiles_total,
            seed=seed,
        )

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
