"""Signs of filters and offsets of partial sums: chosen by price, never where the hardware cannot follow."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pytest
from tests.compression.fakes import CURVE

from wattloop.compression.mapping.filters import cheaper_signs, cheapest_offset, with_signs
from wattloop.errors import OverflowRangeError
from wattloop.power.oracle import IDENTITY, EnergyBreakdown, HardwareMapping, LayerEnergy


def price(weights: np.ndarray) -> np.ndarray:
    return np.asarray(CURVE[weights.astype(int) + 128].sum(axis=1))


def test_signs_flip_where_and_only_where_it_costs_less() -> None:
    weights = np.random.default_rng(0).integers(-127, 128, (50, 9)).astype(np.int8)
    flipped = cheaper_signs(weights, CURVE)
    assert 0 < flipped.sum() < 50
    np.testing.assert_array_equal(flipped, price(-weights) < price(weights))
    np.testing.assert_array_equal(price(with_signs(weights, flipped)), np.minimum(price(weights), price(-weights)))


def test_a_filter_with_the_least_value_keeps_its_sign() -> None:
    weights = np.array([[-128, -3, -5], [-127, -3, -5]], np.int8)
    assert cheaper_signs(weights, CURVE).tolist() == [False, True]


def test_negated_sums_are_the_negative_of_the_sums() -> None:
    rng = np.random.default_rng(1)
    weights, inputs = rng.integers(-127, 128, (4, 9)).astype(np.int8), rng.integers(0, 256, 9)
    flipped = np.array([True, False, True, False])
    sums = with_signs(weights, flipped).astype(int) @ inputs
    np.testing.assert_array_equal(np.where(flipped, -sums, sums), weights.astype(int) @ inputs)


@dataclass
class ByOffset:
    """Prices offsets by a dictionary; what it does not list overflows."""

    prices: dict[int, float]
    origin: str = "tiles"
    layers: Sequence[str] = ("conv",)

    def energy(self, layer: str, weights: np.ndarray, mapping: HardwareMapping = IDENTITY) -> LayerEnergy:
        if mapping.psum_offset not in self.prices:
            raise OverflowRangeError("it overflows")
        energy = EnergyBreakdown(comb_switching_fj=self.prices[mapping.psum_offset])
        return LayerEnergy(layer, energy, 1, 0.0, self.origin, "functional")

    def value_energy_fj(self, layer: str) -> np.ndarray:
        return CURVE


def test_the_cheapest_offset_that_cannot_overflow_is_taken() -> None:
    weights = np.zeros((1, 1), np.int8)
    assert cheapest_offset(ByOffset({0: 5.0, 4096: 3.0, -4096: 4.0}), "conv", weights) == 4096
    assert cheapest_offset(ByOffset({0: 5.0}), "conv", weights) == 0


def test_a_layer_that_overflows_with_every_offset_is_refused_by_name() -> None:
    with pytest.raises(OverflowRangeError, match="layer conv"):
        cheapest_offset(ByOffset({}), "conv", np.zeros((1, 1), np.int8))
