"""One layer's integers on every path: torch, NumPy, im2col, golden array, RTL."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pytest
import torch

from wattloop.activity.cosim.runner import build
from wattloop.arith.golden import run_tile
from wattloop.arith.im2col import convolve
from wattloop.arith.layer import LayerTrace
from wattloop.arith.quant import requantize
from wattloop.arith.tiling import Tile, check_overflow, tile_at, tile_count
from wattloop.gates.render import tile_top_name, write_rtl
from wattloop.gates.spec import ArraySpec
from wattloop.nn.datasets import Dataset
from wattloop.nn.integer import IntegerNetwork
from wattloop.nn.network import QuantizedNetwork
from wattloop.nn.trace import trace

ARRAY = ArraySpec(rows=16, cols=8, pixels=49)


@pytest.fixture(scope="module")
def traces(trained: QuantizedNetwork, digits: Dataset) -> dict[str, LayerTrace]:
    return {found.layer.name: found for found in trace(trained, digits.test.images[:2])}


def test_torch_and_integers_agree_on_every_test_image(trained: QuantizedNetwork, digits: Dataset) -> None:
    images = digits.test.images
    with torch.inference_mode():
        fake = trained.forward_levels(torch.from_numpy(images)).numpy()
    assert np.array_equal(fake, IntegerNetwork(trained).forward(images))


def test_requantised_accumulators_are_the_next_layers_inputs(
    trained: QuantizedNetwork, traces: dict[str, LayerTrace]
) -> None:
    """conv1 by im2col, requantised and pooled by hand, is what conv2 was seen to read."""
    first, layer = traces["conv1"], trained.layer("conv1")
    bias, scale = (part.detach().numpy() for part in layer.requantisation())
    assert layer.in_zero is not None
    zero = np.broadcast_to(layer.in_zero.numpy().astype(np.int64), first.inputs[:1].shape)
    sums = convolve(first.inputs, first.layer.weight, first.layer.geometry)
    offset = bias.astype(np.int64)[:, None, None] - convolve(zero, first.layer.weight, first.layer.geometry)[0]
    levels = requantize(sums, offset, scale, *layer.levels())
    pooled = levels.reshape(2, 6, 14, 2, 14, 2).max(axis=(3, 5))
    assert np.array_equal(pooled, traces["conv2"].inputs)


@pytest.mark.parametrize("name", ["conv1", "conv2", "fc3"])
def test_tiles_through_the_golden_array_add_up_to_the_convolution(traces: dict[str, LayerTrace], name: str) -> None:
    found = traces[name]
    check_overflow(found.layer, ARRAY)
    sums = np.zeros((found.images, found.layer.geometry.out_channels, found.layer.geometry.pixels), np.int64)
    for index in range(tile_count(found, ARRAY)):
        tile = tile_at(found, ARRAY, index)
        _accumulate(sums, tile, run_tile(tile.weights, tile.activations, ARRAY).outputs)
    expected = convolve(found.inputs, found.layer.weight, found.layer.geometry)
    assert np.array_equal(sums.reshape(expected.shape), expected)


def _accumulate(sums: np.ndarray, tile: Tile, outputs: np.ndarray) -> None:
    pixels, cols = outputs.shape
    down, across = tile.col_block * ARRAY.cols, tile.pixel_block * ARRAY.pixels
    sums[tile.image, down : down + cols, across : across + pixels] += outputs.T


def test_every_tile_of_a_layer_through_the_rtl_adds_up_to_the_convolution(
    traces: dict[str, LayerTrace], tmp_path: Path
) -> None:
    """All of conv1 on one digit, run by Icarus on the rendered Verilog."""
    found = LayerTrace(traces["conv1"].layer, traces["conv1"].inputs[:1])
    tiles = [tile_at(found, ARRAY, index) for index in range(tile_count(found, ARRAY))]
    weights = np.zeros((len(tiles), ARRAY.rows, ARRAY.cols), np.int64)
    activations = np.zeros((len(tiles), ARRAY.rows, ARRAY.pixels), np.int64)
    for i, tile in enumerate(tiles):
        weights[i, : tile.weights.shape[0], : tile.weights.shape[1]] = tile.weights
        activations[i, : tile.activations.shape[0], : tile.activations.shape[1]] = tile.activations
    np.savez(tmp_path / "given.npz", weights=weights, activations=activations)

    program = build(tile_top_name(ARRAY), write_rtl(ARRAY, tmp_path, tiles=len(tiles)), simulator="icarus")
    options = {"array": asdict(ARRAY), "tiles": len(tiles)}
    options |= {"given": str(tmp_path / "given.npz"), "results": str(tmp_path / "results.npy")}
    assert program.run("tb_layer", work_dir=tmp_path / "run", env={"WATTLOOP_BENCH": json.dumps(options)}) == 1

    results = np.load(tmp_path / "results.npy")
    sums = np.zeros((1, 6, 784), np.int64)
    for tile, result in zip(tiles, results, strict=True):
        _accumulate(sums, tile, result[: tile.activations.shape[1], : tile.weights.shape[1]])
    expected = convolve(found.inputs, found.layer.weight, found.layer.geometry)
    assert np.array_equal(sums.reshape(expected.shape), expected)
