"""The MAC cell's RTL, exhaustively, on both simulators."""

from __future__ import annotations

import itertools
from collections.abc import Callable

from wattloop.gates.multipliers import multipliers
from wattloop.gates.spec import MacSpec
from wattloop.gates.templates import templates

# Every template as users get it, then every multiplier with the other sign and the other reset.
FULL_WIDTH = [
    *templates().values(),
    *(MacSpec(multiplier=name, activation_signed=True, reset="sync") for name in multipliers()),
    MacSpec(gate_weight_clock=True, reset="sync"),
]
OTHER_WIDTHS = [
    MacSpec(weight_bits=w, activation_bits=a, psum_bits=p, multiplier=multiplier, activation_signed=signed)
    for (w, a, p), multiplier, signed in itertools.product(
        ((2, 2, 4), (3, 5, 9), (7, 4, 11), (5, 6, 32)), multipliers(), (False, True)
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
    MacSpec(weight_bits=5, activation_bits=5, psum_bits=12, multiplier="shift", bypass_zero_weight=True),
    MacSpec(
        weight_bits=5,
        activation_bits=5,
        psum_bits=12,
        multiplier="sign_magnitude",
        bypass_zero_weight=True,
        bypass_zero_activation=True,
        gate_weight_clock=True,
    ),
]


def test_every_weight_times_every_activation(run_cells: Callable[..., int], simulator: str) -> None:
    assert run_cells(simulator, FULL_WIDTH, vectors=(1 << 16) + 2) == 3


def test_other_widths_and_zero_bypasses(run_cells: Callable[..., int], simulator: str) -> None:
    assert run_cells(simulator, [*OTHER_WIDTHS, *BYPASSES], vectors=(1 << 13) + 2) == 3
