"""What the bits of a weight mean: decoded and encoded, held against the RTL's own bench by tests/rtl."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from wattloop.errors import SpecError
from wattloop.gates.multipliers import multipliers
from wattloop.gates.spec import MacSpec
from wattloop.gates.templates import chosen, templates

NAMES = list(multipliers())


@st.composite
def cells(draw: st.DrawFn) -> MacSpec:
    return MacSpec(multiplier=draw(st.sampled_from(NAMES)), weight_bits=draw(st.integers(2, 8)))


@given(spec=cells())
def test_every_weight_that_a_cell_holds_comes_back_from_its_code(spec: MacSpec) -> None:
    codes = spec.weight_code(spec.weight_values)
    assert spec.weight_of_code(codes).tolist() == list(spec.weight_values)
    assert len(set(codes.tolist())) == len(spec.weight_values)
    assert 0 <= codes.min() <= codes.max() < 1 << spec.weight_code_bits


@given(spec=cells())
def test_the_weights_are_ascending_signed_integers_and_0_is_code_0(spec: MacSpec) -> None:
    values = spec.weight_values
    assert list(values) == sorted(set(values))
    assert -(1 << (spec.weight_bits - 1)) <= values[0] <= 0 <= values[-1] < 1 << (spec.weight_bits - 1)
    assert spec.weight_range == (values[0], values[-1])
    assert spec.weight_code([0]).tolist() == [0]


@given(spec=cells(), code=st.integers(0, 1 << 20))
def test_every_register_pattern_is_a_weight_that_the_cell_holds(spec: MacSpec, code: int) -> None:
    """Those too that no weight is encoded as: negative zeros and exponents beyond the last."""
    (weight,) = spec.weight_of_code([code]).tolist()
    assert weight in spec.weight_values
    assert spec.weight_code([weight])[0] <= code % (1 << spec.weight_code_bits)


@given(spec=cells(), weight=st.integers(-200, 200))
def test_a_weight_without_a_code_is_refused_by_name(spec: MacSpec, weight: int) -> None:
    if weight in spec.weight_values:
        assert spec.weight_of_code(spec.weight_code([weight])).tolist() == [weight]
    else:
        with pytest.raises(
            SpecError, match=f"the {spec.multiplier} multiplier cannot hold 1 of these weights, such as"
        ):
            spec.weight_code([0, weight])


def test_the_codes_of_the_built_in_multipliers_by_hand() -> None:
    def codes(name: str, *weights: int) -> list[int]:
        return [int(code) for code in MacSpec(multiplier=name).weight_code(weights)]

    for name in ("array", "split", "booth"):
        assert codes(name, -128, -1, 0, 127) == [0x80, 0xFF, 0x00, 0x7F]
    assert codes("sign_magnitude", -127, -1, 1, 127) == [0xFF, 0x81, 0x01, 0x7F]
    assert codes("shift", -64, -1, 1, 2, 64) == [0b1111, 0b1001, 0b0001, 0b0010, 0b0111]
    assert codes("minifloat", -112, 7, 8, 14) == [0b1_100_111, 0b0_000_111, 0b0_001_100, 0b0_001_111]


def test_the_least_weight_has_no_sign_and_magnitude() -> None:
    spec = MacSpec(multiplier="sign_magnitude")
    assert spec.weight_range == (-127, 127)
    with pytest.raises(SpecError, match="cannot hold 1 of these weights, such as -128"):
        spec.weight_code([-128])


def test_every_multiplier_is_a_template_and_so_are_the_variants() -> None:
    known = templates()
    assert set(NAMES) < set(known)
    assert len(set(known.values())) == len(known)
    assert chosen(["all"]) == known
    assert list(chosen(["booth", "array", "booth"])) == ["booth", "array"]
    for wrong in (["wallace"], []):
        with pytest.raises(SpecError, match="unknown template"):
            chosen(wrong)


def test_the_modules_of_all_templates_have_names_of_their_own() -> None:
    cells = templates().values()
    assert len({cell.module_name for cell in cells}) == len(cells)
    assert np.all([cell.module_name.isidentifier() for cell in cells])
