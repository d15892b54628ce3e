"""Layer energies from real tiles: golden streams of every cell, run through the gate-level netlist."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import numpy.typing as npt

from wattloop.activity.backend import ActivityBackend
from wattloop.activity.sources import tile_stimulus
from wattloop.arith.golden import PeStreams, run_tile
from wattloop.arith.layer import IntegerLayer, LayerTrace
from wattloop.arith.tiling import check_overflow, tile_at, tile_count
from wattloop.errors import ConfigError
from wattloop.gates.netlist import Netlist
from wattloop.gates.spec import ArraySpec
from wattloop.power.energy import EnergyModel
from wattloop.power.energy_table import DYNAMIC, ORIGINS
from wattloop.power.oracle import IDENTITY, EnergyBreakdown, EnergyOracle, HardwareMapping, LayerEnergy
from wattloop.power.table_oracle import checked_weights, known_layer
from wattloop.power.tile_sample import Stratum, sample_tiles, stratified_total

Float = npt.NDArray[np.float64]
Int8 = npt.NDArray[np.int8]
Progress = Callable[[int, int], None]

# Bounds the memory of one call of the backend: seven arrays of eight bytes a cell and cycle.
_PE_CYCLES_AT_ONCE = 3 << 20


@dataclass(frozen=True)
class TileEnergies:
    """Simulated tiles of one stratum.

    Attributes:
        stratum: which tiles.
        cycles: clock cycles of one tile in the array (`rtl` accounting).
        columns: fields of `EnergyBreakdown`, fJ of a tile over all phases on its active cells, each of shape (tiles,).
        power_w: mean power of each tile over those cycles.
        paper_fj: E = 2 P T with T = rows / f, the paper's accounting of a tile (section 3.2), clock and leakage in.
        accounting: "functional" (settled toggles) or "datapath" (glitches included).
    """

    stratum: Stratum
    cycles: int
    columns: Mapping[str, Float]
    power_w: Float
    paper_fj: Float
    accounting: str = "functional"

    @property
    def dynamic_fj(self) -> Float:
        """Dynamic energy of each tile."""
        return np.asarray(sum(self.columns[name] for name in DYNAMIC))


@dataclass(frozen=True, eq=False)
class TileOracle:
    """Answers by simulating a sample of the layer's own tiles; implements `EnergyOracle`.

    Every cycle of a tile counts, on the cells that it uses; before its weights are loaded the cells hold those of the
    tile before it (the first tile follows the last), and their data is idle. The last two cycles of the cell in the
    array's last row and column, in which it falls idle, belong to the next tile and are not counted. The standard
    error is that of sampling among the tiles of the traced images. Probabilities of states (internal power, clock pins,
    leakage) come from the mean over the tile's cells; taken cell by cell the dynamic energy of two LeNet-5 tiles reads
    0.3 % higher.

    Attributes:
        netlist: the cell in gates.
        spec: the array.
        traces: by layer.
        backend: who measures activity.
        tiles: sampled tiles of a layer (see `sample_tiles`); None for all.
        seed: of the sample.
        clock_ps: clock period.
        load: capacitance convention.
        idle: count the cells that a tile leaves idle, instead of those that it uses.
        values: who answers `value_energy_fj`, which tiles cannot.
        progress: called with (done, total) tiles of a layer.
    """

    netlist: Netlist
    spec: ArraySpec
    traces: Mapping[str, LayerTrace]
    backend: ActivityBackend
    tiles: int | None = 8
    seed: int = 0
    clock_ps: float = 200.0
    load: str = "typical"
    idle: bool = False
    values: EnergyOracle | None = None
    progress: Progress | None = None

    @property
    def origin(self) -> str:
        """ "tiles/" and the simulator."""
        return f"tiles/{self.backend.name}"

    @property
    def layers(self) -> Sequence[str]:
        """Names of the layers."""
        return tuple(self.traces)

    def energy(self, layer: str, weights: Int8, mapping: HardwareMapping = IDENTITY) -> LayerEnergy:
        """Energy of `layer` per image with `weights`; see `EnergyOracle`.

        Raises:
            ConfigError: unknown layer, weights of another shape, or a mapping other than a partial-sum offset.
            OverflowRangeError: the weights could overflow the partial sums.
        """
        return self.summed(layer, self.simulate(layer, weights, mapping))

    def summed(self, layer: str, measured: Sequence[TileEnergies]) -> LayerEnergy:
        """Energy of `layer` per image from its simulated tiles."""
        sizes = [tiles.stratum.size for tiles in measured]
        images = self.traces[layer].images
        fields = {
            name: stratified_total(sizes, [tiles.columns[name] for tiles in measured])[0] / images for name in ORIGINS
        }
        _, error_fj = stratified_total(sizes, [tiles.dynamic_fj for tiles in measured])
        return LayerEnergy(
            layer=layer,
            energy=EnergyBreakdown(**fields),
            macs=self.traces[layer].layer.geometry.macs,
            standard_error_fj=error_fj / images,
            origin=self.origin,
            accounting=measured[0].accounting if measured else "functional",
        )

    def paper_fj(self, layer: str, measured: Sequence[TileEnergies]) -> tuple[float, float]:
        """Energy of `layer` per image by the paper's accounting (E = 2 P T a tile), and its standard error."""
        sizes = [tiles.stratum.size for tiles in measured]
        total_fj, error_fj = stratified_total(sizes, [tiles.paper_fj for tiles in measured])
        images = self.traces[layer].images
        return total_fj / images, error_fj / images

    def value_energy_fj(self, layer: str) -> Float:
        """E_l(w) of the companion `values`.

        Raises:
            ConfigError: there is none.
        """
        if self.values is None:
            raise ConfigError("real tiles give no energy by weight value: give the oracle a table for that")
        return self.values.value_energy_fj(layer)

    def simulate(self, layer: str, weights: Int8, mapping: HardwareMapping = IDENTITY) -> list[TileEnergies]:
        """Energies of the sampled tiles, stratum by stratum; strata without a cell to count are left out."""
        trace = self._with_weights(layer, weights, mapping)
        strata = sample_tiles(trace, self.spec, self.tiles, self.seed)
        cells = self.spec.rows * self.spec.cols
        if self.idle:
            strata = [stratum for stratum in strata if stratum.rows * stratum.cols < cells]
        total, done, measured = sum(len(stratum.chosen) for stratum in strata), 0, []
        for stratum in strata:
            parts = []
            for chosen in self._batches(stratum):
                parts.append(self._measured(trace, stratum, chosen, mapping))
                done += len(chosen)
                if self.progress is not None:
                    self.progress(done, total)
            measured.append(self._energies(stratum, parts))
        return measured

    def _with_weights(self, layer: str, weights: Int8, mapping: HardwareMapping) -> LayerTrace:
        if replace(mapping, psum_offset=0) != IDENTITY:
            raise ConfigError("only a partial-sum offset can be simulated: leave row order and filter signs alone")
        known = known_layer({name: trace.layer for name, trace in self.traces.items()}, layer)
        changed: IntegerLayer = replace(known, weight=checked_weights(known, weights))
        check_overflow(changed, self.spec, mapping.psum_offset)
        return replace(self.traces[layer], layer=changed)

    def _batches(self, stratum: Stratum) -> Iterator[tuple[int, ...]]:
        """The chosen tiles, as many at a time as memory allows."""
        work = self.spec.rows * self.spec.cols * self.spec.cycles_of(stratum.pixels)
        at_once = max(1, _PE_CYCLES_AT_ONCE // work)
        for first in range(0, len(stratum.chosen), at_once):
            yield stratum.chosen[first : first + at_once]

    def _measured(
        self, trace: LayerTrace, stratum: Stratum, chosen: tuple[int, ...], mapping: HardwareMapping
    ) -> tuple[dict[str, Float], str]:
        """Energy of each of the chosen tiles, fJ, and its accounting."""
        streams = [self._streams(trace, index, mapping) for index in chosen]
        stimulus = tile_stimulus(self.spec.mac, streams, stratum.rows, stratum.cols, idle=self.idle)
        activity = self.backend.measure(self.netlist, stimulus)
        columns = self._model.columns_fj(activity)
        accounting = "functional" if activity.glitches is None else "datapath"
        return {name: values * activity.transitions for name, values in columns.items()}, accounting

    def _streams(self, trace: LayerTrace, index: int, mapping: HardwareMapping) -> PeStreams:
        tile = tile_at(trace, self.spec, index)
        before = tile_at(trace, self.spec, (index - 1) % tile_count(trace, self.spec))
        return run_tile(
            tile.weights, tile.activations, self.spec, psum_in=mapping.psum_offset, initial_weights=before.weights
        )

    def _energies(self, stratum: Stratum, parts: list[tuple[dict[str, Float], str]]) -> TileEnergies:
        columns = {name: np.concatenate([part[name] for part, _ in parts]) for name in ORIGINS}
        cycles = self.spec.cycles_of(stratum.pixels)
        total_fj = np.asarray(sum(columns.values()))
        power_w = total_fj / (cycles * self.clock_ps) * 1e-3  # fJ / ps = mW
        paper_fj = total_fj * (2 * self.spec.rows / cycles)
        return TileEnergies(stratum, cycles, columns, power_w, paper_fj, accounting=parts[0][1])

    @cached_property
    def _model(self) -> EnergyModel:
        return EnergyModel(self.netlist, self.clock_ps, self.load)
