"""The MAC cell's RTL, exhaustively, on both simulators."""

from __future__ import annotations

import itertools
from collections.abc import Callable

from wattloop.gates.spec import MacSpec

FULL_WIDTH = [
    MacSpec(multiplier="array", reset="async"),
    MacSpec(multiplier="array", activation_signed=True, reset="sync"),
    MacSpec(multiplier="booth", reset="sync"),
    MacSpec(multiplier="booth", activation_signed=True, reset="async"),
]
OTHER_WIDTHS = [
    MacSpec(weight_bits=w, activation_bits=a, psum_bits=p, multiplier=multiplier, activation_signed=signed)
    for (w, a, p), multiplier, signed in itertools.product(
        ((2, 2, 4), (3, 5, 9), (7, 4, 11), (5, 6, 32)), ("array", "booth"), (False, True)
    )
]
BYPASSES = [
    MacSpec(weight_bits=5, activation_bits=5, psum_bits=12, bypass_zero_weight=True),
    MacSpec(weight_bits=5, activation_bits=5, psum_bits=12, bypass_zero_activation=True, reset="sync"),
    MacSpec(
        weight_bits=5,
        activation_bits=5,
        psum_bits=12,
        bypass_zero_weight=True,
        bypass_zero_activation=True,
        multiplier="booth",
        activation_signed=True,
    ),
]


def test_every_weight_times_every_activation(run_cells: Callable[..., int], simulator: str) -> None:
    assert run_cells(simulator, FULL_WIDTH, vectors=(1 << 16) + 2) == 3


def test_other_widths_and_zero_bypasses(run_cells: Callable[..., int], simulator: str) -> None:
    assert run_cells(simulator, [*OTHER_WIDTHS, *BYPASSES], vectors=(1 << 13) + 2) == 3
