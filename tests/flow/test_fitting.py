"""A network that the cell cannot take as it is: said in the run, not silent."""

from __future__ import annotations

import numpy as np

from wattloop.arith.layer import ConvGeometry, IntegerLayer, LayerTrace
from wattloop.flow.fitting import fit_facts
from wattloop.flow.progress import Silent
from wattloop.gates.spec import MacSpec


def layer(weights: list[int]) -> LayerTrace:
    weight = np.array([weights], np.int8)
    geometry = ConvGeometry(len(weights), 1, 1, 1, (1, 1))
    return LayerTrace(IntegerLayer("conv", "conv", geometry, weight), np.full((1, len(weights), 1, 1), 3, np.uint8))


class Listener(Silent):
    def __init__(self) -> None:
        self.told: list[str] = []

    def tell(self, text: str) -> None:
        self.told.append(text)


def test_what_a_cell_moves_is_told_and_kept() -> None:
    """3 and 5 of four weights have no code; inputs of 3 are odd, and a signed cell halves them."""
    listener = Listener()
    facts = fit_facts([layer([1, 3, 5, -64])], MacSpec(multiplier="shift", activation_signed=True), listener)
    assert facts["changed to fit the cell"].startswith("50.00% of the weights and 100.00% of the inputs are moved")
    assert "another one, and its accuracy unknown" in listener.told[0]


def test_layers_count_by_their_size() -> None:
    facts = fit_facts([layer([3]), layer([1, 1, 1])], MacSpec(multiplier="shift"), Listener())
    assert facts["changed to fit the cell"].startswith("25.00% of the weights and 0.00% of the inputs")


def test_nothing_is_said_where_nothing_moves() -> None:
    listener = Listener()
    assert fit_facts([layer([1, 3, -128])], MacSpec(), listener) == {}
    assert listener.told == []
