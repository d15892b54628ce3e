"""What makes real values of others between the layers of an ONNX graph: addition, averages, activations."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

import numpy as np
from torch import nn

from wattloop.errors import ModelError
from wattloop.nn.grid import Activation
from wattloop.nn.interchange.assembly import Assembly
from wattloop.nn.interchange.geometry import pooled, window_of
from wattloop.nn.interchange.read_functions import combined, curve_of
from wattloop.nn.interchange.read_joins import added, multiplied, scaled
from wattloop.nn.interchange.read_layer import with_bias
from wattloop.nn.interchange.reading import OnnxNode
from wattloop.nn.interchange.values import Constant, Curve, Real, Scales, Sum, Value, Values, settled
from wattloop.nn.ops import QuantAvgPool, QuantRescale

_FAR = (-np.inf, np.inf)  # ends of a clamp that has none


def read_add(node: OnnxNode, values: Values, work: Assembly) -> Sum | Curve:
    """A residual addition, the bias of a layer, or a part of a function."""
    curve = combined(node, values)
    if curve is not None:
        return curve
    left, right = values[:2]
    if isinstance(right, Sum) and isinstance(left, Constant | np.ndarray):
        left, right = right, left
    if isinstance(left, Sum) and isinstance(right, Constant | np.ndarray):
        return with_bias(node, left, right)
    if any(isinstance(value, Constant | np.ndarray) for value in (left, right)):
        raise ModelError(
            f"{node.title}: adds a constant to levels: make Gemm of MatMul and Add before the model is quantised"
            " (onnxruntime's quant_pre_process does)"
        )
    return added(node, values, work)


def as_sum(node: OnnxNode, value: Value | None, work: Assembly) -> Sum:
    """`value` on its way to another grid."""
    if isinstance(value, Sum):
        return value
    real = settled(node, value)
    units, made = np.array([real.scale], np.float32), partial(scaled, QuantRescale)
    return Sum(work.named(node, layer=False), (real.levels,), made, units, real.levels.shape)


def read_relu(node: OnnxNode, values: Values, work: Assembly) -> Sum | Curve:
    """ReLU."""
    if isinstance(values[0], Curve):
        return values[0].through(node, np.maximum(values[0].values, np.float32(0)))
    return as_sum(node, values[0], work).held(0.0, None, node)


def read_clip(node: OnnxNode, values: Values, work: Assembly) -> Sum | Curve:
    """A clamp to 0 and a limit; between other ends it is a function, of levels only."""
    ends: list[float | None] = [None, None]
    for i, value in enumerate(values[1:3]):
        if value is None:
            continue
        number = (value.levels * value.scales).astype(np.float32) if isinstance(value, Constant) else value
        if not isinstance(number, np.ndarray) or number.size != 1:
            raise ModelError(f"{node.title}: its ends must be constant numbers")
        ends[i] = float(number.reshape(()))
    if isinstance(values[0], Curve) or (isinstance(values[0], Real) and ends[0] not in (None, 0.0)):
        curve = curve_of(node, values[0])
        low, high = (np.float32(end if end is not None else far) for end, far in zip(ends, _FAR, strict=True))
        return curve.through(node, np.minimum(np.maximum(curve.values, low), high))
    return as_sum(node, values[0], work).held(ends[0], ends[1], node)


def read_dropout(node: OnnxNode, values: Values, work: Assembly) -> Value | None:
    """Nothing, but while training."""
    training = values[2] if len(values) > 2 else None
    if training is not None and not (isinstance(training, np.ndarray) and not training.any()):
        raise ModelError(f"{node.title}: drops values as in training (training_mode); export the model for inference")
    return values[0]


def read_average(node: OnnxNode, values: Values, work: Assembly) -> Sum:
    """Average pooling over windows, or over all of an image."""
    real = settled(node, values[0])
    if len(real.levels.shape) != 4:
        raise ModelError(f"{node.title}: only pooling of images (4 axes) is supported")
    if any(step != 1 for step in node.attributes.get("dilations", ())):
        raise ModelError(f"{node.title}: averages over windows with gaps (dilations) are not supported")
    height, width = real.levels.shape[2:]
    if node.operator == "GlobalAveragePool":
        kernel, stride, padding = (height, width), (height, width), (0, 0)
    else:
        kernel, stride, padding = window_of(node)
        if any(padding) and not node.attributes.get("count_include_pad", 0):
            raise ModelError(f"{node.title}: padding that does not count (count_include_pad=0) is not supported")
    window = kernel[0] * kernel[1]
    made = partial(QuantAvgPool, kernel=kernel, stride=stride, padding=padding, divisor=window)
    shape = pooled(node, real.levels.shape, kernel, stride, padding, (1, 1))
    name = work.named(node, layer=False)

    def make(total: Sum, factors: Scales, scale: float, activation: Activation | None) -> nn.Module:
        # The module divides by the window itself.
        exact = [float(work.noted(name, np.float32(float(factor) / window))) * window for factor in factors]
        return scaled(made, total, np.array(exact), scale, activation)

    return Sum(name, (real.levels,), make, np.array([real.scale], np.float32), shape, window=window)


def read_mul(node: OnnxNode, values: Values, work: Assembly) -> Sum | Curve:
    """A product of tensors, a part of a function, or a constant factor on a sum, which is part of its units."""
    curve = combined(node, values)
    if curve is not None:
        return curve
    if all(isinstance(value, Real) for value in values[:2]):
        return multiplied(node, values, work)
    total, factor = (values[1], values[0]) if isinstance(values[1], Sum) else (values[0], values[1])
    if not isinstance(total, Sum) or not isinstance(factor, np.ndarray) or total.moved or total.relu:
        raise ModelError(f"{node.title}: only of two tensors behind DequantizeLinear, or of a sum and a constant")
    if not total.by_channel(factor.shape) and (factor.size != 1 or factor.ndim > len(total.shape)):
        raise ModelError(f"{node.title}: a factor of shape {list(factor.shape)} is not one for each channel")
    if total.limit is not None or (factor.size > 1 and len(total.inputs) > 1):
        raise ModelError(f"{node.title}: a factor on a clamped or added tensor is not supported")
    return replace(total, units=total.units * factor.astype(np.float32).reshape(-1))


def read_round(node: OnnxNode, values: Values, work: Assembly) -> Sum:
    """Round after a mean times its count: the integer sum of a window, which it is here anyway."""
    total = values[0]
    if not isinstance(total, Sum) or not total.window or float(total.units[0]) % total.window:
        raise ModelError(f"{node.title}: only the rounding of a sum of integers is supported")
    return total
