"""The network in integers, in NumPy: the same program as the fake-quantised one, whose float parts it shares."""

from __future__ import annotations

import copy
import functools
import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import nn

from wattloop.arith.im2col import convolve
from wattloop.arith.layer import ConvGeometry, Int8, Int64
from wattloop.arith.quant import Float32, Levels, add_requantize, level_range, max_pool, requantize, sum_pool
from wattloop.errors import ModelError
from wattloop.nn.fixed_table import FixedTable
from wattloop.nn.float_part import FloatPart
from wattloop.nn.layers import QuantLayer
from wattloop.nn.network import QuantizedNetwork
from wattloop.nn.ops import (
    Flatten,
    MaxPool,
    Pad,
    Pair,
    Permute,
    QuantAdd,
    QuantAvgPool,
    QuantConcat,
    QuantMul,
    QuantNorm,
    QuantRescale,
    QuantTable,
    Reshape,
    Slice,
)

Step = Callable[..., Levels]


@dataclass(frozen=True)
class LayerStep:
    """Convolution or linear layer with requantisation.

    Attributes:
        weight: int8, shape (out_channels, reduction).
        bias: int64 per output channel.
        scale: float32 per output channel.
        low: least output level.
        high: greatest output level.
        wide: return accumulator + bias, not levels.
        conv: kernel, stride, padding, dilation and groups; None for a linear layer.
        zero: level of each input channel or feature that stands for 0, or None.
        codes: allowed code that each input code becomes, index code - least code, shape (256,); None for all codes.
    """

    weight: Int8
    bias: Int64
    scale: Float32
    low: int
    high: int
    wide: bool
    conv: tuple[Pair, Pair, Pair, Pair, int] | None
    zero: Int64 | None
    codes: Levels | None = None

    def __call__(self, levels: Levels) -> Levels:
        """Levels (images, channels, height, width) or (images, ..., features) in; levels (wide: int64) out."""
        if self.codes is not None:
            levels = self.codes[levels.astype(np.int64) - np.iinfo(self.codes.dtype).min]
        geometry = layer_geometry(self.conv, self.weight.shape[0], levels.shape[1:])
        images = as_images(levels, geometry) if self.conv is None else levels
        sums = convolve(images, self.weight, geometry)
        bias = self.bias[:, None, None] - self._zero_map(geometry)
        result = sums + bias if self.wide else requantize(sums, bias, self.scale, self.low, self.high)
        if self.conv is not None:
            return result
        return result.reshape(len(levels), -1, geometry.pixels).swapaxes(1, 2).reshape(*levels.shape[:-1], -1)

    def _zero_map(self, geometry: ConvGeometry) -> Int64 | int:
        """What the zero levels add to each accumulator; it differs at the border, where the array sees padding."""
        if self.zero is None:
            return 0
        shape = (1, geometry.in_channels, geometry.in_height, geometry.in_width)
        constant: Int64 = np.broadcast_to(self.zero.reshape(1, -1, 1, 1), shape)
        added: Int64 = convolve(constant, self.weight, geometry)[0]
        return added


def layer_geometry(
    conv: tuple[Pair, Pair, Pair, Pair, int] | None, out_channels: int, shape: tuple[int, ...]
) -> ConvGeometry:
    """Geometry of a layer for one image of `shape`.

    A linear layer is a 1x1 convolution of a 1x1 image, or of one with a row for each token: `shape` (..., features).
    """
    if conv is None:
        return ConvGeometry(shape[-1], out_channels, math.prod(shape[:-1]), 1)
    kernel, stride, padding, dilation, groups = conv
    return ConvGeometry(shape[0], out_channels, shape[1], shape[2], kernel, stride, padding, dilation, groups)


def as_images(levels: Levels, geometry: ConvGeometry) -> Levels:
    """What a linear layer reads, (images, ..., features), as images of the geometry: features are the channels."""
    return levels.reshape(len(levels), -1, geometry.in_channels).swapaxes(1, 2)[..., None]


def conv_options(module: nn.Conv2d | nn.Linear) -> tuple[Pair, Pair, Pair, Pair, int] | None:
    """Kernel, stride, padding, dilation and groups of a convolution; None for a linear layer."""
    if isinstance(module, nn.Linear):
        return None
    pairs = (module.kernel_size, module.stride, module.padding, module.dilation)
    kernel, stride, padding, dilation = ((int(p[0]), int(p[1])) for p in pairs)
    return kernel, stride, padding, dilation, module.groups


@functools.singledispatch
def _step(module: nn.Module) -> Step:
    raise ModelError(f"no integer form of {type(module).__name__}")


@_step.register
def _(module: QuantLayer) -> Step:
    bias, scale = module.requantisation()
    zero = None if module.in_zero is None else module.in_zero.flatten().cpu().numpy().astype(np.int64)
    return LayerStep(
        weight=module.integer_weight(),
        bias=bias.cpu().numpy().astype(np.int64),
        scale=scale.cpu().numpy(),
        low=module.levels()[0],
        high=module.levels()[1],
        wide=module.wide,
        conv=conv_options(module.module),
        zero=zero,
        codes=None if module.input_codes is None else module.input_codes.integers(),
    )


@_step.register
def _(module: QuantAdd) -> Step:
    first, second = module.factors().cpu().numpy()
    low, high = module.levels()
    return lambda left, right: add_requantize(left, right, (first, second), low, high)


@_step.register
def _(module: QuantAvgPool) -> Step:
    factor, (low, high) = module.factors().cpu().numpy()[0], module.levels()
    none = np.zeros(1, np.int64)

    def pool(levels: Levels) -> Levels:
        sums = sum_pool(levels, module.kernel, module.stride, module.padding)
        return requantize(sums, none, factor, low, high)

    return pool


@_step.register
def _(module: QuantRescale) -> Step:
    factor, (low, high) = module.factors().cpu().numpy()[0], module.levels()
    return lambda levels: requantize(levels.astype(np.int64), np.zeros(1, np.int64), factor, low, high)


@_step.register
def _(module: QuantMul) -> Step:
    factor, (low, high) = module.factors().cpu().numpy(), module.levels()
    none = np.zeros(1, np.int64)
    return lambda left, right: requantize(left.astype(np.int64) * right, none, factor, low, high)


@_step.register
def _(module: QuantConcat) -> Step:
    factors, (low, high) = module.factors().cpu().numpy(), module.levels()
    none = np.zeros(1, np.int64)

    def join(*parts: Levels) -> Levels:
        moved = zip(parts, factors, strict=True)
        return np.concatenate([requantize(p.astype(np.int64), none, f, low, high) for p, f in moved], module.axis)

    return join


@_step.register
def _(module: QuantTable | FixedTable) -> Step:
    table = module.table().cpu().numpy().astype(np.int8 if module.levels()[0] < 0 else np.uint8)
    least = level_range(module.in_signed)[0]
    return lambda levels: table[levels.astype(np.int64) - least]


@_step.register
def _(module: QuantNorm) -> Step:
    bias, scale = (part.cpu().numpy() for part in module.requantisation())
    whole, (low, high) = bias.astype(np.int64), module.levels()
    return lambda levels: requantize(levels.astype(np.int64), whole, scale, low, high)


@_step.register
def _(module: FloatPart) -> Step:
    part = copy.deepcopy(module).cpu().eval()

    def compute(*levels: Levels) -> Levels:
        with torch.inference_mode():
            found = part(*(torch.from_numpy(np.ascontiguousarray(each)) for each in levels))
        levels_out: Levels = found.numpy().astype(np.int8)
        return levels_out

    return compute


@_step.register
def _(module: MaxPool) -> Step:
    return lambda levels: max_pool(levels, module.kernel, module.stride, module.padding, module.dilation)


@_step.register
def _(module: Flatten) -> Step:
    return lambda levels: levels.reshape(len(levels), -1)


@_step.register
def _(module: Reshape) -> Step:
    return lambda levels: levels.reshape(len(levels), *module.shape)


@_step.register
def _(module: Permute) -> Step:
    return lambda levels: levels.transpose(module.axes)


@_step.register
def _(module: Slice) -> Step:
    return lambda levels: levels[module.index]


@_step.register
def _(module: Pad) -> Step:
    pairs = list(zip(module.amounts[::2], module.amounts[1::2], strict=True))[::-1]
    zero = None if module.zero is None else module.zero.cpu().numpy().astype(np.int64)

    def pad(levels: Levels) -> Levels:
        around = [(0, 0)] * (levels.ndim - len(pairs)) + pairs
        if zero is None:
            return np.pad(levels, around)
        moved: Levels = (np.pad(levels - zero, around) + zero).astype(levels.dtype)
        return moved

    return pad


class IntegerNetwork:
    """A frozen copy of a quantised network that computes with integers alone, but for its float parts if it has any.

    Equal, bit for bit, to the fake-quantised network in evaluation mode.
    """

    def __init__(self, network: QuantizedNetwork) -> None:
        """Copy the weights and scales that `network` has now."""
        with torch.no_grad():
            self._steps = [(node, _step(network.module_of(node.name))) for node in network.program]
        self._output = network.output

    def forward(self, images: npt.NDArray[np.uint8], *, batch: int = 64) -> Int64:
        """Integer outputs (logits in units of `QuantizedNetwork.output_scale`).

        Args:
            images: raw pixels, uint8, shape (images, channels, height, width).
            batch: images held in memory as im2col matrices at a time.
        """
        parts = [self._run(images[start : start + batch]) for start in range(0, len(images), batch)]
        return np.concatenate(parts).astype(np.int64)

    def _run(self, images: npt.NDArray[np.uint8]) -> Levels:
        values: dict[str, Levels] = {"input": images}
        for node, step in self._steps:
            values[node.name] = step(*(values[name] for name in node.inputs))
        return values[self._output]
