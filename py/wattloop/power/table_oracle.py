"""Layer energies from tables: weights counted by value and class of row x cycles x E_l(w) (paper section 3.2)."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from wattloop.arith.layer import IntegerLayer
from wattloop.errors import ConfigError
from wattloop.gates.spec import ArraySpec
from wattloop.power.energy_table import EnergyTable
from wattloop.power.layer_use import cycles, weight_counts
from wattloop.power.oracle import IDENTITY, EnergyBreakdown, HardwareMapping, LayerEnergy, WeightPrices
from wattloop.power.weight_load import LoadTable, loading

Float = npt.NDArray[np.float64]
Int8 = npt.NDArray[np.int8]


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
    to idle): those are what the statistics hold. Loading the weights comes from `loads`. In all other cycles of a tile
    (skew, drain, other rows' loading) nothing toggles. Clock and leakage are counted for every cycle of the tile. Idle
    cells are not in a table.

    Attributes:
        tables: by layer.
        profiled: the layers, by name.
        spec: the array that they run on.
        loads: toggles of loading weights; None leaves loading out.
    """

    tables: Mapping[str, EnergyTable]
    profiled: Mapping[str, IntegerLayer]
    spec: ArraySpec
    loads: LoadTable | None = None

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
        table, checked = self.tables[layer], checked_weights(known, weights)
        counts = weight_counts(known, checked, table.weights, table.class_of_row, len(table.shares))
        moving, clocked = cycles(known, self.spec)
        fields = {name: float((counts * values).sum()) * moving for name, values in table.class_columns.items()}
        fields |= {name: float(counts.sum(axis=1) @ values) * clocked for name, values in table.static_columns.items()}
        if self.loads is not None:
            extra = self.loads.energy_fj(loading(known, checked, self.spec), table.prices)
            fields |= {name: fields[name] + value for name, value in extra.items()}
        # Weights and classes are sampled independently of each other.
        error_fj = moving * math.sqrt(float(((counts * table.class_error_fj) ** 2).sum()))
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

    def weight_prices(self, layer: str) -> WeightPrices:
        """Prices of the layer's weights by value and class of row; see `EnergyOracle`."""
        geometry = known_layer(self.profiled, layer).geometry
        table = self.tables[layer]
        bits = self.spec.mac.weight_bits
        value_fj = np.full((1 << bits, len(table.shares)), np.inf)
        value_fj[table.weights + (1 << (bits - 1))] = (
            table.class_dynamic_fj * cycles(self.profiled[layer], self.spec)[0]
        )
        of_row = np.broadcast_to(table.class_of_row, (geometry.groups, geometry.reduction))
        return WeightPrices(value_fj, np.repeat(of_row, geometry.out_channels // geometry.groups, axis=0))
