"""Measured filters that are not measured twice: one mapping's candidates are often another's."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from wattloop.power.oracle import IDENTITY, FilterOracle, HardwareMapping, LayerEnergy, WeightPrices

Int8 = npt.NDArray[np.int8]
Float = npt.NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Remembered:
    """Answers as `tiles` does, filters of the same layer, weights and mapping from memory; implements `FilterOracle`.

    Attributes:
        tiles: who measures.
    """

    tiles: FilterOracle
    _known: dict[tuple[str, bytes, HardwareMapping], Float] = field(default_factory=dict, repr=False)

    @property
    def origin(self) -> str:
        """Who measures."""
        return self.tiles.origin

    @property
    def layers(self) -> Sequence[str]:
        """Names of the layers."""
        return self.tiles.layers

    def energy(self, layer: str, weights: Int8, mapping: HardwareMapping = IDENTITY) -> LayerEnergy:
        """See `EnergyOracle`; measured anew."""
        return self.tiles.energy(layer, weights, mapping)

    def value_energy_fj(self, layer: str) -> Float:
        """See `EnergyOracle`."""
        return self.tiles.value_energy_fj(layer)

    def weight_prices(self, layer: str) -> WeightPrices:
        """See `EnergyOracle`."""
        return self.tiles.weight_prices(layer)

    def filter_energies_fj(self, layer: str, weights: Int8, mappings: Sequence[HardwareMapping]) -> Float:
        """See `FilterOracle`."""
        keys = [(layer, weights.tobytes(), mapping) for mapping in mappings]
        new = [key for key in dict.fromkeys(keys) if key not in self._known]
        if new:
            found = self.tiles.filter_energies_fj(layer, weights, [mapping for *_, mapping in new])
            self._known.update(zip(new, found, strict=True))
        return np.stack([self._known[key] for key in keys])
