"""Activity of whole tiles by the engine: the streams of `array_streams`, counted and put together.

What the weight bus and its enable reach (`ArrayEngine.bus`) moves while weights are loaded; everything else moves when
a cell takes its weight and while pixels pass. Cells that no tile uses and that see the same are simulated once. The
time at 1 adds what a net is while nothing moves, times the cycles.
"""

from __future__ import annotations

import functools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property

import numpy as np
import numpy.typing as npt

from wattloop.activity.bitparallel import array_streams as streams
from wattloop.activity.bitparallel.engine import Engine
from wattloop.activity.bitparallel.program import Program
from wattloop.activity.bitparallel.tile_batch import Index, Int32, Int64, TileBatch
from wattloop.activity.result import Activity
from wattloop.activity.stimulus import Stimulus
from wattloop.activity.tiles import Part, Progress, TileRun
from wattloop.gates.spec import ArraySpec

Counts = dict[str, Int64]

# Bounds the memory of the streams of one batch: five bytes a cell and step.
_BYTES_AT_ONCE = 48 << 20
_KNOWN = 1024  # 15 kB each


def supports(spec: ArraySpec) -> bool:
    """Whether loading and passing pixels never meet in one cell, so that they may be looked at apart."""
    return spec.rows >= 2 and spec.rows + spec.cols >= 5


@dataclass(frozen=True, eq=False)
class ArrayEngine:
    """An engine that plays tiles.

    Attributes:
        engine: who counts.
        settled: the same netlist without delays, for times at 1.
        known: what the weights of earlier tiles did, the oldest first: images and pixels pass the same weights.
    """

    engine: Engine
    settled: Engine
    known: dict[bytes, Counts] = field(default_factory=dict, repr=False)

    def remember(self, found: Mapping[bytes, Counts]) -> None:
        """Keep what weights did, and forget the oldest beyond some."""
        for key, counts in found.items():
            self.known[key] = counts
        for key in list(self.known)[: max(0, len(self.known) - _KNOWN)]:
            self.known.pop(key, None)

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
        reached = {net for port in ("w_i", "w_en_i") for net in netlist.inputs.get(port, ())}
        for gate in self.engine.circuit.gates:
            if not reached.isdisjoint(gate.inputs):
                reached.add(gate.output)
        return np.isin(np.arange(len(netlist.nets)), list(reached))

    @cached_property
    def loading(self) -> Program:
        """The program of those nets alone."""
        return self.engine.program(only=frozenset(np.flatnonzero(self.bus).tolist()))


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
        return self.array.engine.counts(streams.passing(self.batch, engine.kernels, engine.threads))

    def _idle(self) -> Counts:
        """While pixels pass the others: under the used cells, beside them, and in the corner, where nothing moves."""
        batch, spec = self.batch, self.batch.spec
        tiles, under = len(batch.weights), spec.rows - batch.rows_used
        shape = tiles, len(self.array.engine.netlist.nets)
        total = {name: np.zeros(shape, np.int64) for name in self._names}
        if under:
            total = _added(total, _times(self.array.engine.counts(streams.below(batch)), under))
        if batch.cols_used < spec.cols:
            owner, psum_in, number = _alike(batch.psum_in[:, batch.cols_used :])
            stimulus = streams.beside(batch, psum_in, owner)
            found = _times(self.array.engine.counts(stimulus), number)
            if under:
                still = self.array.settled.counts(_first_step(stimulus))["high"]
                found["high"] += still * number[:, np.newaxis] * under * (batch.pixels + 2)
            for name, values in found.items():
                np.add.at(total[name], owner, values)
        return total

    @property
    def _names(self) -> tuple[str, ...]:
        return ("toggles", "high") if self.array.engine.timing is None else ("toggles", "high", "glitches")

    def _weights(self) -> Counts:
        """While weights are loaded and taken, and while nothing moves; the same weights once."""
        batch, known = self.batch, self.array.known
        kind = f"{batch.spec} {self.part} {batch.rows_used} {batch.cols_used} {batch.pixels}".encode()
        keys = [kind + digest for digest in batch.digests()]
        found = {key: counts for key in keys if (counts := known.get(key)) is not None}
        first = {key: k for k, key in enumerate(keys) if key not in found}
        if first:
            order, counts = self._of_kinds(np.array(list(first.values())))
            for k, at in enumerate(order):
                found[keys[at]] = {name: values[k] for name, values in counts.items()}
            self.array.remember({keys[at]: found[keys[at]] for at in order})
        return {name: np.stack([found[key][name] for key in keys]) for name in self._names}

    def _of_kinds(self, tiles: Index) -> tuple[list[int], Counts]:
        """What the weights of some tiles do, and in which order these are."""
        bare = self.batch.bare(self.part)[tiles]
        order: list[int] = []
        parts: list[Counts] = []
        for chosen, kinds in ((tiles[~bare], _one_by_one), (tiles[bare], _alike_idle)):
            if len(chosen):
                batch = self.batch.subset(chosen)
                order += chosen.tolist()
                sums = [_times(self._of_weights(batch, cells), number) for cells, number in kinds(batch, self.part)]
                parts.append(functools.reduce(_added, sums))
        return order, {name: np.concatenate([part[name] for part in parts]) for name in self._names}

    def _of_weights(self, batch: TileBatch, cells: Index) -> Counts:
        spec = batch.spec
        bus, rested = self.array.bus, self.array.settled.counts(streams.resting(batch, cells))
        loaded = self.array.engine.counts(streams.loading(batch, cells), self.array.loading)
        taken = rested if self.array.engine is self.array.settled else self._taken(batch, cells)
        found = {name: np.where(bus, loaded[name], taken[name]) for name in self._names if name != "high"}
        # Cycles at rest but those that the streams count: with the new weight all but row + 1 of the old one's.
        rest, still = spec.cycles_of(batch.pixels) - (batch.pixels + 2), rested["high"]
        on_bus = loaded["high"] + (rest - (spec.rows + 1)) * still
        found["high"] = np.where(bus, on_bus, rest * still + self._older(batch, cells, still))
        return found

    def _taken(self, batch: TileBatch, cells: Index) -> Counts:
        """When cells take their new weight."""
        changed = _changed(batch, cells)
        total = {name: np.zeros((len(batch.weights), len(self.array.bus)), np.int64) for name in self._names}
        if len(changed):
            for name, values in self.array.engine.counts(streams.resting(batch.subset(changed), cells)).items():
                total[name][changed] = values
        return total

    def _older(self, batch: TileBatch, cells: Index, still: Int64) -> Int64:
        """Time at 1 with the old weight, less the same time with the new one (`still`); row + 1 cycles, bit by bit."""
        changed = _changed(batch, cells)
        total = np.zeros_like(still)
        if len(changed):
            high = self.array.settled.counts(streams.older(batch.subset(changed), cells))["high"]
            by_bit = high.reshape(len(changed), -1, still.shape[1]) - still[changed, np.newaxis]
            total[changed] = (by_bit << np.arange(by_bit.shape[1])[:, np.newaxis]).sum(1)
        return total

    def _less_late(self, counts: Counts) -> Counts:
        """Without what the last cells of the array do behind the tile's last cycle."""
        moves = self._late
        if not moves:
            return counts
        found = self.array.engine.counts(streams.late(self.batch, moves))
        late = {name: values.reshape(-1, len(moves), values.shape[1]) for name, values in found.items()}
        # All streams counted the rest behind the last pixel, which is in the tile for all but the very last cell.
        high = late.pop("high")
        excess = {name: values.sum(1) for name, values in late.items()}
        excess["high"] = high[:, 1] - high[:, 0] if len(moves) > 1 and moves[1][:2] == moves[0][:2] else 0 * high[:, 0]
        return _added(counts, excess, -1)

    @property
    def _late(self) -> list[tuple[int, int, int]]:
        """Those cells of the part, by row, column and pixel; the very last one's last two transitions come first."""
        batch, spec = self.batch, self.batch.spec
        rows, cols, pixels = spec.rows, spec.cols, batch.pixels
        last = [(rows - 1, cols - 1, pixels), (rows - 1, cols - 1, pixels - 1)]
        moves = [*last, (rows - 2, cols - 1, pixels), (rows - 1, cols - 2, pixels)]

        def mine(row: int, col: int) -> bool:
            return (row < batch.rows_used and col < batch.cols_used) == (self.part == "used")

        return [(row, col, pixel) for row, col, pixel in moves if col >= 0 and mine(row, col)]


def _one_by_one(batch: TileBatch, part: Part) -> Iterator[tuple[Index, int]]:
    """All cells of the part."""
    yield batch.cells(part), 1


def _alike_idle(batch: TileBatch, part: Part) -> Iterator[tuple[Index, int]]:
    """Idle cells that hold 0 before and after, and how many see what each of them sees.

    Those beside the used ones see their enable alone. Those under them see the bus move as well; in their first row it
    falls to 0 when they are enabled, in the others before.
    """
    rows, cols = batch.spec.rows, batch.spec.cols
    under = np.arange(batch.cols_used)
    if batch.rows_used < rows:
        yield batch.rows_used * cols + under, 1
    if batch.rows_used + 1 < rows:
        yield (batch.rows_used + 1) * cols + under, rows - batch.rows_used - 1
    if batch.cols_used < cols:
        yield np.array([batch.cols_used]), rows * (cols - batch.cols_used)


def _changed(batch: TileBatch, cells: Index) -> Index:
    """Tiles that bring a new weight to one of `cells`."""
    old, new = streams.weights_of(batch, cells)
    return np.flatnonzero((old != new).any(1))


def _alike(psum_in: Int32) -> tuple[Index, Int32, Int64]:
    """Kinds of columns by their partial sum (tiles, cols): tile, sum and number of columns of each kind."""
    kinds = [np.unique(row, return_counts=True) for row in psum_in]
    owner = np.repeat(np.arange(len(kinds)), [len(values) for values, _ in kinds])
    return owner, np.concatenate([v for v, _ in kinds]), np.concatenate([n for _, n in kinds]).astype(np.int64)


def _first_step(stimulus: Stimulus) -> Stimulus:
    """Its first lane, at rest."""
    signals = {name: values[:, :1, :1] if values.ndim == 3 else values for name, values in stimulus.signals.items()}
    return replace(stimulus, signals=signals, counted=np.array([False, True]), steps=2, lanes=1)


def _times(counts: Counts, number: int | Int64) -> Counts:
    return {name: values * np.asarray(number).reshape(-1, 1) for name, values in counts.items()}


def _added(one: Counts, other: Counts, factor: int = 1) -> Counts:
    return {name: values + factor * other[name] if name in other else values for name, values in one.items()}
