"""Layer energies from real tiles: every cycle of every cell, run through the gate-level netlist."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import numpy.typing as npt

from wattloop.activity.backend import ActivityBackend
from wattloop.arith.layer import IntegerLayer, LayerTrace
from wattloop.errors import ConfigError
from wattloop.gates.netlist import Netlist
from wattloop.gates.spec import ArraySpec
from wattloop.parallel import SERIAL, Workers
from wattloop.power.filter_energies import filter_energies_fj
from wattloop.power.oracle import IDENTITY, EnergyOracle, HardwareMapping, LayerEnergy, WeightPrices
from wattloop.power.table_oracle import checked_weights, known_layer
from wattloop.power.tile_energies import Batch, TileEnergies, check_mapping, in_batches, layer_energy, run_at, simulate
from wattloop.power.tile_meter import TileMeter
from wattloop.power.tile_sample import Stratum, sample_tiles

Float = npt.NDArray[np.float64]
Int8 = npt.NDArray[np.int8]
Progress = Callable[[int, int], None]
Watch = Callable[[str], AbstractContextManager[Progress]]


def _unwatched(layer: str) -> AbstractContextManager[Progress]:
    return nullcontext(lambda done, total: None)


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
        idle: count the cells that a tile leaves idle too, in columns of their own.
        values: who answers `value_energy_fj`, which tiles cannot.
        workers: who does the work.
        watch: given a layer's name, opens what is told (done, total) tiles while `energy` simulates it.
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
    workers: Workers = SERIAL
    watch: Watch = _unwatched

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
            ConfigError: unknown layer, weights of another shape, or a mapping that is not one of this layer or that the
                array has no registers for.
            OverflowRangeError: the weights could overflow the partial sums.
        """
        with self.watch(layer) as progress:
            return self.summed(layer, self.simulate(layer, weights, mapping, progress=progress))

    def summed(self, layer: str, measured: Sequence[TileEnergies]) -> LayerEnergy:
        """Energy of `layer` per image from its simulated tiles."""
        trace = self.traces[layer]
        return layer_energy(trace.layer, trace.images, measured, self.origin)

    def value_energy_fj(self, layer: str) -> Float:
        """E_l(w) of the companion `values`.

        Raises:
            ConfigError: there is none.
        """
        return self._companion.value_energy_fj(layer)

    def weight_prices(self, layer: str) -> WeightPrices:
        """Prices of the companion `values`.

        Raises:
            ConfigError: there is none.
        """
        return self._companion.weight_prices(layer)

    @property
    def _companion(self) -> EnergyOracle:
        if self.values is None:
            raise ConfigError("real tiles give no energy by weight value: give the oracle a table for that")
        return self.values

    def simulate(
        self, layer: str, weights: Int8, mapping: HardwareMapping = IDENTITY, *, progress: Progress | None = None
    ) -> list[TileEnergies]:
        """Energies of the sampled tiles, stratum by stratum.

        Args:
            layer: its name.
            weights: int8, shape (out_channels, reduction).
            mapping: how it is laid onto the array.
            progress: called with (done, total) tiles.
        """
        trace = self._with_weights(layer, weights)
        check_mapping(trace.layer, self.spec, mapping)
        strata = sample_tiles(trace, self.spec, self.tiles, self.seed)
        batches = self._batches(trace, strata, mapping)
        return simulate(self._meter, strata, batches, progress)

    def filter_energies_fj(self, layer: str, weights: Int8, mappings: Sequence[HardwareMapping]) -> Float:
        """See `FilterOracle`; all tiles of some blocks of output pixels, about `tiles` for each mapping.

        Raises:
            ConfigError: unknown layer, weights of another shape, or a mapping that is not one of this layer.
        """
        trace = self._with_weights(layer, weights)
        return filter_energies_fj(self._meter, trace, mappings, self.tiles, self.seed)

    @cached_property
    def _meter(self) -> TileMeter:
        return TileMeter(
            self.netlist, self.spec, self.backend, self.clock_ps, self.load, self.idle, workers=self.workers
        )

    def _batches(self, trace: LayerTrace, strata: Sequence[Stratum], mapping: HardwareMapping) -> Iterator[Batch]:
        for number, stratum in enumerate(strata):
            for at in in_batches(len(stratum.chosen), self._meter.at_once(stratum.shape)):
                yield Batch(number, at, [run_at(trace, self.spec, stratum.chosen[k], mapping) for k in at])

    def _with_weights(self, layer: str, weights: Int8) -> LayerTrace:
        known = known_layer({name: trace.layer for name, trace in self.traces.items()}, layer)
        changed: IntegerLayer = replace(known, weight=checked_weights(known, weights))
        return replace(self.traces[layer], layer=changed)
