"""Cutting a layer into tiles of the array, and refusing what could overflow its partial sums."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from wattloop.arith.im2col import patch
from wattloop.arith.layer import ConvGeometry, Int8, Int64, IntegerLayer, LayerTrace
from wattloop.arith.mapping import IDENTITY, HardwareMapping
from wattloop.arith.quant import Levels
from wattloop.errors import ModelError, OverflowRangeError, SpecError
from wattloop.gates.spec import ArraySpec, MacSpec


@dataclass(frozen=True)
class Tile:
    """What one pass through the array computes: `weights.T @ activations`.

    Attributes:
        weights: int8, shape (rows_used, cols_used): the reduction index down, output channels across, as the array
            holds them.
        activations: uint8 (int8 when signed), shape (rows_used, pixels_used).
        image: index of the image in the trace.
        group: convolution group.
        row_block: which block of the reduction.
        col_block: which block of the group's output channels.
        pixel_block: which block of output pixels.
    """

    weights: Int8
    activations: Levels
    image: int
    group: int
    row_block: int
    col_block: int
    pixel_block: int


def _group_channels(geometry: ConvGeometry) -> int:
    return geometry.out_channels // geometry.groups


def tile_grid(trace: LayerTrace, spec: ArraySpec) -> tuple[int, int, int, int, int]:
    """Tiles along (image, group, row block, column block, pixel block)."""
    geometry = trace.layer.geometry
    return (
        trace.images,
        geometry.groups,
        math.ceil(geometry.reduction / spec.rows),
        math.ceil(_group_channels(geometry) / spec.cols),
        math.ceil(geometry.pixels / spec.pixels),
    )


def tile_count(trace: LayerTrace, spec: ArraySpec) -> int:
    """Tiles of all images: images * groups * ceil(K/rows) * ceil(C_out/cols) * ceil(pixels/spec.pixels)."""
    return math.prod(tile_grid(trace, spec))


def tile_at(trace: LayerTrace, spec: ArraySpec, index: int, mapping: HardwareMapping = IDENTITY) -> Tile:
    """Tile number `index`, counted with the pixel block fastest and the image slowest.

    Args:
        trace: the layer, its weights as they are in the network.
        spec: the array.
        index: which tile.
        mapping: how the layer is laid onto the array; one that `check_overflow` takes.

    Raises:
        ModelError: no such tile.
    """
    image, group, row_block, col_block, pixel_block = _place(trace, spec, index)
    geometry = trace.layer.geometry
    rows = mapping.rows(geometry)[_block(row_block, spec.rows, geometry.reduction)]
    pixels = mapping.pixels(geometry)[_block(pixel_block, spec.pixels, geometry.pixels)]
    activations = patch(trace.inputs[image], geometry, group, rows, pixels)
    weights = tile_weights(trace, spec, index, mapping)
    return Tile(weights, activations, image, group, row_block, col_block, pixel_block)


def tile_weights(trace: LayerTrace, spec: ArraySpec, index: int, mapping: HardwareMapping = IDENTITY) -> Int8:
    """Weights of tile number `index` alone, shape (rows_used, cols_used): its activations take longer to gather.

    Raises:
        ModelError: no such tile.
    """
    geometry = trace.layer.geometry
    rows = mapping.rows(geometry)[_block(_place(trace, spec, index)[2], spec.rows, geometry.reduction)]
    channels = tile_channels(trace, spec, index)
    laid: Int8 = (
        mapping.signs(geometry.out_channels).astype(np.int8)[channels] * trace.layer.weight[channels][:, rows].T
    )
    return laid


def tile_channels(trace: LayerTrace, spec: ArraySpec, index: int) -> slice:
    """Output channels of tile number `index`.

    Raises:
        ModelError: no such tile.
    """
    _, group, _, col_block, _ = _place(trace, spec, index)
    channels = _group_channels(trace.layer.geometry)
    cols = _block(col_block, spec.cols, channels)
    return slice(group * channels + cols.start, group * channels + cols.stop)


def tile_offsets(trace: LayerTrace, spec: ArraySpec, index: int, mapping: HardwareMapping) -> int | Int64:
    """What enters row 0 during tile number `index`: one value, or one for each of the array's columns, shape (cols,).

    Columns that the tile leaves idle get the layer's one offset, or 0 where each channel has its own.

    Raises:
        ModelError: no such tile.
    """
    if not isinstance(mapping.psum_offset, tuple):
        return mapping.psum_offset
    here = np.array(mapping.psum_offset[tile_channels(trace, spec, index)], np.int64)
    return np.pad(here, (0, spec.cols - len(here)))


def _place(trace: LayerTrace, spec: ArraySpec, index: int) -> tuple[int, ...]:
    """(image, group, row block, column block, pixel block) of a tile."""
    grid = tile_grid(trace, spec)
    if not 0 <= index < math.prod(grid):
        raise ModelError(f"layer {trace.layer.name} has tiles 0 to {math.prod(grid) - 1}, not {index}")
    return tuple(int(i) for i in np.unravel_index(index, grid))


def _block(index: int, size: int, total: int) -> slice:
    return slice(index * size, min((index + 1) * size, total))


def psum_bounds(layer: IntegerLayer, spec: ArraySpec, mapping: HardwareMapping = IDENTITY) -> tuple[Int64, Int64]:
    """Least and greatest partial sum that each output channel can reach in any tile, over all activations.

    Each row may take its own worst activation, and a row's worst contribution is never on the good side of 0; so the
    prefix sums are monotone and the bound, reached at a block's last row, is exact in any order within the block.

    Returns:
        both of shape (out_channels,), the offset included.
    """
    low_a, high_a = spec.mac.activation_range
    geometry = layer.geometry
    weight = mapping.negated(layer.weight, layer.name)[:, mapping.rows(geometry)].astype(np.int64)
    starts = np.arange(0, geometry.reduction, spec.rows)
    least = np.minimum(np.minimum(weight * low_a, weight * high_a), 0)
    greatest = np.maximum(np.maximum(weight * low_a, weight * high_a), 0)
    offsets = mapping.offsets(geometry.out_channels)
    return (
        np.add.reduceat(least, starts, 1).min(axis=1) + offsets,
        np.add.reduceat(greatest, starts, 1).max(axis=1) + offsets,
    )


def check_overflow(layer: IntegerLayer, spec: ArraySpec, mapping: HardwareMapping = IDENTITY) -> None:
    """Refuse a layer whose weights could overflow the partial sums of the array at worst-case activations.

    Args:
        layer: weights at hand, as they are in the network.
        spec: the array; its rows cut the reduction.
        mapping: how the layer is laid onto it.

    Raises:
        ConfigError: the mapping is not one of this layer.
        OverflowRangeError: a partial sum, a weight or the sign of the activations does not fit; names the layer.
    """
    mapping.check(layer)
    _check_operands(layer, mapping.negated(layer.weight, layer.name), spec.mac)
    least, greatest = psum_bounds(layer, spec, mapping)
    low, high = spec.mac.psum_range
    worst = int(np.maximum(low - least, greatest - high).argmax())
    if least[worst] < low or greatest[worst] > high:
        raise OverflowRangeError(
            f"layer {layer.name}: partial sums over {spec.rows} rows can reach {least[worst]}..{greatest[worst]}"
            f" in output channel {worst} and do not fit {spec.mac.psum_bits} bits ({low}..{high}); "
            "use fewer rows, more psum_bits or another offset"
        )


def _check_operands(layer: IntegerLayer, weight: Int8, mac: MacSpec) -> None:
    low_w, high_w = mac.weight_range
    if weight.size and (weight.min() < low_w or weight.max() > high_w):
        raise OverflowRangeError(
            f"layer {layer.name}: weights {weight.min()}..{weight.max()} do not fit {low_w}..{high_w}"
        )
    try:
        mac.weight_code(weight)
    except SpecError as error:
        raise OverflowRangeError(f"layer {layer.name}: {error}") from error
    if layer.activation_signed != mac.activation_signed:
        have, want = ("int8", "unsigned") if layer.activation_signed else ("uint8", "signed")
        raise OverflowRangeError(
            f"layer {layer.name}: its inputs are {have}, but the MAC takes {want} activations; "
            f"set activation_signed = {str(layer.activation_signed).lower()}"
        )
    if mac.activation_bits < layer.activation_bits:
        raise OverflowRangeError(
            f"layer {layer.name}: its inputs have {layer.activation_bits} bits, but the MAC takes"
            f" {mac.activation_bits}; set activation_bits = {layer.activation_bits}"
        )
