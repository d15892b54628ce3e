"""Layer energies from tables: histogram of the weights x cycles x E_l(w) (paper section 3.2)."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from wattloop.activity.backend import ActivityBackend
from wattloop.arith.layer import IntegerLayer, LayerTrace
from wattloop.arith.statistics import collect
from wattloop.errors import ConfigError
from wattloop.gates.netlist import Netlist
from wattloop.gates.spec import ArraySpec
from wattloop.power.characterize import characterize
from wattloop.power.energy_table import DYNAMIC, ORIGINS, EnergyTable
from wattloop.power.oracle import IDENTITY, EnergyBreakdown, HardwareMapping, LayerEnergy

Float = npt.NDArray[np.float64]
Int8 = npt.NDArray[np.int8]
Progress = Callable[[int, int], None]


def checked_weights(layer: IntegerLayer, weights: Int8) -> Int8:
    """`weights` as int8, if they are integers of that range and of the layer's shape.

    Raises:
        ConfigError: they are not.
    """
    if weights.shape != layer.weight.shape:
        raise ConfigError(f"layer {layer.name}: weights of shape {weights.shape}, expected {layer.weight.shape}")
    if weights.dtype.kind not in "iu" or (weights.size and not -128 <= weights.min() <= weights.max() <= 127):
        raise ConfigError(f"layer {layer.name}: weights must be integers from -128 to 127")
    return weights.astype(np.int8)


def known_layer(layers: Mapping[str, IntegerLayer], name: str) -> IntegerLayer:
    """The layer called `name`.

    Raises:
        ConfigError: the oracle was not profiled for it.
    """
    if name not in layers:
        raise ConfigError(f"no energy profile of layer {name!r}; profiled: {', '.join(layers) or 'none'}")
    return layers[name]


@dataclass(frozen=True, eq=False)
class TableOracle:
    """Answers from one table a layer; implements `EnergyOracle`.

    A cell of a tile of n pixels has n + 1 cycles in which its data moves (idle to the first pixel, ..., the last pixel
    to idle): those are what the statistics hold and what dynamic energy is counted for. Clock and leakage are counted
    for every cycle of the tile. Loading the weights and idle cells are not in a table.

    Attributes:
        tables: by layer.
        profiled: the layers, by name.
        spec: the array that they run on.
    """

    tables: Mapping[str, EnergyTable]
    profiled: Mapping[str, IntegerLayer]
    spec: ArraySpec

    @property
    def origin(self) -> str:
        """ "table/" and the simulator."""
        return "table/" + "+".join(sorted({table.provenance["backend"] for table in self.tables.values()}))

    @property
    def layers(self) -> Sequence[str]:
        """Names of the layers."""
        return tuple(self.profiled)

    def energy(self, layer: str, weights: Int8, mapping: HardwareMapping = IDENTITY) -> LayerEnergy:
        """Energy of `layer` per image with `weights`; see `EnergyOracle`.

        Raises:
            ConfigError: unknown layer, weights of another shape or beyond the table, or a mapping that the table's
                statistics do not know.
        """
        known = known_layer(self.profiled, layer)
        if mapping != IDENTITY:
            raise ConfigError("a table holds for the mapping it was profiled with: use real tiles for another one")
        table = self.tables[layer]
        counts = self._histogram(table, checked_weights(known, weights), layer)
        moving, clocked = self._cycles(known)
        cycles = {name: moving if name in DYNAMIC else clocked for name in ORIGINS}
        fields = {name: float(counts @ table.columns[name]) * cycles[name] for name in ORIGINS}
        # Weights are sampled independently of each other.
        error_fj = moving * math.sqrt(float(((counts * table.standard_error_fj) ** 2).sum()))
        return LayerEnergy(
            layer=layer,
            energy=EnergyBreakdown(**fields),
            macs=known.geometry.macs,
            standard_error_fj=error_fj,
            origin=f"table/{table.provenance['backend']}",
            accounting=table.provenance["accounting"],
        )

    def value_energy_fj(self, layer: str) -> Float:
        """E_l(w): dynamic energy of a MAC cycle by weight; see `EnergyOracle`."""
        known_layer(self.profiled, layer)
        table = self.tables[layer]
        bits = self.spec.mac.weight_bits
        # What the cell cannot hold has no price that anybody would pay.
        curve = np.full(1 << bits, np.inf)
        curve[table.weights + (1 << (bits - 1))] = table.dynamic_fj
        return curve

    @staticmethod
    def _histogram(table: EnergyTable, weights: Int8, layer: str) -> Float:
        index = np.searchsorted(table.weights, weights.ravel()).clip(max=len(table.weights) - 1)
        wrong = np.unique(weights.ravel()[table.weights[index] != weights.ravel()])
        if wrong.size:
            raise ConfigError(
                f"layer {layer}: {wrong.size} of its weight values are not in the table, such as {wrong[0]}: map the"
                " weights to values that the cell holds"
            )
        return np.bincount(index, minlength=len(table.weights)).astype(np.float64)

    def _cycles(self, layer: IntegerLayer) -> tuple[int, int]:
        """Cycles of one image in which a cell's data moves, and all cycles."""
        pixels = layer.geometry.pixels
        whole, rest = divmod(pixels, self.spec.pixels)
        sizes = [self.spec.pixels] * whole + [rest] * bool(rest)
        return pixels + len(sizes), sum(self.spec.cycles_of(size) for size in sizes)


@dataclass(frozen=True)
class TableProfiler:
    """Builds a `TableOracle` from traces; implements `Profiler`.

    Attributes:
        netlist: the cell in gates.
        spec: the array.
        backend: who measures activity.
        pairs, batches, seed: see `characterize`.
        tiles: tiles that statistics are collected from, None for all.
        clock_ps: clock period.
        load: capacitance convention.
        progress: called with (done, total) weight values over all layers.
    """

    netlist: Netlist
    spec: ArraySpec
    backend: ActivityBackend
    pairs: int = 2000
    batches: int = 8
    seed: int = 0
    tiles: int | None = None
    clock_ps: float = 200.0
    load: str = "typical"
    progress: Progress | None = None

    def __call__(self, traces: Sequence[LayerTrace]) -> TableOracle:
        """Collect statistics of each layer and characterise every weight value on them.

        Raises:
            OverflowRangeError: a layer does not fit the array's partial sums.
        """
        tables = {trace.layer.name: self._table(trace, k, len(traces)) for k, trace in enumerate(traces)}
        return TableOracle(tables, {trace.layer.name: trace.layer for trace in traces}, self.spec)

    def _table(self, trace: LayerTrace, index: int, layers: int) -> EnergyTable:
        report = self.progress
        return characterize(
            self.netlist,
            self.spec.mac,
            collect(trace, self.spec, tiles=self.tiles, seed=self.seed),
            backend=self.backend,
            pairs=self.pairs,
            batches=self.batches,
            seed=self.seed,
            clock_ps=self.clock_ps,
            load=self.load,
            progress=None if report is None else lambda done, total: report(index * total + done, layers * total),
        )
