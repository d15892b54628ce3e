"""A mapped layer computes the plain layer, bit for bit; what does not fit is refused by name."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.arith.strategies import traces

from wattloop.arith.deploy import mapped_requantisation, mapped_sums
from wattloop.arith.im2col import convolve
from wattloop.arith.layer import ConvGeometry, IntegerLayer, LayerTrace
from wattloop.arith.mapping import IDENTITY, HardwareMapping
from wattloop.arith.quant import requantize
from wattloop.arith.tiling import check_overflow, psum_bounds, tile_at, tile_count
from wattloop.errors import ConfigError, OverflowRangeError
from wattloop.gates.spec import ArraySpec, MacSpec

sizes = st.integers(1, 7)


@st.composite
def mapped(draw: st.DrawFn) -> tuple[LayerTrace, HardwareMapping]:
    """A layer and any mapping of it; -128 stays out of filters that are flipped."""
    trace = draw(traces())
    geometry = trace.layer.geometry
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    channels = geometry.out_channels
    flipped = np.flatnonzero(rng.random(channels) < 0.5)
    weight = trace.layer.weight.copy()
    weight[flipped] = weight[flipped].clip(-127, 127)
    one, each = int(rng.integers(-50_000, 50_000)), tuple(rng.integers(-50_000, 50_000, channels).tolist())
    mapping = HardwareMapping(
        psum_offset=draw(st.sampled_from([0, one, each])),
        row_order=draw(st.sampled_from([None, tuple(rng.permutation(geometry.reduction).tolist())])),
        flipped_filters=draw(st.sampled_from([None, tuple(flipped.tolist())])),
        pixel_order=draw(st.sampled_from(["raster", "snake"])),
    )
    return replace(trace, layer=replace(trace.layer, weight=weight)), mapping


@settings(max_examples=80, deadline=None)
@given(mapped(), sizes, sizes, sizes, st.booleans(), st.integers(0, 2**32 - 1))
def test_a_mapped_layer_gives_the_outputs_of_the_plain_one(
    case: tuple[LayerTrace, HardwareMapping], rows: int, cols: int, pixels: int, by_pixel: bool, seed: int
) -> None:
    """Through the golden array, tile by tile, and the mapped requantisation; also where outputs stay wide."""
    trace, mapping = case
    geometry, rng = trace.layer.geometry, np.random.default_rng(seed)
    spec = ArraySpec(rows, cols, pixels, MacSpec(activation_signed=trace.layer.activation_signed))
    shape = (geometry.out_channels, *((geometry.out_height, geometry.out_width) if by_pixel else ()))
    bias = rng.integers(-100_000, 100_000, shape)
    scale = np.float32(rng.uniform(1e-4, 5e-3, geometry.out_channels))

    sums = convolve(trace.inputs, trace.layer.weight, geometry)
    found, after = (
        mapped_sums(trace, spec, mapping),
        mapped_requantisation(geometry, spec, mapping, bias, scale),
    )
    for low, high in ((0, 255), (-128, 127)):
        expected = requantize(sums, bias, scale, low, high)
        np.testing.assert_array_equal(requantize(found, after.bias, after.scale, low, high), expected)
    wide = bias if by_pixel else bias[:, None, None]
    after_wide = after.bias if by_pixel else after.bias[:, None, None]
    np.testing.assert_array_equal(after.signs[:, None, None] * (found + after_wide), sums + wide)


@settings(max_examples=80, deadline=None)
@given(mapped(), st.integers(1, 6), st.integers(17, 20))
def test_overflow_is_refused_exactly_when_it_can_happen(
    case: tuple[LayerTrace, HardwareMapping], rows: int, psum_bits: int
) -> None:
    """Against every prefix sum of every block at its worst activations, in the order of the mapping."""
    trace, mapping = case
    spec = ArraySpec(rows, 4, 4, MacSpec(psum_bits=psum_bits, activation_signed=trace.layer.activation_signed))
    low_a, high_a = spec.mac.activation_range
    layer, reached = trace.layer, []
    offsets = mapping.psum_offset if isinstance(mapping.psum_offset, tuple) else [mapping.psum_offset] * 100
    order = mapping.row_order or range(layer.geometry.reduction)
    for channel, weights in enumerate(layer.weight.astype(int).tolist()):
        sign = -1 if channel in (mapping.flipped_filters or ()) else 1
        laid = [sign * weights[k] for k in order]
        for start in range(0, len(laid), rows):
            for worst in (min, max):
                terms = [worst(w * low_a, w * high_a) for w in laid[start : start + rows]]
                reached += [offsets[channel] + sum(terms[:k]) for k in range(len(terms) + 1)]
    low, high = spec.mac.psum_range
    if min(reached) < low or max(reached) > high:
        with pytest.raises(OverflowRangeError, match=r"layer layer: partial sums.*in output channel"):
            check_overflow(layer, spec, mapping)
    else:
        check_overflow(layer, spec, mapping)


def small(weight: np.ndarray) -> IntegerLayer:
    geometry = ConvGeometry(weight.shape[1], weight.shape[0], 1, 1)
    return IntegerLayer("small", "conv", geometry, weight.astype(np.int8))


def test_an_offset_that_could_overflow_is_refused_with_the_channel() -> None:
    layer = small(np.array([[1, 1], [100, 27]]))
    most = (1 << 21) - 1
    check_overflow(layer, ArraySpec(), HardwareMapping(psum_offset=(most - 2 * 255, most - 127 * 255)))
    with pytest.raises(OverflowRangeError, match=r"layer small: .*2064767..2097152 in output channel 1.*22 bits"):
        check_overflow(layer, ArraySpec(), HardwareMapping(psum_offset=(0, most - 127 * 255 + 1)))
    # The same offset is within reach of the flipped filter, whose sums go down.
    check_overflow(layer, ArraySpec(), HardwareMapping(psum_offset=(0, most), flipped_filters=(1,)))
    with pytest.raises(OverflowRangeError, match="in output channel 0"):
        check_overflow(layer, ArraySpec(), HardwareMapping(psum_offset=(most, most), flipped_filters=(1,)))


def test_the_order_of_rows_decides_what_meets_in_a_block() -> None:
    layer, mac = small(np.array([[100, -100, 100, -100]])), MacSpec(psum_bits=17)
    spec = ArraySpec(rows=2, mac=mac)
    check_overflow(layer, spec, HardwareMapping(psum_offset=40_000))
    with pytest.raises(OverflowRangeError, match=r"-11000..91000 in output channel 0"):
        check_overflow(layer, spec, HardwareMapping(psum_offset=40_000, row_order=(0, 2, 1, 3)))
    assert [bound.tolist() for bound in psum_bounds(layer, spec)] == [[-25500], [25500]]


def test_a_filter_with_the_least_weight_cannot_be_flipped() -> None:
    layer = small(np.array([[5, 6], [-128, 3]]))
    check_overflow(layer, ArraySpec(), HardwareMapping(flipped_filters=(0,)))
    with pytest.raises(OverflowRangeError, match="layer small: filter 1 holds the weight -128"):
        check_overflow(layer, ArraySpec(), HardwareMapping(flipped_filters=(0, 1)))
    narrow = small(np.array([[-8, 7]]))
    with pytest.raises(OverflowRangeError, match=r"layer small: weights -7\.\.8 do not fit -8\.\.7"):
        check_overflow(narrow, ArraySpec(mac=MacSpec(weight_bits=4)), HardwareMapping(flipped_filters=(0,)))


@pytest.mark.parametrize(
    ("mapping", "message"),
    [
        (HardwareMapping(psum_offset=(1, 2, 3)), "psum_offset holds 3 values; expected one, or 2"),
        (HardwareMapping(row_order=(0, 0)), "row_order is no permutation of 0 to 1"),
        (HardwareMapping(row_order=(0,)), "row_order is no permutation"),
        (HardwareMapping(flipped_filters=(2,)), "flipped_filters are not different channels of 0 to 1"),
        (HardwareMapping(flipped_filters=(-1,)), "flipped_filters are not"),
        (HardwareMapping(flipped_filters=(1, 0)), "flipped_filters are .* in ascending order"),
        (HardwareMapping(pixel_order="spiral"), "pixel_order = 'spiral'; legal: raster, snake"),  # type: ignore[arg-type]
    ],
)
def test_a_mapping_of_another_layer_is_refused(mapping: HardwareMapping, message: str) -> None:
    with pytest.raises(ConfigError, match=f"layer small: {message}"):
        check_overflow(small(np.array([[1, 2], [3, 4]])), ArraySpec(), mapping)


def test_a_snake_goes_back_on_every_other_line() -> None:
    geometry = ConvGeometry(1, 1, 3, 4)
    assert HardwareMapping(pixel_order="snake").pixels(geometry).tolist() == [0, 1, 2, 3, 7, 6, 5, 4, 8, 9, 10, 11]
    assert IDENTITY.pixels(geometry).tolist() == list(range(12))


def test_neighbours_in_time_are_neighbours_in_the_image() -> None:
    geometry = ConvGeometry(1, 1, 5, 7)
    order = HardwareMapping(pixel_order="snake").pixels(geometry)
    steps = np.abs(np.diff(order // 7)) + np.abs(np.diff(order % 7))
    assert set(steps.tolist()) == {1} and sorted(order.tolist()) == list(range(35))


def test_tiles_hold_rows_in_their_order_and_pixels_in_theirs() -> None:
    rng = np.random.default_rng(0)
    geometry = ConvGeometry(2, 3, 3, 3, kernel=(2, 1))
    layer = IntegerLayer("c", "conv", geometry, rng.integers(-9, 9, (3, 4)).astype(np.int8))
    trace, spec = LayerTrace(layer, rng.integers(0, 99, (1, 2, 3, 3)).astype(np.uint8)), ArraySpec(3, 2, 4)
    mapping = HardwareMapping(row_order=(2, 0, 3, 1), flipped_filters=(1, 2), pixel_order="snake")
    whole = [tile_at(trace, ArraySpec(4, 3, 6), 0)]
    for index in range(tile_count(trace, spec)):
        tile = tile_at(trace, spec, index, mapping)
        rows = [2, 0, 3, 1][3 * tile.row_block :][:3]
        cols = [0, 1, 2][2 * tile.col_block :][:2]
        pixels = [0, 1, 2, 5, 4, 3][4 * tile.pixel_block :][:4]
        signs = np.array([1, -1, -1])[cols]
        np.testing.assert_array_equal(tile.weights, whole[0].weights[np.ix_(rows, cols)] * signs)
        np.testing.assert_array_equal(tile.activations, whole[0].activations[np.ix_(rows, pixels)])
