"""What a mapped layer takes behind the array: a bias and a scale that give back the outputs of the plain layer.

A column adds its offset once in every row block, and a negated filter gives the negated sum. With

    bias' = sign * bias - row_blocks * offset        scale' = sign * scale

the requantised outputs are the same bits: integers are exact, and rounding to float32 and to levels is symmetric.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from wattloop.arith.golden import run_tile
from wattloop.arith.layer import ConvGeometry, LayerTrace
from wattloop.arith.mapping import HardwareMapping
from wattloop.arith.quant import Float32, Int64
from wattloop.arith.tiling import check_overflow, tile_at, tile_channels, tile_count, tile_offsets
from wattloop.gates.spec import ArraySpec


@dataclass(frozen=True, eq=False)
class Requantisation:
    """What `arith.quant.requantize` takes behind the mapped array.

    Attributes:
        bias: added to the sums of the array, int64, shape (out_channels,) or (out_channels, height, width).
        scale: float32, shape (out_channels,).
        signs: 1 or -1, shape (out_channels,): a layer whose outputs are not requantised (`wide`) is
            `signs * (sums + bias)`.
    """

    bias: Int64
    scale: Float32
    signs: Int64


def mapped_requantisation(
    geometry: ConvGeometry, spec: ArraySpec, mapping: HardwareMapping, bias: Int64, scale: Float32
) -> Requantisation:
    """Bias and scale for a layer as it is laid onto the array.

    Args:
        geometry: of the layer.
        spec: the array; its rows cut the reduction.
        mapping: how the layer is laid onto it.
        bias: of the plain layer, int64, shape (out_channels,), or (out_channels, height, width) where zero levels make
            it differ at the border.
        scale: of the plain layer, float32, per channel or scalar.

    >>> one = ConvGeometry(1, 2, 1, 1)
    >>> laid = HardwareMapping(psum_offset=(16, 32), flipped_filters=(1,))
    >>> found = mapped_requantisation(one, ArraySpec(), laid, np.array([5, 7]), np.float32([0.5, 0.25]))
    >>> found.bias.tolist(), found.scale.tolist()
    ([-11, -39], [0.5, -0.25])
    """
    channels = geometry.out_channels
    signs, blocks = mapping.signs(channels), math.ceil(geometry.reduction / spec.rows)
    taken = blocks * mapping.offsets(channels)
    shape = (channels, *(1,) * (bias.ndim - 1))
    mapped_scale = np.broadcast_to(np.asarray(scale, np.float32), channels) * signs.astype(np.float32)
    return Requantisation(signs.reshape(shape) * bias - taken.reshape(shape), mapped_scale, signs)


def mapped_sums(trace: LayerTrace, spec: ArraySpec, mapping: HardwareMapping) -> Int64:
    """What the columns of the golden array add up to over the row blocks, tile by tile; for checks, not for speed.

    Args:
        trace: the layer, its weights as they are in the network.
        spec: the array.
        mapping: how the layer is laid onto it.

    Returns:
        int64, shape (images, out_channels, out_height, out_width).

    Raises:
        ConfigError: the mapping is not one of this layer.
        OverflowRangeError: the weights could overflow the partial sums.
    """
    check_overflow(trace.layer, spec, mapping)
    geometry = trace.layer.geometry
    sums = np.zeros((trace.images, geometry.out_channels, geometry.pixels), np.int64)
    order = mapping.pixels(geometry)
    for index in range(tile_count(trace, spec)):
        tile = tile_at(trace, spec, index, mapping)
        entering = tile_offsets(trace, spec, index, mapping)
        outputs = run_tile(tile.weights, tile.activations, spec, psum_in=entering).outputs
        first = tile.pixel_block * spec.pixels
        here = order[first : first + spec.pixels]
        sums[tile.image, tile_channels(trace, spec, index), here] += outputs
    return sums.reshape(trace.images, geometry.out_channels, geometry.out_height, geometry.out_width)
