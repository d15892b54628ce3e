"""What the cells of the array see during tiles, and which cell and cycle each lane and step stands for.

The streams are those that energies are counted on (`activity.bitparallel.array_streams`): loading and passing pixels
apart, without the cycles in which nothing moves. Arrays that have no such streams take the golden ones.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from wattloop.activity.bitparallel import array_streams as streams
from wattloop.activity.bitparallel.array import supports
from wattloop.activity.bitparallel.engine import Engine
from wattloop.activity.bitparallel.tile_batch import TileBatch
from wattloop.activity.sources import tile_stimulus
from wattloop.activity.stimulus import Stimulus
from wattloop.activity.tiles import TileRun
from wattloop.gates.spec import ArraySpec

Index = npt.NDArray[np.intp]


@dataclass(frozen=True, eq=False)
class Cells:
    """Cells of the array in which something is seen.

    Attributes:
        entry: for each, the lane that it sees the same as; an index into the arrays that were asked about.
        row, col: where it is.
        delay: cycles by which it sees each step later than `View.first` says.
    """

    entry: Index
    row: Index
    col: Index
    delay: Index


@dataclass(frozen=True, eq=False)
class View:
    """A stimulus and what it stands for.

    Attributes:
        stimulus: a group for each tile unless `tile` says otherwise.
        cells: the cells of (group, lane) pairs, both of shape (n,).
        first: cycle of step 0, in the count of `golden.PeStreams`.
        tile: tile of each group, shape (groups,).
    """

    stimulus: Stimulus
    cells: Callable[[Index, Index], Cells]
    first: int
    tile: Index


def views(engine: Engine, spec: ArraySpec, tiles: Sequence[TileRun]) -> Iterator[View]:
    """Everything that moves in the array during tiles of one shape.

    Raises:
        StimulusError: a tile does not fit the array, or holds a value that the cell does not take.
    """
    if not supports(spec) or any(tile.psum_before is not None for tile in tiles):
        yield from _golden_views(spec, tiles)
        return
    batch = TileBatch.of(spec, tiles)
    every, behind_load = np.arange(len(tiles)), spec.rows
    used = batch.cells("used")
    yield View(streams.passing(batch, engine.kernels, engine.threads), _listed(spec, used, True), behind_load, every)
    yield View(streams.loading(batch, used), _listed(spec, used, False), 0, every)
    idle = batch.cells("idle")
    if len(idle):
        yield View(streams.loading(batch, idle), _listed(spec, idle, False), 0, every)
    if batch.rows_used < spec.rows:
        yield View(streams.below(batch), _under(batch), behind_load, every)
    if batch.cols_used < spec.cols:
        yield _beside(batch, behind_load)


def _golden_views(spec: ArraySpec, tiles: Sequence[TileRun]) -> Iterator[View]:
    rows, cols, _ = tiles[0].shape
    golden = [tile.streams(spec) for tile in tiles]
    cells = np.arange(spec.rows * spec.cols).reshape(spec.rows, spec.cols)
    used = np.zeros_like(cells, np.bool_)
    used[:rows, :cols] = True
    for idle in (False, True) if not used.all() else (False,):
        stimulus = tile_stimulus(spec.mac, golden, rows, cols, idle=idle)
        yield View(stimulus, _listed(spec, cells[used != idle], False), 0, np.arange(len(tiles)))


def _listed(spec: ArraySpec, places: Index, pixels: bool) -> Callable[[Index, Index], Cells]:
    """Each lane is one cell; pixels reach it a cycle later for each row and column."""

    def cells(group: Index, lane: Index) -> Cells:
        row, col = np.divmod(places[lane], spec.cols)
        return Cells(np.arange(len(group)), row, col, (row + col) * pixels)

    return cells


def _under(batch: TileBatch) -> Callable[[Index, Index], Cells]:
    """Each lane is a used column, whose idle rows all see the same sums."""
    idle = np.arange(batch.rows_used, batch.spec.rows)

    def cells(group: Index, lane: Index) -> Cells:
        entry = np.repeat(np.arange(len(group)), len(idle))
        row, col = np.tile(idle, len(group)), lane[entry]
        return Cells(entry, row, col, row + col)

    return cells


def _beside(batch: TileBatch, first: int) -> View:
    """Each lane is a used row of the idle columns under one partial sum, which all see the same activations."""
    kinds = [(k, value) for k, sums in enumerate(batch.psum_in[:, batch.cols_used :]) for value in np.unique(sums)]
    owner, psum = np.array([k for k, _ in kinds]), np.array([value for _, value in kinds], np.int32)
    columns = [np.flatnonzero(batch.psum_in[k, batch.cols_used :] == value) + batch.cols_used for k, value in kinds]

    def cells(group: Index, lane: Index) -> Cells:
        entry = np.repeat(np.arange(len(group)), [len(columns[g]) for g in group])
        col = np.concatenate([columns[g] for g in group]) if len(group) else entry
        return Cells(entry, lane[entry], col, lane[entry] + col)

    return View(streams.beside(batch, psum, owner), cells, first, owner)
