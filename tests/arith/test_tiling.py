"""Tiles put together again give the convolution; the overflow bound is exact."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.arith.strategies import traces

from wattloop.arith.im2col import convolve
from wattloop.arith.layer import ConvGeometry, IntegerLayer, LayerTrace
from wattloop.arith.mapping import HardwareMapping
from wattloop.arith.statistics import psum_streams
from wattloop.arith.tiling import check_overflow, psum_bounds, tile_at, tile_count, tile_grid, tile_weights
from wattloop.errors import ModelError, OverflowRangeError
from wattloop.gates.spec import ArraySpec, MacSpec
from wattloop.gates.templates import templates

sizes = st.integers(1, 7)


@given(traces(), sizes, sizes, sizes)
def test_the_sum_of_all_tiles_is_the_convolution(trace: LayerTrace, rows: int, cols: int, pixels: int) -> None:
    spec = ArraySpec(rows, cols, pixels)
    g = trace.layer.geometry
    got = np.zeros((trace.images, g.groups, g.out_channels // g.groups, g.pixels), np.int64)
    for index in range(tile_count(trace, spec)):
        tile = tile_at(trace, spec, index)
        partial = tile.weights.astype(np.int64).T @ tile.activations.astype(np.int64)
        assert tile.weights.shape[0] <= rows and partial.shape[0] <= cols and partial.shape[1] <= pixels
        down, across = tile.col_block * cols, tile.pixel_block * pixels
        got[tile.image, tile.group, down : down + len(partial), across : across + partial.shape[1]] += partial
    assert np.array_equal(got.reshape(trace.images, g.out_channels, -1), _flat_convolution(trace))


def _flat_convolution(trace: LayerTrace) -> np.ndarray:
    result = convolve(trace.inputs, trace.layer.weight, trace.layer.geometry)
    return result.reshape(*result.shape[:2], -1)


def test_tile_counts_follow_the_paper() -> None:
    geometry = ConvGeometry(16, 16, 32, 32, (3, 3), padding=(1, 1))
    layer = IntegerLayer("c", "conv", geometry, np.zeros((16, 144), np.int8))
    trace = LayerTrace(layer, np.zeros((2, 16, 32, 32), np.uint8))
    assert tile_grid(trace, ArraySpec()) == (2, 1, 3, 1, 16)
    for taken in (tile_at, tile_weights):
        with pytest.raises(ModelError, match="tiles 0 to 95"):
            taken(trace, ArraySpec(), 96)


@settings(max_examples=60)
@given(traces(), st.integers(1, 6), st.integers(-100_000, 100_000), st.integers(17, 20))
def test_overflow_is_refused_exactly_when_it_can_happen(
    trace: LayerTrace, rows: int, offset: int, psum_bits: int
) -> None:
    spec = ArraySpec(rows, 4, 4, MacSpec(psum_bits=psum_bits, activation_signed=trace.layer.activation_signed))
    low, high = spec.mac.psum_range
    low_a, high_a = spec.mac.activation_range
    reached = [offset]
    for weights in trace.layer.weight.astype(np.int64):
        for start in range(0, len(weights), rows):
            block = weights[start : start + rows]
            reached += (offset + np.cumsum([max(w * low_a, w * high_a) for w in block])).tolist()
            reached += (offset + np.cumsum([min(w * low_a, w * high_a) for w in block])).tolist()
    overflows = min(reached) < low or max(reached) > high
    if overflows:
        with pytest.raises(OverflowRangeError, match="layer layer"):
            check_overflow(trace.layer, spec, HardwareMapping(offset))
    else:
        check_overflow(trace.layer, spec, HardwareMapping(offset))


@given(traces(), st.integers(1, 6))
def test_no_real_partial_sum_leaves_the_bounds(trace: LayerTrace, rows: int) -> None:
    spec = ArraySpec(rows, 4, 4, MacSpec(activation_signed=trace.layer.activation_signed))
    least, greatest = psum_bounds(trace.layer, spec)
    for index in range(tile_count(trace, spec)):
        streams = psum_streams(tile_at(trace, spec, index))
        assert least.min() <= streams.min() and streams.max() <= greatest.max()


def test_the_default_array_holds_every_layer_and_more_rows_do_not() -> None:
    geometry = ConvGeometry(65, 1, 1, 1)
    layer = IntegerLayer("deep", "conv", geometry, np.full((1, 65), -128, np.int8))
    check_overflow(layer, ArraySpec())
    with pytest.raises(OverflowRangeError, match=r"layer deep.*-2121600.*22 bits"):
        check_overflow(layer, ArraySpec(rows=65))
    with pytest.raises(OverflowRangeError, match="layer deep"):
        check_overflow(layer, ArraySpec(), HardwareMapping(-(1 << 21)))


@pytest.mark.parametrize(
    ("mac", "message"),
    [
        (MacSpec(weight_bits=4, psum_bits=22), r"do not fit -8\.\.7"),
        (MacSpec(activation_signed=True), "inputs are uint8"),
        (MacSpec(activation_bits=4), "activation_bits = 8"),
    ],
)
def test_a_layer_that_does_not_suit_the_mac_is_refused(mac: MacSpec, message: str) -> None:
    layer = IntegerLayer("first", "conv", ConvGeometry(1, 1, 1, 1), np.array([[100]], np.int8))
    with pytest.raises(OverflowRangeError, match=f"layer first.*{message}"):
        check_overflow(layer, ArraySpec(mac=mac))


@pytest.mark.parametrize("template", ["array", "split", "booth", "sign_magnitude", "shift", "array_4bit"])
@pytest.mark.parametrize("rows", [1, 3, 64])
def test_an_offset_may_go_as_far_as_the_weights_that_the_cell_holds_leave_room(template: str, rows: int) -> None:
    """All weights at the least or greatest one: the offset one step further is refused, for each cell's own range."""
    cell = replace(templates()[template], activation_bits=8, psum_bits=22)
    spec = ArraySpec(rows=rows, mac=cell, psum_preload=True)
    geometry = ConvGeometry(rows, 1, 1, 1, (1, 1))
    for weight in cell.weight_range:
        layer = IntegerLayer("worst", "conv", geometry, np.full((1, rows), weight, np.int8))
        reach = rows * weight * cell.activation_range[1]
        least, most = cell.psum_range
        furthest = least - reach if reach < 0 else most - reach
        assert [bound.tolist() for bound in psum_bounds(layer, spec)] == [[min(reach, 0)], [max(reach, 0)]]
        check_overflow(layer, spec, HardwareMapping(furthest))
        with pytest.raises(OverflowRangeError, match="use fewer rows, more psum_bits or another offset"):
            check_overflow(layer, spec, HardwareMapping(furthest + (1 if reach > 0 else -1)))
