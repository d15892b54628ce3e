"""The integer-only network: the same program as the fake-quantised one, in NumPy."""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import nn

from wattloop.arith.im2col import convolve
from wattloop.arith.layer import ConvGeometry, Int8, Int64
from wattloop.arith.quant import Float32, Levels, add_requantize, max_pool, requantize, sum_pool
from wattloop.errors import ModelError
from wattloop.nn.layers import QuantLayer
from wattloop.nn.network import QuantizedNetwork
from wattloop.nn.ops import Flatten, MaxPool, Pad, Pair, QuantAdd, QuantAvgPool, QuantRescale, Slice

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
        """Levels (images, channels, height, width) or (images, features) in; levels (wide: int64) out."""
        if self.codes is not None:
            levels = self.codes[levels.astype(np.int64) - np.iinfo(self.codes.dtype).min]
        geometry = layer_geometry(self.conv, self.weight.shape[0], levels.shape[1:])
        images = levels.reshape(len(levels), geometry.in_channels, geometry.in_height, geometry.in_width)
        sums = convolve(images, self.weight, geometry)
        bias = self.bias[:, None, None] - self._zero_map(geometry)
        result = sums + bias if self.wide else requantize(sums, bias, self.scale, self.low, self.high)
        return result if self.conv is not None else result.reshape(len(levels), -1)

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
    """Geometry of a layer for one image of `shape`; a linear layer is a 1x1 convolution of a 1x1 image."""
    if conv is None:
        return ConvGeometry(shape[0], out_channels, 1, 1)
    kernel, stride, padding, dilation, groups = conv
    return ConvGeometry(shape[0], out_channels, shape[1], shape[2], kernel, stride, padding, dilation, groups)


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
def _(module: MaxPool) -> Step:
    return lambda levels: max_pool(levels, module.kernel, module.stride, module.padding, module.dilation)


@_step.register
def _(module: Flatten) -> Step:
    return lambda levels: levels.reshape(len(levels), -1)


@_step.register
def _(module: Slice) -> Step:
    return lambda levels: levels[module.index]


@_step.register
def _(module: Pad) -> Step:
    pairs = list(zip(module.amounts[::2], module.amounts[1::2], strict=True))[::-1]
    return lambda levels: np.pad(levels, [(0, 0)] * (levels.ndim - len(pairs)) + pairs)


class IntegerNetwork:
    """A frozen copy of a quantised network that computes with integers alone.

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
