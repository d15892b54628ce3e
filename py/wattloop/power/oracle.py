"""All that the compression loop knows of hardware: one protocol and what it returns."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Protocol

import numpy as np
import numpy.typing as npt

from wattloop.arith.layer import LayerTrace
from wattloop.arith.mapping import IDENTITY, HardwareMapping

__all__ = ["IDENTITY", "EnergyBreakdown", "EnergyOracle", "FilterOracle", "HardwareMapping", "LayerEnergy", "Profiler"]

Int8 = npt.NDArray[np.int8]


@dataclass(frozen=True)
class EnergyBreakdown:
    """Energy in fJ, split by origin; addable and scalable.

    Attributes:
        comb_switching_fj: 1/2 C V^2 per toggle of nets driven by combinational cells and ports.
        comb_internal_fj: Liberty `internal_power` of combinational cells.
        register_fj: switching and internal energy of the registers' data (Q nets, D pins).
        clock_fj: clock pins of the flip-flops, every cycle.
        leakage_fj: leakage over the cycles' time.
    """

    comb_switching_fj: float = 0.0
    comb_internal_fj: float = 0.0
    register_fj: float = 0.0
    clock_fj: float = 0.0
    leakage_fj: float = 0.0

    @property
    def dynamic_fj(self) -> float:
        """Switching and internal energy of combinational cells and of the registers' data.

        With settled toggles this is the `functional` accounting, with glitches the `datapath` one.
        """
        return self.comb_switching_fj + self.comb_internal_fj + self.register_fj

    @property
    def total_fj(self) -> float:
        """`dynamic_fj` with clock and leakage."""
        return self.dynamic_fj + self.clock_fj + self.leakage_fj

    def __add__(self, other: EnergyBreakdown) -> EnergyBreakdown:
        return EnergyBreakdown(*(getattr(self, f.name) + getattr(other, f.name) for f in fields(self)))

    def __mul__(self, factor: float) -> EnergyBreakdown:
        return EnergyBreakdown(*(getattr(self, f.name) * factor for f in fields(self)))

    __rmul__ = __mul__


@dataclass(frozen=True)
class LayerEnergy:
    """Energy of one layer for one image on the active PEs.

    Attributes:
        layer: its name.
        energy: fJ per image.
        macs: multiply-accumulates of one image.
        standard_error_fj: sampling error (one standard deviation) of `energy.dynamic_fj`.
        origin: "table" or "tiles", with the backend: "tiles/verilator".
        accounting: "functional" (settled toggles) or "datapath" (glitches included).
    """

    layer: str
    energy: EnergyBreakdown
    macs: int
    standard_error_fj: float
    origin: str
    accounting: str


@dataclass(frozen=True, eq=False)
class WeightPrices:
    """What each weight of a layer costs for one image: by its value and by the class of the row that it lies on.

    Attributes:
        value_fj: dynamic energy of all cycles in which the weight's cell moves, fJ, shape (2**weight_bits, classes),
            index w - least weight; infinite where the cell cannot hold the value.
        class_of_weight: class of each weight's row, broadcastable to (out_channels, reduction).
    """

    value_fj: npt.NDArray[np.float64]
    class_of_weight: npt.NDArray[np.int64]


class EnergyOracle(Protocol):
    """Answers what a layer would cost with given weights."""

    @property
    def origin(self) -> str:
        """Who answers; recorded with every figure."""

    @property
    def layers(self) -> Sequence[str]:
        """Names of the layers it was profiled for."""

    def energy(self, layer: str, weights: Int8, mapping: HardwareMapping = IDENTITY) -> LayerEnergy:
        """Energy of `layer` per image if its weights were `weights`.

        Args:
            layer: one of `layers`.
            weights: int8, shape (out_channels, reduction), as they are in the network, whatever the mapping.
            mapping: how it is laid onto the array.
        """

    def value_energy_fj(self, layer: str) -> npt.NDArray[np.float64]:
        """E_l(w): dynamic energy of a MAC cycle by weight, fJ, shape (2**weight_bits,), index w - least weight."""

    def weight_prices(self, layer: str) -> WeightPrices:
        """What each weight of `layer` costs for one image, loading apart: E_l(w) where it lies, times its cycles."""


class FilterOracle(EnergyOracle, Protocol):
    """Answers what each filter of a layer would cost, too."""

    def filter_energies_fj(
        self, layer: str, weights: Int8, mappings: Sequence[HardwareMapping]
    ) -> npt.NDArray[np.float64]:
        """Dynamic energy of every filter per image, laid onto the array in several ways.

        Args:
            layer: one of `layers`.
            weights: int8, shape (out_channels, reduction), as they are in the network.
            mappings: ways to lay it.

        Returns:
            fJ, shape (mappings, out_channels); infinite where a filter cannot be laid like that.
        """


class Profiler(Protocol):
    """Builds an oracle from the traces of the network as it is now."""

    def __call__(self, traces: Sequence[LayerTrace]) -> EnergyOracle:
        """An oracle for the layers of `traces`."""
