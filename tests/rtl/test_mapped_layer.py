"""A mapped layer through the Verilog array gives the outputs of the plain layer, bit for bit."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pytest

from wattloop.activity.cosim.runner import build
from wattloop.arith.deploy import mapped_requantisation
from wattloop.arith.im2col import convolve
from wattloop.arith.layer import ConvGeometry, IntegerLayer, LayerTrace
from wattloop.arith.mapping import HardwareMapping
from wattloop.arith.quant import requantize
from wattloop.arith.tiling import check_overflow, tile_at, tile_channels, tile_count, tile_offsets
from wattloop.gates.render import tile_top_name, write_rtl
from wattloop.gates.spec import ArraySpec, MacSpec

MAPPINGS = {
    "as it is": HardwareMapping(),
    "everything": HardwareMapping(
        psum_offset=(16384, -16384, 5, -70_000, 1 << 20, 0),
        row_order=(8, 3, 5, 0, 7, 1, 2, 6, 4),
        flipped_filters=(0, 3, 4),
        pixel_order="snake",
    ),
}


@pytest.fixture(scope="module")
def trace() -> LayerTrace:
    """Two groups of 9 rows x 3 channels on 4 x 5 pixels."""
    rng = np.random.default_rng(11)
    geometry = ConvGeometry(2, 6, 4, 5, kernel=(3, 3), padding=(1, 1), groups=2)
    weight = rng.integers(-127, 128, (6, 9)).astype(np.int8)
    weight[1, 4] = -128  # a filter that keeps its sign
    return LayerTrace(IntegerLayer("c", "conv", geometry, weight), rng.integers(0, 256, (1, 2, 4, 5)).astype(np.uint8))


def through_rtl(
    trace: LayerTrace, spec: ArraySpec, mapping: HardwareMapping, folder: Path, simulator: str
) -> np.ndarray:
    """Sums of the array over the row blocks, shape (out_channels, pixels)."""
    check_overflow(trace.layer, spec, mapping)
    count = tile_count(trace, spec)
    weights = np.zeros((count, spec.rows, spec.cols), np.int64)
    activations = np.zeros((count, spec.rows, spec.pixels), np.int64)
    psum_in = np.zeros((count, spec.cols), np.int64)
    tiles = [tile_at(trace, spec, index, mapping) for index in range(count)]
    for index, tile in enumerate(tiles):
        weights[index, : tile.weights.shape[0], : tile.weights.shape[1]] = tile.weights
        activations[index, : tile.activations.shape[0], : tile.activations.shape[1]] = tile.activations
        psum_in[index] = tile_offsets(trace, spec, index, mapping)
    np.savez(folder / "given.npz", weights=weights, activations=activations, psum_in=psum_in)
    program = build(tile_top_name(spec), write_rtl(spec, folder, tiles=count), simulator=simulator)
    options = {"array": asdict(spec), "tiles": count}
    options |= {"given": str(folder / "given.npz"), "results": str(folder / "results.npy")}
    assert program.run("tb_layer", work_dir=folder / "run", env={"WATTLOOP_BENCH": json.dumps(options)}) == 1
    sums = np.zeros((trace.layer.geometry.out_channels, trace.layer.geometry.pixels), np.int64)
    order = mapping.pixels(trace.layer.geometry)
    for index, (tile, result) in enumerate(zip(tiles, np.load(folder / "results.npy"), strict=True)):
        here = order[tile.pixel_block * spec.pixels :][: tile.activations.shape[1]]
        channels = tile_channels(trace, spec, index)
        sums[channels, here] += result[: len(here), : tile.weights.shape[1]].T
    return sums


# One simulator is enough for the other cell.
@pytest.mark.parametrize(
    ("multiplier", "simulator"), [("array", "icarus"), ("array", "verilator"), ("sign_magnitude", "icarus")]
)
@pytest.mark.parametrize("mapping", MAPPINGS)
def test_a_mapped_layer_through_the_rtl_is_the_plain_layer(
    trace: LayerTrace, simulator: str, multiplier: str, mapping: str, tmp_path: Path
) -> None:
    laid = MAPPINGS[mapping]
    if multiplier == "sign_magnitude":  # it has no -128
        layer = trace.layer
        clipped = IntegerLayer(layer.name, layer.kind, layer.geometry, layer.weight.clip(-127, 127))
        trace = LayerTrace(clipped, trace.inputs)
    spec = ArraySpec(rows=4, cols=2, pixels=6, mac=MacSpec(multiplier=multiplier), psum_preload=True)
    geometry, rng = trace.layer.geometry, np.random.default_rng(12)
    bias, scale = rng.integers(-20_000, 20_000, 6), np.float32(rng.uniform(0.001, 0.004, 6))
    expected = requantize(convolve(trace.inputs, trace.layer.weight, geometry), bias, scale, 0, 255)
    assert 0 < (expected == 0).mean() < 0.9

    sums = through_rtl(trace, spec, laid, tmp_path, simulator).reshape(1, 6, 4, 5)
    after = mapped_requantisation(geometry, spec, laid, bias, scale)
    np.testing.assert_array_equal(requantize(sums, after.bias, after.scale, 0, 255), expected)
