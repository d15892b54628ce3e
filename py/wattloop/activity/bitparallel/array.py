"""Activity of whole tiles by the engine: the streams of `array_streams`, counted and put together.

What the weight bus and its enable reach (`_Split.bus`) moves while weights are loaded; everything else moves when a
cell takes its weight and while pixels pass. Cells that no tile uses and that see the same are simulated once. The time
at 1 adds what a net is while nothing moves, times the cycles.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import numpy.typing as npt

from wattloop.activity.bitparallel import array_streams as streams
from wattloop.activity.bitparallel.engine import Engine
from wattloop.activity.bitparallel.program import Program
from wattloop.activity.bitparallel.tile_batch import Index, Int32, Int64, Integers, TileBatch
from wattloop.activity.result import Activity
from wattloop.activity.stimulus import Stimulus
from wattloop.activity.tiles import Part, Progress, TileRun
from wattloop.gates.spec import ArraySpec

Counts = dict[str, Int64]

# Bounds the memory of the streams of one batch: five bytes a cell and step.
_BYTES_AT_ONCE = 48 << 20


def supports(spec: ArraySpec) -> bool:
    """Whether loading and passing pixels never meet in one cell, so that they may be looked at apart."""
    return spec.rows >= 2 and spec.rows + spec.cols >= 5


@dataclass(frozen=True, eq=False)
class ArrayEngine:
    """An engine that plays tiles.

    Attributes:
        engine: who counts.
        settled: the same netlist without delays, for times at 1.
    """

    engine: Engine
    settled: Engine

    def measure(
        self, spec: ArraySpec, tiles: Sequence[TileRun], part: Part, progress: Progress | None = None
    ) -> Activity:
        """What `activity.tiles.measure_tiles` says, a group for each tile.

        Raises:
            StimulusError: a tile does not fit the array, or holds a value that the cell does not take.
        """
        parts, done = [], 0
        for chosen in _batches(spec, tiles):
            parts.append(_Measurement(self, TileBatch.of(spec, chosen), part).counts())
            done += len(chosen)
            if progress is not None:
                progress(done, len(tiles))
        totals = {name: np.concatenate([counts[name] for counts in parts]) for name in parts[0]}
        rows, cols, pixels = tiles[0].shape
        cells = rows * cols if part == "used" else spec.rows * spec.cols - rows * cols
        transitions = cells * spec.cycles_of(pixels)
        netlist = self.engine.netlist
        for net, value in netlist.constants.items():
            totals["high"][:, net] = value * transitions
        return Activity(
            nets=netlist.nets,
            annotated=self.engine.circuit.driven,
            toggles=totals["toggles"],
            high=totals["high"],
            transitions=transitions,
            backend="bitparallel",
            glitches=totals.get("glitches"),
        )

    @cached_property
    def bus(self) -> npt.NDArray[np.bool_]:
        """Nets that the weight bus or its enable reach, shape (nets,)."""
        netlist = self.engine.netlist
        reached = {net for port in ("w_i", "w_en_i") for net in netlist.inputs[port]}
        for gate in self.engine.circuit.gates:
            if not reached.isdisjoint(gate.inputs):
                reached.add(gate.output)
        return np.isin(np.arange(len(netlist.nets)), list(reached))

    @cached_property
    def loading(self) -> Program:
        """The program of those nets alone."""
        return self.engine.program(only=frozenset(np.flatnonzero(self.bus).tolist()))

    def count(self, stimulus: Stimulus, program: Program | None = None) -> Counts:
        """Toggles, times at 1 and glitches by group."""
        return self.engine.counts(stimulus, program)

    def high(self, stimulus: Stimulus) -> Int64:
        """Times at 1 by group."""
        return self.settled.counts(stimulus)["high"]


def _batches(spec: ArraySpec, tiles: Sequence[TileRun]) -> Iterator[Sequence[TileRun]]:
    bytes_a_tile = 5 * spec.rows * spec.cols * max(tiles[0].shape[2], spec.rows)
    at_once = max(1, _BYTES_AT_ONCE // bytes_a_tile)
    for first in range(0, len(tiles), at_once):
        yield tiles[first : first + at_once]


@dataclass(frozen=True, eq=False)
class _Measurement:
    array: ArrayEngine
    batch: TileBatch
    part: Part

    def counts(self) -> Counts:
        """All counts of each tile, shape (tiles, nets)."""
        pixels = self._used() if self.part == "used" else self._idle()
        return self._less_late(_added(pixels, self._weights()))

    def _used(self) -> Counts:
        """While pixels pass the used cells."""
        engine = self.array.engine
        return self.array.count(streams.passing(self.batch, engine.kernels, engine.threads))

    def _idle(self) -> Counts:
        """While pixels pass the others: under the used cells, beside them, and in the corner, where nothing moves."""
        batch, spec = self.batch, self.batch.spec
        tiles, under = len(batch.weights), spec.rows - batch.rows_used
        shape = tiles, len(self.array.engine.netlist.nets)
        total = {name: np.zeros(shape, np.int64) for name in self._names}
        if under:
            total = _added(total, _times(self.array.count(streams.below(batch)), under))
        if batch.cols_used < spec.cols:
            owner, psum_in, number = _alike(batch.psum_in[:, batch.cols_used :])
            stimulus = streams.beside(batch, psum_in, owner)
            found = _times(self.array.count(stimulus), number)
            corner = replace(stimulus, signals=_first_step(stimulus), counted=np.array([False, True]), steps=2, lanes=1)
            still = self.array.high(corner) * number[:, np.newaxis] * under * (batch.pixels + 2)
            found["high"] += still
            for name, values in found.items():
                np.add.at(total[name], owner, values)
        return total

    @property
    def _names(self) -> tuple[str, ...]:
        return ("toggles", "high") if self.array.engine.timing is None else ("toggles", "high", "glitches")

    def _weights(self) -> Counts:
        """While weights are loaded and taken, and while nothing moves; tiles with the same weights once."""
        first, which = self._distinct
        batch, cells = self.batch.subset(first), self.batch.cells(self.part)
        spec = batch.spec
        bus, still = self.array.bus, self.array.high(streams.resting(batch, cells))
        loaded = self.array.count(streams.loading(batch, cells), self.array.loading)
        taken = self._taken(batch, cells)
        found = {name: np.where(bus, loaded[name], taken[name]) for name in self._names if name != "high"}
        # Cycles at rest but those that the streams count: with the new weight all but row + 1 of the old one's.
        rest = spec.cycles_of(batch.pixels) - (batch.pixels + 2)
        behind_load = rest - (spec.rows + 1)
        found["high"] = np.where(bus, loaded["high"] + behind_load * still, rest * still + self._older(batch, cells))
        return {name: values[which] for name, values in found.items()}

    @cached_property
    def _distinct(self) -> tuple[Index, Index]:
        """First tile of each kind of weights, and the kind of each tile."""
        batch = self.batch
        number: dict[bytes, int] = {}
        first: list[int] = []
        which: list[int] = []
        for k in range(len(batch.weights)):
            key = b"".join(values[k].tobytes() for values in (batch.before, batch.after, batch.psum_in))
            if key not in number:
                number[key] = len(first)
                first.append(k)
            which.append(number[key])
        return np.array(first), np.array(which)

    def _taken(self, batch: TileBatch, cells: Index) -> Counts:
        """When cells take their new weight."""
        return self._where_weights_change(batch, cells, lambda part: self.array.count(streams.resting(part, cells)))

    def _older(self, batch: TileBatch, cells: Index) -> Int64:
        """Time at 1 with the old weight, less the same time with the new one; row + 1 cycles, bit by bit."""
        row = cells // batch.spec.cols

        def difference(part: TileBatch) -> Counts:
            total = np.zeros((len(part.weights), len(self.array.bus)), np.int64)
            for bit in range(batch.spec.rows.bit_length()):
                some = cells[(row + 1) >> bit & 1 == 1]
                if len(some):
                    old, new = (self.array.high(streams.resting(part, some, swapped=s)) for s in (True, False))
                    total += (old - new) << bit
            return {"high": total}

        return self._where_weights_change(batch, cells, difference)["high"]

    def _where_weights_change(self, batch: TileBatch, cells: Index, count: Callable[[TileBatch], Counts]) -> Counts:
        """`count` of the tiles that bring new weights to `cells`; 0 for the others."""
        old, new = (codes.reshape(len(codes), -1)[:, cells] for codes in (batch.before, batch.after))
        changed = np.flatnonzero((old != new).any(1))
        total = {name: np.zeros((len(old), len(self.array.bus)), np.int64) for name in self._names}
        if len(changed):
            for name, values in count(batch.subset(changed)).items():
                total[name][changed] = values
        return total

    def _less_late(self, counts: Counts) -> Counts:
        """Without what the last cells of the array do behind the tile's last cycle."""
        batch, spec = self.batch, self.batch.spec
        rows, cols, pixels = spec.rows, spec.cols, batch.pixels
        last = (rows - 1, cols - 1)
        for cell in (last, (rows - 2, cols - 1), (rows - 1, cols - 2)):
            used = cell[0] < batch.rows_used and cell[1] < batch.cols_used
            if cell[1] < 0 or used != (self.part == "used"):
                continue
            falls = self.array.count(streams.late(batch, cell, pixels))
            still = falls.pop("high")
            counts = _added(counts, falls, -1)
            if cell == last:
                ends = self.array.count(streams.late(batch, cell, pixels - 1))
                ends["high"] = ends["high"] - still
                counts = _added(counts, ends, -1)
        return counts


def _alike(psum_in: Int32) -> tuple[Index, Int32, Int64]:
    """Kinds of columns by their partial sum (tiles, cols): tile, sum and number of columns of each kind."""
    kinds = [np.unique(row, return_counts=True) for row in psum_in]
    owner = np.repeat(np.arange(len(kinds)), [len(values) for values, _ in kinds])
    return owner, np.concatenate([v for v, _ in kinds]), np.concatenate([n for _, n in kinds]).astype(np.int64)


def _first_step(stimulus: Stimulus) -> dict[str, Integers]:
    """The first step and lane of each signal."""
    return {name: v[:, :1, :1] if v.ndim == 3 else v for name, v in stimulus.signals.items()}


def _times(counts: Counts, number: int | Int64) -> Counts:
    return {name: values * np.asarray(number).reshape(-1, 1) for name, values in counts.items()}


def _added(one: Counts, other: Counts, factor: int = 1) -> Counts:
    return {name: values + factor * other[name] if name in other else values for name, values in one.items()}
