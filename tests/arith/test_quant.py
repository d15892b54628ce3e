"""Requantisation and pooling against exact rational arithmetic and torch."""

from fractions import Fraction

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from wattloop.arith.quant import add_requantize, level_range, max_pool, requantize, sum_pool

int24 = st.integers(-(2**23), 2**23)
scales = st.floats(2.0**-24, 4.0, width=32)


def _float32(value: Fraction) -> Fraction:
    """`value` rounded to float32 by way of exact arithmetic (nearest, ties to even), for normal numbers."""
    if value == 0:
        return value
    exponent = -200
    while abs(value) >= Fraction(2) ** (exponent + 1):
        exponent += 1
    unit = Fraction(2) ** (exponent - 23)
    return round(value / unit) * unit  # Python rounds half to even


@given(int24, int24, scales, st.booleans())
def test_requantisation_is_the_defined_expression(accumulator: int, bias: int, scale: float, signed: bool) -> None:
    low, high = level_range(signed)
    total = _float32(Fraction(accumulator + bias))
    expected = min(max(round(_float32(total * Fraction(scale))), low), high)
    got = requantize(np.array([[accumulator]]), np.array([bias]), np.float32(scale), low, high)
    assert got.dtype == (np.int8 if signed else np.uint8)
    assert int(got[0, 0]) == expected


@given(st.integers(-128, 127), st.integers(0, 255), scales, scales)
def test_residual_addition_is_as_defined(left: int, right: int, left_scale: float, right_scale: float) -> None:
    products = (_float32(left * Fraction(left_scale)), _float32(right * Fraction(right_scale)))
    expected = min(max(round(_float32(sum(products))), -128), 127)
    pair = (np.float32(left_scale), np.float32(right_scale))
    got = add_requantize(np.array([[left]], np.int8), np.array([[right]], np.uint8), pair, -128, 127)
    assert int(got[0, 0]) == expected


@pytest.mark.parametrize(
    ("total", "scale", "level"),
    [(3365063, "0x1.aa4724p-16", 86), (2294138, "0x1.091964p-15", 72), (2151323, "0x1.a32c26p-15", 108)],
)
def test_the_product_is_rounded_to_float32_first(total: int, scale: str, level: int) -> None:
    """Cases where the float32 product lies on a half and the exact one beside it, so that the levels differ."""
    got = requantize(np.array([[total]]), np.zeros(1, np.int64), np.float32(float.fromhex(scale)), 0, 255)
    assert int(got[0, 0]) == level
    assert round(total * float.fromhex(scale)) != level


def test_halves_round_to_even() -> None:
    accumulator = np.array([[1, 3, 5, 7]]).T
    got = requantize(accumulator, np.zeros(1, np.int64), np.float32(0.5), 0, 255)
    assert got.ravel().tolist() == [0, 2, 2, 4]


def test_bias_map_applies_to_each_pixel() -> None:
    accumulator = np.zeros((2, 3, 4, 5), np.int64)
    bias = np.arange(60).reshape(3, 4, 5)
    got = requantize(accumulator, bias, np.ones(3, np.float32), 0, 255)
    assert np.array_equal(got, np.broadcast_to(bias, got.shape))


@pytest.mark.parametrize("dtype", [np.uint8, np.int8])
@given(data=st.data())
def test_pooling_equals_torch(dtype: type, data: st.DataObject) -> None:
    kernel = data.draw(st.integers(1, 3))
    stride, padding = data.draw(st.integers(1, 3)), data.draw(st.integers(0, kernel // 2))
    levels = data.draw(hnp.arrays(dtype, (2, 2, 5, 6)))
    pairs = (kernel, kernel), (stride, stride), (padding, padding)
    as_float = torch.from_numpy(levels.astype(np.float32))
    best = torch.nn.functional.max_pool2d(as_float, kernel, stride, padding).numpy()
    total = torch.nn.functional.avg_pool2d(as_float, kernel, stride, padding, divisor_override=1).numpy()
    assert np.array_equal(max_pool(levels, *pairs), best)
    assert max_pool(levels, *pairs).dtype == dtype
    assert np.array_equal(sum_pool(levels, *pairs), total)
