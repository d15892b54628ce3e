"""Illegal hardware is refused with the legal values named."""

from __future__ import annotations

import itertools
from typing import Any

import pytest

from wattloop.errors import SpecError
from wattloop.gates.spec import ArraySpec, MacSpec

MULTIPLIERS = "array, split, hierarchical, booth, sign_magnitude, shift, minifloat"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"weight_bits": 1}, "weight_bits = 1 is illegal; legal: 2 to 8"),
        ({"weight_bits": 9}, "weight_bits = 9 is illegal; legal: 2 to 8"),
        ({"weight_bits": 8.0}, "weight_bits = 8.0 is illegal; legal: 2 to 8"),
        ({"activation_bits": True}, "activation_bits = True is illegal; legal: 2 to 8"),
        ({"psum_bits": 15}, "psum_bits = 15 is illegal; legal: 16 to 32"),
        ({"psum_bits": 33}, "psum_bits = 33 is illegal; legal: 16 to 32"),
        (
            {"multiplier": "wallace"},
            f"multiplier = 'wallace' is illegal; legal: {MULTIPLIERS}",
        ),
        (
            {"multiplier": ["array"]},
            rf"multiplier = \['array'\] is illegal; legal: {MULTIPLIERS}",
        ),
        ({"reset": "none"}, "reset = 'none' is illegal; legal: sync, async"),
        ({"activation_signed": 1}, "activation_signed = 1 is illegal; legal: False, True"),
        ({"bypass_zero_weight": "yes"}, "bypass_zero_weight = 'yes' is illegal; legal: False, True"),
    ],
)
def test_illegal_cell_is_refused(options: dict[str, Any], message: str) -> None:
    with pytest.raises(SpecError, match=f"^{message}$"):
        MacSpec(**options)


@pytest.mark.parametrize("name", ["rows", "cols", "pixels"])
@pytest.mark.parametrize("value", [0, 1025, 64.0, "64"])
def test_illegal_array_is_refused(name: str, value: Any) -> None:
    with pytest.raises(SpecError, match=f"^{name} = {value!r} is illegal; legal: 1 to 1024$"):
        ArraySpec(**{name: value})


def test_array_of_something_else_is_refused() -> None:
    with pytest.raises(SpecError, match="psum_preload = 1 is illegal; legal: False, True"):
        ArraySpec(psum_preload=1)  # type: ignore[arg-type]
    assert ArraySpec(psum_preload=True).module_name == "array_64x64_pp_mac_w8a8p22_array"
    with pytest.raises(SpecError, match="mac = None is illegal; legal: a MacSpec"):
        ArraySpec(mac=None)  # type: ignore[arg-type]


def test_ranges_follow_the_widths() -> None:
    cell = MacSpec(weight_bits=4, activation_bits=5, activation_signed=True, psum_bits=12)
    assert (cell.weight_range, cell.activation_range, cell.psum_range) == ((-8, 7), (-16, 15), (-2048, 2047))
    assert MacSpec().activation_range == (0, 255)


def test_every_option_shows_in_the_module_name() -> None:
    widths = [(8, 8, 22), (8, 8, 32), (8, 4, 22), (4, 8, 22)]
    switches = itertools.product(("array", "booth"), (False, True), (False, True), (False, True), ("sync", "async"))
    cells = [
        MacSpec(
            weight_bits=w,
            activation_bits=a,
            psum_bits=p,
            multiplier=multiplier,  # type: ignore[arg-type]
            activation_signed=signed,
            bypass_zero_weight=skip_weight,
            bypass_zero_activation=skip_activation,
            reset=reset,  # type: ignore[arg-type]
        )
        for (w, a, p), (multiplier, signed, skip_weight, skip_activation, reset) in itertools.product(widths, switches)
    ]
    assert len({cell.module_name for cell in cells}) == len(cells)


def test_full_size_tile_takes_the_cycles_of_its_phases() -> None:
    assert ArraySpec().tile_cycles == 64 + 64 + 63 + 63
    assert ArraySpec(rows=3, cols=2).cycles_of(10) == 3 + 10 + 2 + 1


def test_a_cells_meaning_tells_codes_apart_that_gates_may_share() -> None:
    plain, signed = MacSpec(weight_bits=3), MacSpec(weight_bits=3, multiplier="sign_magnitude")
    assert plain.meaning == (0, 1, 2, 3, -4, -3, -2, -1)
    assert signed.meaning == (0, 1, 2, 3, 0, -1, -2, -3)
