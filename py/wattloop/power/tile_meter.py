"""Energies of tiles: toggles counted wherever the work is done, energies computed here, in the order of the tiles."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import numpy.typing as npt

from wattloop.activity.backend import ActivityBackend
from wattloop.activity.result import Activity, Rates
from wattloop.activity.tiles import TileRun, measure_tiles
from wattloop.gates.netlist import Netlist
from wattloop.gates.spec import ArraySpec
from wattloop.parallel import SERIAL, Constant, Workers
from wattloop.power.energy import EnergyModel
from wattloop.power.energy_table import DYNAMIC, ORIGINS

Float = npt.NDArray[np.float64]

# Bounds the memory and the time of one unit of work, in cycles of a cell.
_PE_CYCLES_AT_ONCE = 1 << 22
# Activities whose energy is computed at a time: the model costs as much for one as for twenty.
_ROWS_AT_ONCE = 256

# Energy of a tile, fJ over all its cycles: of the cells that it uses, as measured (glitches included where the backend
# sees them) and without glitches; then the same of the cells that it leaves idle.
_PARTS = ("", "idle_")
COLUMNS = tuple(f"{part}{name}" for part in _PARTS for name in (*ORIGINS, *(f"functional_{d}" for d in DYNAMIC)))

# Columns that each accounting adds up.
ACCOUNTINGS = {
    "datapath": DYNAMIC,
    "functional": tuple(f"functional_{name}" for name in DYNAMIC),
    "total": ORIGINS,
    "array": tuple(f"{part}{name}" for part in _PARTS for name in DYNAMIC),
    "idle": tuple(f"idle_{name}" for name in DYNAMIC),
}


def accounted(values: Float, accounting: str) -> Float:
    """Energy of each tile by an accounting.

    Args:
        values: shape (tiles, columns).
        accounting: one of `ACCOUNTINGS`.
    """
    return np.asarray(values[:, [COLUMNS.index(name) for name in ACCOUNTINGS[accounting]]].sum(axis=1))


@dataclass(frozen=True, eq=False)
class Bench:
    """What counting toggles takes, wherever it happens.

    Attributes:
        netlist: the cell in gates.
        spec: the array.
        backend: who counts.
    """

    netlist: Netlist
    spec: ArraySpec
    backend: ActivityBackend


def count(bench: Bench, tiles: tuple[TileRun, ...], idle: bool) -> list[Activity]:
    """A unit of work: activity of tiles of one shape, on the cells that they use, and on those that they leave idle."""
    used = tiles[0].shape[:2]
    whole = used == (bench.spec.rows, bench.spec.cols)
    parts = [measure_tiles(bench.backend, bench.netlist, bench.spec, tiles, part="used")]
    if idle and not whole:
        parts.append(measure_tiles(bench.backend, bench.netlist, bench.spec, tiles, part="idle"))
    return [replace(part, nets=()) for part in parts]  # a thousand names need not travel with every unit


def _without_glitches(activity: Activity) -> tuple[Rates, ...]:
    """Rates of the functional toggles, where they differ from the measured ones."""
    return () if activity.glitches is None else (replace(activity, glitches=None).rates(),)


@dataclass(frozen=True, eq=False)
class Measured:
    """Energies of a batch of tiles.

    Attributes:
        values: fJ of each tile, shape (tiles, columns) of `COLUMNS`; idle columns are 0 where they are not counted.
        accounting: of the columns as measured: "functional" (settled toggles) or "datapath" (glitches included).
    """

    values: Float
    accounting: str


@dataclass(frozen=True, eq=False)
class TileMeter:
    """Measures tiles.

    Attributes:
        netlist: the cell in gates.
        spec: the array.
        backend: who counts toggles.
        clock_ps: clock period.
        load: capacitance convention.
        idle: count the cells that tiles leave idle, too.
        workers: who does the work; the bits of the result do not depend on it.
    """

    netlist: Netlist
    spec: ArraySpec
    backend: ActivityBackend
    clock_ps: float = 200.0
    load: str = "typical"
    idle: bool = False
    workers: Workers = SERIAL

    def energies(self, batches: Iterable[Sequence[TileRun]]) -> Iterator[Measured]:
        """Energies of each batch, in order; batches are taken as they are needed.

        Args:
            batches: tiles of one shape each; see `at_once`.

        Yields:
            the energies of each batch.
        """
        units = ((self._bench, tuple(batch), self.idle) for batch in batches)
        pending: list[list[Activity]] = []
        for activities in self.workers.map(count, units):
            pending.append(activities)
            # What is computed together must not depend on who worked: sums of floating point would.
            if sum(2 * a.groups for unit in pending for a in unit) >= _ROWS_AT_ONCE:
                yield from self._evaluated(pending)
                pending = []
        yield from self._evaluated(pending)

    def at_once(self, shape: tuple[int, int, int]) -> int:
        """Tiles of (rows, cols, pixels) that make a good batch."""
        rows, cols, pixels = shape
        return max(1, _PE_CYCLES_AT_ONCE // (rows * cols * self.spec.cycles_of(pixels)))

    def _evaluated(self, units: list[list[Activity]]) -> Iterator[Measured]:
        if not units:
            return
        activities = [activity for unit in units for activity in unit]
        # Without glitches both are the same, and the model costs as much as the simulation.
        both = [rates for a in activities for rates in (a.rates(), *_without_glitches(a))]
        density, duty = (np.concatenate([getattr(r, name) for r in both]) for name in ("density", "duty"))
        rates = Rates(self.netlist.nets, activities[0].annotated, density, duty, activities[0].transitions)
        columns = self._model.columns_fj(rates)
        table = np.stack([columns[name] for name in ORIGINS], axis=1)
        row = 0
        for unit in units:
            found = np.zeros((unit[0].groups, len(COLUMNS)))
            for k, activity in enumerate(unit):
                kinds = 1 if activity.glitches is None else 2
                rows = table[row : row + kinds * activity.groups] * activity.transitions
                measured, functional = rows[: activity.groups], rows[-activity.groups :]
                dynamic = functional[:, [ORIGINS.index(name) for name in DYNAMIC]]
                part = np.concatenate([measured, dynamic], axis=1)
                found[:, k * part.shape[1] : (k + 1) * part.shape[1]] = part
                row += kinds * activity.groups
            yield Measured(found, "functional" if unit[0].glitches is None else "datapath")

    @cached_property
    def _bench(self) -> Constant[Bench]:
        return Constant(Bench(self.netlist, self.spec, self.backend))

    @cached_property
    def _model(self) -> EnergyModel:
        return EnergyModel(self.netlist, self.clock_ps, self.load)
