"""im2col and integer convolution against torch and against loops."""

from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from tests.arith.strategies import traces

from wattloop.arith.im2col import convolve, im2col, patch
from wattloop.arith.layer import ConvGeometry, LayerTrace
from wattloop.errors import ModelError


@given(traces())
def test_columns_equal_torch_unfold_for_every_group(trace: LayerTrace) -> None:
    g = trace.layer.geometry
    as_float = torch.from_numpy(trace.inputs.astype(np.float64))
    unfolded = torch.nn.functional.unfold(as_float, g.kernel, g.dilation, g.padding, g.stride).numpy()
    expected = unfolded.reshape(trace.images, g.groups, g.reduction, g.pixels)
    got = im2col(trace.inputs, g)
    assert got.dtype == trace.inputs.dtype
    assert np.array_equal(got, expected)


@given(traces())
def test_convolution_equals_torch(trace: LayerTrace) -> None:
    g = trace.layer.geometry
    weight = torch.from_numpy(trace.layer.weight.astype(np.float64)).reshape(g.out_channels, -1, *g.kernel)
    as_float = torch.from_numpy(trace.inputs.astype(np.float64))
    expected = torch.nn.functional.conv2d(as_float, weight, None, g.stride, g.padding, g.dilation, g.groups)
    assert np.array_equal(convolve(trace.inputs, trace.layer.weight, g), expected.numpy())


@settings(max_examples=30)
@given(traces())
def test_a_patch_is_a_block_of_the_columns(trace: LayerTrace) -> None:
    g = trace.layer.geometry
    full = im2col(trace.inputs, g)
    rng = np.random.default_rng(g.reduction)
    rows, pixels = rng.permutation(g.reduction)[: g.reduction // 2 + 1], rng.permutation(g.pixels)[: g.pixels // 2 + 1]
    group = g.groups - 1
    got = patch(trace.inputs[-1], g, group, rows, pixels)
    assert got.dtype == trace.inputs.dtype
    assert np.array_equal(got, full[-1, group][np.ix_(rows, pixels)])


def test_the_reduction_runs_over_channel_then_row_then_column() -> None:
    geometry = ConvGeometry(2, 1, 2, 2, kernel=(2, 2))
    image = np.arange(8, dtype=np.uint8).reshape(1, 2, 2, 2)
    assert im2col(image, geometry).ravel().tolist() == [0, 1, 2, 3, 4, 5, 6, 7]


@pytest.mark.parametrize("change", [{"groups": 2}, {"kernel": (9, 1)}])
def test_an_impossible_geometry_is_refused(change: dict[str, Any]) -> None:
    with pytest.raises(ModelError, match=r"groups|kernel"):
        ConvGeometry(3, 3, 8, 8, **change)
