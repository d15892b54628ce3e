"""Activity of whole tiles in the array: every cycle of every cell, from the weights and activations alone.

Backends that know arrays answer at once (`TileBackend`); the others are given the golden streams of the cells.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Literal, Protocol, runtime_checkable

import numpy as np
import numpy.typing as npt

from wattloop.activity.backend import ActivityBackend
from wattloop.activity.result import Activity
from wattloop.activity.sources import tile_stimulus
from wattloop.activity.stimulus import Stimulus
from wattloop.arith.golden import PeStreams, run_tile
from wattloop.errors import StimulusError
from wattloop.gates.netlist import Netlist
from wattloop.gates.spec import ArraySpec

Part = Literal["used", "idle"]
By = Literal["tile", "pe"]
Progress = Callable[[int, int], None]
Integers = npt.NDArray[np.integer]

PHASES = ("load", "stream", "skew", "drain")
# Bounds the memory of golden streams: seven arrays of eight bytes a cell and cycle.
_PE_CYCLES_AT_ONCE = 3 << 20


@dataclass(frozen=True, eq=False)
class TileRun:
    """One pass through the array, as `golden.run_tile` takes it.

    Attributes:
        weights: shape (rows_used, cols_used).
        activations: shape (rows_used, pixels).
        before: weights that the array holds when the tile is loaded, shape (rows, cols) of any part of it; None for 0.
        psum_in: enters row 0 in every cycle: one value, or one for each of the array's columns, shape (cols,).
        psum_before: what entered before the tile, likewise, where that was something else: it changes at the end of the
            tile's first cycle, which takes the registers of `spec.psum_preload`.
    """

    weights: Integers
    activations: Integers
    before: Integers | None = None
    psum_in: int | Integers = 0
    psum_before: int | Integers | None = None

    @property
    def shape(self) -> tuple[int, int, int]:
        """(rows_used, cols_used, pixels)."""
        return (*self.weights.shape, self.activations.shape[1])

    def streams(self, spec: ArraySpec) -> PeStreams:
        """Golden streams of every cell of the array."""
        return run_tile(
            self.weights,
            self.activations,
            spec,
            psum_in=self.psum_in,
            initial_weights=self.before,
            initial_psum_in=self.psum_before,
        )


@runtime_checkable
class TileBackend(Protocol):
    """A backend that simulates tiles without being given the streams of their cells."""

    def measure_tiles(
        self,
        netlist: Netlist,
        spec: ArraySpec,
        tiles: Sequence[TileRun],
        part: Part,
        progress: Progress | None,
    ) -> Activity | None:
        """What `measure_tiles` says, a group for each tile; None for an array that it leaves to the golden streams."""


def measure_tiles(
    backend: ActivityBackend,
    netlist: Netlist,
    spec: ArraySpec,
    tiles: Sequence[TileRun],
    *,
    part: Part = "used",
    by: By = "tile",
    progress: Progress | None = None,
) -> Activity:
    """Activity of the cells of real tiles over load, stream, skew and drain.

    Every cycle of a tile counts, on every cell of the part. Memory does not grow with the number of tiles but for
    the result.

    Args:
        backend: who measures.
        netlist: the cell in gates.
        spec: the array.
        tiles: all of the same shape; they are independent of each other.
        part: the cells that a tile uses, or those that it leaves idle.
        by: "tile": a group for each tile, `transitions` = cells x cycles; "pe": a group for each cell of each tile,
            tile by tile and row by row, `transitions` = cycles.
        progress: called with (done, total) tiles, perhaps from another thread.

    Raises:
        StimulusError: no tile, tiles of different shapes, or a part without a cell.
    """
    rows, cols, _ = _common_shape(tiles)
    _require_cells(spec, rows, cols, part)
    if by == "tile":
        return _measured(backend, netlist, spec, tiles, part, None, progress)

    def stimulus(batch: Sequence[TileRun]) -> Stimulus:
        streams = [tile.streams(spec) for tile in batch]
        return _by_cell(tile_stimulus(spec.mac, streams, rows, cols, idle=part == "idle"))

    return _golden(backend, netlist, spec, tiles, stimulus, progress)


def measure_phases(
    backend: ActivityBackend,
    netlist: Netlist,
    spec: ArraySpec,
    tiles: Sequence[TileRun],
    *,
    part: Part = "used",
    progress: Progress | None = None,
) -> dict[str, Activity]:
    """`measure_tiles` apart by phase: "load", "stream", "skew" and "drain", in the cycles of `golden.PeStreams.phases`.

    A phase without cycles (the skew of an array of one row) is left out.
    """
    _require_cells(spec, *_common_shape(tiles)[:2], part)
    cycles = tiles[0].streams(spec).phases
    phases = [phase for phase in PHASES if len(cycles[phase])]
    return {phase: _measured(backend, netlist, spec, tiles, part, phase, progress) for phase in phases}


def _measured(
    backend: ActivityBackend,
    netlist: Netlist,
    spec: ArraySpec,
    tiles: Sequence[TileRun],
    part: Part,
    phase: str | None,
    progress: Progress | None,
) -> Activity:
    if isinstance(backend, TileBackend) and phase is None:
        whole = backend.measure_tiles(netlist, spec, tiles, part, progress)
        if whole is not None:
            return whole
    rows, cols, _ = tiles[0].shape

    def stimulus(batch: Sequence[TileRun]) -> Stimulus:
        streams = [tile.streams(spec) for tile in batch]
        found = tile_stimulus(spec.mac, streams, rows, cols, idle=part == "idle")
        if phase is None:
            return found
        return replace(found, counted=np.isin(np.arange(found.steps), streams[0].phases[phase]))

    return _golden(backend, netlist, spec, tiles, stimulus, progress)


def _golden(
    backend: ActivityBackend,
    netlist: Netlist,
    spec: ArraySpec,
    tiles: Sequence[TileRun],
    stimulus: Callable[[Sequence[TileRun]], Stimulus],
    progress: Progress | None,
) -> Activity:
    """Measure golden streams, as many tiles at a time as memory allows."""
    parts, done = [], 0
    for batch in _batches(tiles, spec):
        parts.append(backend.measure(netlist, stimulus(batch)))
        done += len(batch)
        if progress is not None:
            progress(done, len(tiles))
    return _joined(parts)


def _batches(tiles: Sequence[TileRun], spec: ArraySpec) -> Iterator[Sequence[TileRun]]:
    work = spec.rows * spec.cols * spec.cycles_of(tiles[0].shape[2])
    at_once = max(1, _PE_CYCLES_AT_ONCE // work)
    for first in range(0, len(tiles), at_once):
        yield tiles[first : first + at_once]


def _by_cell(stimulus: Stimulus) -> Stimulus:
    """The same transitions with a group for each (group, lane): pairs of cycles, one a lane."""
    groups, steps, lanes = stimulus.shape
    after = np.flatnonzero(stimulus.counted)

    def pairs(values: Integers) -> Integers:
        whole = np.broadcast_to(values, stimulus.shape).transpose(0, 2, 1).reshape(groups * lanes, steps)
        return np.stack([whole[:, after - 1], whole[:, after]], axis=1)

    signals = {name: pairs(v) if v.ndim == 3 else v for name, v in stimulus.signals.items()}
    return Stimulus(signals, stimulus.widths, np.array([False, True]), groups * lanes, 2, len(after))


def _joined(parts: Sequence[Activity]) -> Activity:
    """Activities of the same netlist, group after group."""
    glitches = [part.glitches for part in parts if part.glitches is not None]
    return replace(
        parts[0],
        toggles=np.concatenate([part.toggles for part in parts]),
        high=np.concatenate([part.high for part in parts]),
        glitches=np.concatenate(glitches) if glitches else None,
    )


def _common_shape(tiles: Sequence[TileRun]) -> tuple[int, int, int]:
    shapes = {tile.shape for tile in tiles}
    if len(shapes) != 1:
        raise StimulusError(f"{len(tiles)} tiles of {len(shapes)} shapes: give at least one, and all of one shape")
    return shapes.pop()


def _require_cells(spec: ArraySpec, rows: int, cols: int, part: Part) -> None:
    if part not in ("used", "idle"):
        raise StimulusError(f"part {part!r} of the array is unknown; known: used, idle")
    if part == "idle" and (rows, cols) == (spec.rows, spec.cols):
        raise StimulusError("the tile leaves no cell idle")
