"""The value nearest to a weight that a cell can hold, and layers laid onto narrower cells."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.arith.strategies import traces

from wattloop.arith.layer import ConvGeometry, IntegerLayer, LayerTrace
from wattloop.arith.representable import fitted, nearest
from wattloop.errors import OverflowRangeError
from wattloop.gates.multipliers import multipliers
from wattloop.gates.spec import MacSpec


@st.composite
def cells(draw: st.DrawFn) -> MacSpec:
    return MacSpec(
        multiplier=draw(st.sampled_from(list(multipliers()))),
        weight_bits=draw(st.integers(2, 8)),
        activation_bits=draw(st.integers(2, 8)),
        activation_signed=draw(st.booleans()),
    )


@given(spec=cells(), weights=st.lists(st.integers(-128, 127), min_size=1))
def test_no_value_of_the_cell_is_nearer(spec: MacSpec, weights: list[int]) -> None:
    """Of two that are equally near it is the one nearer to 0."""
    for weight, found in zip(weights, nearest(weights, spec).tolist(), strict=True):
        assert found == min(spec.weight_values, key=lambda value: (abs(value - weight), abs(value)))


@given(spec=cells())
def test_what_the_cell_holds_stays(spec: MacSpec) -> None:
    assert tuple(nearest(spec.weight_values, spec).tolist()) == spec.weight_values


def test_on_sign_and_magnitude_the_least_weight_alone_moves_by_one_step() -> None:
    every = np.arange(-128, 128)
    found = nearest(every, MacSpec(multiplier="sign_magnitude"))
    assert found[0] == -127
    np.testing.assert_array_equal(found[1:], every[1:])


@given(trace=traces(), spec=cells())
def test_a_fitted_layer_is_one_that_the_cell_takes(trace: LayerTrace, spec: MacSpec) -> None:
    if trace.layer.activation_signed and not spec.activation_signed:
        with pytest.raises(OverflowRangeError, match="set activation_signed = true"):
            fitted(trace, spec)
        return
    found = fitted(trace, spec)
    spec.weight_code(found.trace.layer.weight)
    least, most = spec.activation_range
    assert least <= found.trace.inputs.min() <= found.trace.inputs.max() <= most
    assert found.trace.layer.activation_signed == spec.activation_signed
    assert found.trace.inputs.dtype == (np.int8 if spec.activation_signed else np.uint8)
    assert found.trace.layer.weight.shape == trace.layer.weight.shape
    assert 0.0 <= found.changed_weights <= 1.0


@given(trace=traces())
def test_a_cell_that_holds_everything_changes_nothing(trace: LayerTrace) -> None:
    found = fitted(trace, MacSpec(activation_signed=trace.layer.activation_signed))
    assert found.changed_weights == 0.0
    np.testing.assert_array_equal(found.trace.layer.weight, trace.layer.weight)
    np.testing.assert_array_equal(found.trace.inputs, trace.inputs)


@given(trace=traces())
def test_weights_that_moved_are_counted(trace: LayerTrace) -> None:
    weight = trace.layer.weight.copy()
    weight.flat[0] = -128
    layer = replace(trace.layer, weight=weight)
    spec = MacSpec(multiplier="sign_magnitude", activation_signed=layer.activation_signed)
    found = fitted(LayerTrace(layer, trace.inputs), spec)
    assert found.changed_weights == pytest.approx((weight == -128).mean())


def test_narrow_operands_drop_their_least_bits_rounded_half_to_even() -> None:
    """Weights in sixteenths, and unsigned inputs on a signed cell in thirty-seconds; beyond the greatest it stays."""
    weight = np.array([[24, 40, -24, 127]], np.int8)
    layer = IntegerLayer("narrow", "conv", ConvGeometry(4, 1, 1, 1, (1, 1)), weight)
    trace = LayerTrace(layer, np.array([16, 48, 255, 31], np.uint8).reshape(1, 4, 1, 1))
    found = fitted(trace, MacSpec(weight_bits=4, activation_bits=4, activation_signed=True, psum_bits=14))
    assert found.trace.layer.weight.tolist() == [[2, 2, -2, 7]]
    assert found.trace.inputs.ravel().tolist() == [0, 2, 7, 1]
    assert (found.changed_weights, found.changed_inputs) == (1.0, 1.0)  # none is a multiple of its scale


@given(trace=traces())
def test_what_a_cell_changes_is_counted_scales_apart(trace: LayerTrace) -> None:
    if trace.layer.activation_signed:
        trace = LayerTrace(replace(trace.layer, activation_signed=False), trace.inputs.view(np.uint8))
    weight, inputs = trace.layer.weight.astype(int), trace.inputs.astype(int)
    narrow_cell = MacSpec(weight_bits=4, activation_bits=4, psum_bits=14)
    plain, narrow, signed = (fitted(trace, cell) for cell in (MacSpec(), narrow_cell, MacSpec(activation_signed=True)))
    assert (plain.changed_weights, plain.changed_inputs) == (0, 0)
    assert narrow.changed_weights == pytest.approx((weight != 16 * np.rint(weight / 16).clip(-8, 7)).mean())
    assert narrow.changed_inputs == pytest.approx((inputs != 16 * np.rint(inputs / 16).clip(0, 15)).mean())
    assert signed.changed_weights == 0
    assert signed.changed_inputs == pytest.approx((inputs != 2 * np.rint(inputs / 2).clip(0, 127)).mean())
