"""Convolutions and linear layers of an ONNX graph."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial

import numpy as np
import numpy.typing as npt
import torch
from torch import nn
from torch.nn import functional

from wattloop.errors import ModelError
from wattloop.nn.fixed_norm import FixedNorm
from wattloop.nn.grid import LINEAR, Activation
from wattloop.nn.interchange.assembly import Assembly, checked_shape, set_codes
from wattloop.nn.interchange.geometry import pads_of, pair_of
from wattloop.nn.interchange.program import bare_conv, bare_linear
from wattloop.nn.interchange.reading import Array, OnnxNode, first_line
from wattloop.nn.interchange.values import Constant, Real, Scales, Shape, Sum, Value, Values
from wattloop.nn.layers import WEIGHT_HIGH, WEIGHT_LOW, QuantLayer
from wattloop.nn.ops import Pad

Inner = nn.Conv2d | nn.Linear
_GREATEST_BIAS = 1 << 30
_LEAST_SCALE, _GREATEST_SCALE = 1e-30, 1e30


@dataclass(frozen=True)
class _Weights:
    """Of a layer.

    Attributes:
        levels: int64, (out, in / groups, height, width) or (out, in).
        scales: of all, or of each output.
    """

    levels: npt.NDArray[np.int64]
    scales: Scales


def read_conv(node: OnnxNode, values: Values, work: Assembly) -> Sum:
    """A convolution, grouped, strided, dilated and padded as it may be.

    Raises:
        ModelError: of another kind.
    """
    given, weight = _operands(node, values)
    if weight.levels.ndim != 4 or len(given.levels.shape) != 4:
        raise ModelError(f"{node.title}: only convolutions of images (4 axes) are supported")
    if tuple(node.attributes.get("kernel_shape", weight.levels.shape[2:])) != weight.levels.shape[2:]:
        raise ModelError(f"{node.title}: its kernel_shape is not that of its weights, {list(weight.levels.shape[2:])}")
    stride, dilation = (pair_of(node, name, (1, 1)) for name in ("strides", "dilations"))
    given, padding = _padded(node, given, work)
    groups = int(node.attributes.get("group", 1))
    try:
        inner = bare_conv(weight.levels.shape, stride, padding, dilation, groups)
        image, kernel = (torch.empty(size, device="meta") for size in (given.levels.shape, weight.levels.shape))
        shape = functional.conv2d(image, kernel, None, stride, padding, dilation, groups).shape
    except (RuntimeError, ValueError) as error:
        raise ModelError(f"{node.title}: {first_line(error)}") from error
    scales = weight.along(0, node)
    return _layer(node, _bias(values), work, given, _Weights(weight.levels, scales), inner, tuple(shape))


def read_gemm(node: OnnxNode, values: Values, work: Assembly) -> Sum:
    """A linear layer: Gemm with constant weights, or MatMul.

    Raises:
        ModelError: of another kind.
    """
    given, weight = _operands(node, values)
    options = node.attributes
    tokens = node.operator == "MatMul" and len(given.levels.shape) > 2 and given.zero is None
    if weight.levels.ndim != 2 or not (tokens or len(given.levels.shape) == 2):
        raise ModelError(f"{node.title}: only products of (images, ..., features) with a matrix are supported")
    if options.get("transA", 0) or options.get("alpha", 1.0) != 1.0 or options.get("beta", 1.0) != 1.0:
        raise ModelError(f"{node.title}: transA, alpha and beta are not supported")
    turned = bool(options.get("transB", 0))
    scales = weight.along(0 if turned else 1, node)
    levels = weight.levels if turned else np.ascontiguousarray(weight.levels.T)
    if levels.shape[1] != given.levels.shape[-1]:
        raise ModelError(f"{node.title}: {given.levels.shape[-1]} features meet weights for {levels.shape[1]}")
    shape = checked_shape((*given.levels.shape[:-1], levels.shape[0]), node)
    return _layer(node, _bias(values), work, given, _Weights(levels, scales), bare_linear(levels.shape), shape)


def with_bias(node: OnnxNode, total: Sum, value: Constant | Array, *, own: bool = False) -> Sum:
    """A layer with a constant added to its outputs.

    Args:
        node: that adds it.
        total: what the layer gives.
        value: the constant.
        own: it is the convolution's own input, one number for each output; else it is added as tensors are.

    Raises:
        ModelError: it is no vector over the layer's outputs.
    """
    channels = total.shape[total.axis]
    units = np.broadcast_to(total.units, (channels,)).astype(np.float64)
    real = value.levels * value.scales.astype(np.float64) if isinstance(value, Constant) else value.astype(np.float64)
    fits = real.shape == (channels,) if own else total.by_channel(real.shape)
    if not fits or total.bias is not None or total.moved or total.relu or total.limit is not None:
        raise ModelError(f"{node.title}: adds a constant of shape {list(real.shape)} that is no bias of a layer")
    bias = np.rint(real.reshape(-1) / units)
    if not (np.abs(bias) <= _GREATEST_BIAS).all():
        raise ModelError(f"{node.title}: a bias beyond {_GREATEST_BIAS} units of the accumulator")
    return replace(total, bias=bias.astype(np.int64))


def _layer(
    node: OnnxNode, bias: Value | None, work: Assembly, given: Real, weights: _Weights, inner: Inner, shape: Shape
) -> Sum:
    levels, scales = weights.levels, weights.scales
    if levels.size == 0 or levels.min() < WEIGHT_LOW or levels.max() > WEIGHT_HIGH:
        raise ModelError(f"{node.title}: weights less their zero point must lie in {WEIGHT_LOW}..{WEIGHT_HIGH}")
    if scales.size not in (1, levels.shape[0]):
        raise ModelError(f"{node.title}: {scales.size} scales for {levels.shape[0]} outputs")
    make = partial(_module, node, given, weights, inner)
    units = np.float32(given.scale) * scales
    axis = 1 if isinstance(inner, nn.Conv2d) else len(shape) - 1
    total = Sum(work.named(node, layer=True), (given.levels,), make, units, checked_shape(shape, node), axis=axis)
    if bias is None:
        return total
    if not isinstance(bias, Constant | np.ndarray):
        raise ModelError(f"{node.title}: a bias that is no constant")
    return with_bias(node, total, bias, own=isinstance(inner, nn.Conv2d))


@torch.no_grad()
def _module(
    node: OnnxNode,
    given: Real,
    weights: _Weights,
    inner: Inner,
    total: Sum,
    factors: Scales,
    out_scale: float,
    activation: Activation | None,
) -> QuantLayer:
    """The layer whose requantisation has just these factors and this bias."""
    norm = FixedNorm(len(weights.levels), last=isinstance(inner, nn.Linear))
    wide, signed = activation is None, given.levels.signed
    layer = QuantLayer(inner, norm, activation or LINEAR, in_signed=signed, wide=wide)
    layer.in_scale.fill_(given.scale)
    layer.weight_scale.fill_(float(np.abs(weights.scales).max()))
    layer.out_scale.fill_(out_scale)
    levels = torch.from_numpy(weights.levels).to(torch.float32).view_as(inner.weight)
    inner.weight.copy_(levels * layer.weight_scale.to(torch.float32))
    unit = float(layer.in_scale * layer.weight_scale)
    norm.weight.copy_(torch.from_numpy(factors.astype(np.float64)) * out_scale / unit)
    if total.bias is not None:
        norm.bias.copy_(torch.from_numpy(total.bias.astype(np.float64)) * norm.weight * unit)
    _set_zero(node, layer, given)
    set_codes(layer, given.levels, node)
    return layer


def _set_zero(node: OnnxNode, layer: QuantLayer, given: Real) -> None:
    """The levels of pixels that stand for 0."""
    if given.zero is None:
        return
    features = given.levels.shape[1]
    if given.zero.size not in (1, features):
        raise ModelError(f"{node.title}: {given.zero.size} zero points for {features} channels")
    shape = (1, features) + (1,) * (len(given.levels.shape) - 2)
    zero = np.broadcast_to(given.zero.reshape(-1).astype(np.float32), (features,))
    layer.in_zero = torch.from_numpy(zero.copy()).view(shape)


def _operands(node: OnnxNode, values: Values) -> tuple[Real, Constant]:
    given, weight = values[0], values[1]
    if not isinstance(given, Real):
        raise ModelError(f"{node.title}: its input must come from DequantizeLinear")
    if not isinstance(weight, Constant):
        raise ModelError(f"{node.title}: its weights must be constant integers behind DequantizeLinear")
    ends = (np.abs(weight.scales).min(), np.abs(weight.scales).max())
    if not _LEAST_SCALE <= ends[0] <= ends[1] <= _GREATEST_SCALE:
        raise ModelError(f"{node.title}: scales of weights from {ends[0]} to {ends[1]}")
    return given, weight


def _bias(values: Values) -> Value | None:
    return values[2] if len(values) > 2 else None


def _padded(node: OnnxNode, given: Real, work: Assembly) -> tuple[Real, tuple[int, int]]:
    """The input and the padding that the layer does itself; what differs between two sides is a step before it."""
    top, left, bottom, right = pads_of(node)
    if (top, left) == (bottom, right):
        return given, (top, left)
    if given.zero is not None or given.levels.codes is not None:
        raise ModelError(f"{node.title}: pads two sides differently, which pixels with a zero point cannot be")
    module = Pad((left, right, top, bottom))
    name = work.named(replace(node, operator="Pad", name=f"{node.name}/pad"), layer=False)
    *_, height, width = given.levels.shape
    shape = (*given.levels.shape[:2], height + top + bottom, width + left + right)
    return replace(given, levels=work.moved(name, module, given.levels, checked_shape(shape, node))), (0, 0)
