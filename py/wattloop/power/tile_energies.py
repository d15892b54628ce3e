"""Tiles of a layer, simulated: energies by stratum, and what they add up to."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from wattloop.activity.tiles import TileRun
from wattloop.arith.layer import IntegerLayer, LayerTrace
from wattloop.arith.mapping import IDENTITY, HardwareMapping
from wattloop.arith.tiling import check_overflow, tile_at, tile_count, tile_offsets, tile_weights
from wattloop.errors import ConfigError
from wattloop.gates.spec import ArraySpec
from wattloop.power.energy_table import ORIGINS
from wattloop.power.oracle import EnergyBreakdown, LayerEnergy
from wattloop.power.sequential import Interval, interval
from wattloop.power.tile_meter import COLUMNS, TileMeter, accounted
from wattloop.power.tile_sample import Stratum

Float = npt.NDArray[np.float64]
Progress = Callable[[int, int], None]


@dataclass(frozen=True, eq=False)
class TileEnergies:
    """Simulated tiles of one stratum.

    Attributes:
        stratum: which tiles.
        cycles: clock cycles of one tile in the array (`rtl` accounting).
        values: fJ of each tile over all phases, shape (tiles, columns) of `tile_meter.COLUMNS`.
        clock_ps: clock period.
        rows: of the array.
        accounting: of what was measured: "functional" (settled toggles) or "datapath" (glitches included).
    """

    stratum: Stratum
    cycles: int
    values: Float
    clock_ps: float
    rows: int
    accounting: str = "functional"

    @property
    def columns(self) -> Mapping[str, Float]:
        """Columns by name, each of shape (tiles,)."""
        return {name: self.values[:, k] for k, name in enumerate(COLUMNS)}

    def by(self, accounting: str) -> Float:
        """Energy of each tile, fJ, by one of `tile_meter.ACCOUNTINGS`, or "paper"."""
        return self.paper_fj if accounting == "paper" else accounted(self.values, accounting)

    @property
    def dynamic_fj(self) -> Float:
        """Dynamic energy of each tile on its active cells, as measured."""
        return self.by("datapath")

    @property
    def power_w(self) -> Float:
        """Mean power of each tile over its active cells and all its cycles."""
        return np.asarray(self.by("total") / (self.cycles * self.clock_ps) * 1e-3)  # fJ / ps = mW

    @property
    def paper_fj(self) -> Float:
        """E = 2 P T with T = rows / f, the paper's accounting of a tile (section 3.2), clock and leakage in."""
        return np.asarray(self.by("total") * (2 * self.rows / self.cycles))


def breakdown(measured: Sequence[TileEnergies], part: str = "") -> EnergyBreakdown:
    """Estimated energy of all tiles of the strata, by origin.

    Args:
        measured: the strata.
        part: "" for the active cells, "idle_" for the others.
    """
    totals = dict.fromkeys(ORIGINS, 0.0)
    for tiles in measured:
        for name in ORIGINS:
            totals[name] += tiles.stratum.size * float(tiles.columns[part + name].mean())
    return EnergyBreakdown(**totals)


def run_at(trace: LayerTrace, spec: ArraySpec, index: int, mapping: HardwareMapping = IDENTITY) -> TileRun:
    """The pass through the array of tile `index`, after the tile before it; the first follows the last.

    Args:
        trace: the layer, its weights as they are in the network.
        spec: the array.
        index: which tile (`arith.tiling.tile_at`).
        mapping: how the layer is laid onto the array; one that `check_mapping` takes.
    """
    tile, last = tile_at(trace, spec, index, mapping), (index - 1) % tile_count(trace, spec)
    psum_in, psum_before = (tile_offsets(trace, spec, k, mapping) for k in (index, last))
    changes = not np.array_equal(psum_in, psum_before)
    before = tile_weights(trace, spec, last, mapping)
    return TileRun(tile.weights, tile.activations, before, psum_in, psum_before if changes else None)


def check_mapping(layer: IntegerLayer, spec: ArraySpec, mapping: HardwareMapping) -> None:
    """Refuse a layer that cannot run on the array, laid onto it like this.

    Raises:
        ConfigError: the mapping is not one of this layer, or takes registers that the array does not have.
        OverflowRangeError: the weights could overflow the partial sums, or do not fit the cell.
    """
    check_overflow(layer, spec, mapping)
    blocks = math.ceil(layer.geometry.out_channels / layer.geometry.groups / spec.cols) * layer.geometry.groups
    if isinstance(mapping.psum_offset, tuple) and blocks > 1 and not spec.psum_preload:
        raise ConfigError(
            f"layer {layer.name}: its {blocks} blocks of columns take offsets of their own, which change from tile to"
            " tile: set psum_preload = true"
        )


def total_fj(measured: Sequence[TileEnergies], accounting: str, confidence: float = 0.95) -> Interval:
    """Estimated energy of all tiles of the strata by an accounting (see `TileEnergies.by`), with its interval."""
    return interval([t.stratum.size for t in measured], [t.by(accounting) for t in measured], confidence)


def layer_energy(layer: IntegerLayer, images: int, measured: Sequence[TileEnergies], origin: str) -> LayerEnergy:
    """Energy of a layer per image on its active cells, from its simulated tiles."""
    return LayerEnergy(
        layer=layer.name,
        energy=breakdown(measured) * (1 / images),
        macs=layer.geometry.macs,
        standard_error_fj=total_fj(measured, "datapath").error / images,
        origin=origin,
        accounting=measured[0].accounting if measured else "functional",
    )


def in_batches(count: int, at_once: int) -> Iterator[range]:
    """Numbers below `count`, `at_once` at a time."""
    for first in range(0, count, at_once):
        yield range(first, min(first + at_once, count))


@dataclass(frozen=True, eq=False)
class Batch:
    """Tiles of one stratum that are measured together.

    Attributes:
        stratum: its number.
        at: which of its chosen tiles.
        runs: their passes through the array.
    """

    stratum: int
    at: Sequence[int]
    runs: Sequence[TileRun]


def simulate(
    meter: TileMeter, strata: Sequence[Stratum], batches: Iterable[Batch], progress: Progress | None = None
) -> list[TileEnergies]:
    """Measure the chosen tiles of the strata.

    Args:
        meter: measures.
        strata: the strata.
        batches: all their chosen tiles, in any order; taken as they are needed.
        progress: called with (done, total) tiles.
    """
    values = [np.full((len(stratum.chosen), len(COLUMNS)), math.nan) for stratum in strata]
    accounting, done, total = "functional", 0, sum(len(stratum.chosen) for stratum in strata)
    under_way: deque[Batch] = deque()

    def runs() -> Iterator[Sequence[TileRun]]:
        for batch in batches:
            under_way.append(batch)
            yield batch.runs

    for measured in meter.energies(runs()):
        batch = under_way.popleft()
        values[batch.stratum][list(batch.at)] = measured.values
        accounting, done = measured.accounting, done + len(batch.at)
        if progress is not None:
            progress(done, total)
    spec, clock_ps = meter.spec, meter.clock_ps
    return [
        TileEnergies(stratum, spec.cycles_of(stratum.pixels), found, clock_ps, spec.rows, accounting)
        for stratum, found in zip(strata, values, strict=True)
    ]
