"""What lies between the layers of an ONNX graph: quantisation, addition, pooling, reshaping."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial

import numpy as np
import torch
from torch import nn

from wattloop.errors import ModelError
from wattloop.nn.grid import Activation
from wattloop.nn.interchange.assembly import Assembly, checked_shape
from wattloop.nn.interchange.read_layer import pads_of, pair_of, with_bias
from wattloop.nn.interchange.reading import Array, OnnxNode
from wattloop.nn.interchange.values import Constant, Index, Levels, Real, Scales, Shape, Sum, Value
from wattloop.nn.ops import Flatten, MaxPool, Pad, QuantAdd, QuantAvgPool, QuantRescale, Slice

Values = tuple[Value | None, ...]


def read_add(node: OnnxNode, values: Values, work: Assembly) -> Sum:
    """A residual addition, or the bias of a layer."""
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
    pair = tuple(settled(node, value) for value in (left, right))
    if pair[0].levels.shape != pair[1].levels.shape:
        shapes = [list(real.levels.shape[1:]) for real in pair]
        raise ModelError(f"{node.title}: adds tensors of shapes {shapes}; only equal shapes are supported")
    units = np.array([real.scale for real in pair], np.float32)
    inputs = tuple(real.levels for real in pair)
    return Sum(work.named(node, layer=False), inputs, partial(_scaled, QuantAdd), units, inputs[0].shape)


def settled(node: OnnxNode, value: Value | None) -> Real:
    """`value`, if it is real values of levels whose zero is level 0.

    Raises:
        ModelError: it is not.
    """
    if not isinstance(value, Real):
        raise ModelError(f"{node.title}: its input must come from DequantizeLinear")
    if value.zero is not None:
        raise ModelError(f"{node.title}: reads pixels with a zero point; only convolutions and linear layers can")
    return value


def _scaled(
    made: Callable[[Activation], nn.Module], total: Sum, factors: Scales, scale: float, activation: Activation | None
) -> nn.Module:
    """A step with a grid of its own, whose factors are these."""
    assert activation is not None
    module = made(activation)
    assert isinstance(module, QuantAdd | QuantAvgPool | QuantRescale)
    module.out_scale.fill_(scale)
    module.in_scales.copy_(torch.from_numpy(factors.astype(np.float64)) * scale)
    return module


def as_sum(node: OnnxNode, value: Value | None, work: Assembly) -> Sum:
    """`value` on its way to another grid."""
    if isinstance(value, Sum):
        return value
    real = settled(node, value)
    units, made = np.array([real.scale], np.float32), partial(_scaled, QuantRescale)
    return Sum(work.named(node, layer=False), (real.levels,), made, units, real.levels.shape)


def read_relu(node: OnnxNode, values: Values, work: Assembly) -> Sum:
    """ReLU."""
    return as_sum(node, values[0], work).held(0.0, None, node)


def read_clip(node: OnnxNode, values: Values, work: Assembly) -> Sum:
    """A clamp to 0 and a limit; its lower end may also be out of the reach of the levels."""
    ends: list[float | None] = [None, None]
    for i, value in enumerate(values[1:3]):
        if value is None:
            continue
        number = (value.levels * value.scales).astype(np.float32) if isinstance(value, Constant) else value
        if not isinstance(number, np.ndarray) or number.size != 1:
            raise ModelError(f"{node.title}: its ends must be constant numbers")
        ends[i] = float(number.reshape(()))
    return as_sum(node, values[0], work).held(ends[0], ends[1], node)


def read_average(node: OnnxNode, values: Values, work: Assembly) -> Sum:
    """Average pooling over windows, or over all of an image."""
    real = settled(node, values[0])
    if len(real.levels.shape) != 4:
        raise ModelError(f"{node.title}: only pooling of images (4 axes) is supported")
    height, width = real.levels.shape[2:]
    if node.operator == "GlobalAveragePool":
        kernel, stride, padding = (height, width), (height, width), (0, 0)
    else:
        kernel, stride, padding = _window(node)
        if any(padding) and not node.attributes.get("count_include_pad", 0):
            raise ModelError(f"{node.title}: padding that does not count (count_include_pad=0) is not supported")
    window = kernel[0] * kernel[1]
    made = partial(QuantAvgPool, kernel=kernel, stride=stride, padding=padding, divisor=window)
    shape = _pooled(node, real.levels.shape, kernel, stride, padding, (1, 1))
    name = work.named(node, layer=False)

    def make(total: Sum, factors: Scales, scale: float, activation: Activation | None) -> nn.Module:
        # The module divides by the window itself.
        factor = work.noted(name, np.float32(float(factors[0]) / window))
        return _scaled(made, total, np.array([float(factor) * window]), scale, activation)

    return Sum(name, (real.levels,), make, np.array([real.scale], np.float32), shape, window=window)


def read_mul(node: OnnxNode, values: Values, work: Assembly) -> Sum:
    """A constant factor on a sum, of all channels or of each: part of its units."""
    total, factor = (values[1], values[0]) if isinstance(values[1], Sum) else (values[0], values[1])
    if not isinstance(total, Sum) or not isinstance(factor, np.ndarray) or total.moved or total.relu:
        raise ModelError(f"{node.title}: only a constant factor on the sum of a layer or of a pooling is supported")
    if factor.size != 1 and (factor.size != total.shape[1] or factor.ndim < len(total.shape) - 1):
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


def _window(node: OnnxNode) -> tuple[tuple[int, int], tuple[int, int], tuple[int, int]]:
    """Kernel, stride and padding of a pooling."""
    if "kernel_shape" not in node.attributes or node.attributes.get("ceil_mode", 0):
        raise ModelError(f"{node.title}: ceil_mode is not supported")
    top, left, bottom, right = pads_of(node)
    if (top, left) != (bottom, right):
        raise ModelError(f"{node.title}: padding that differs between two sides is not supported")
    return pair_of(node, "kernel_shape", (1, 1)), pair_of(node, "strides", (1, 1)), (top, left)


def _pooled(
    node: OnnxNode,
    shape: Shape,
    kernel: tuple[int, int],
    stride: tuple[int, int],
    padding: tuple[int, int],
    dilation: tuple[int, int],
) -> Shape:
    if (
        min(*kernel, *stride, *dilation) < 1
        or min(padding) < 0
        or any(2 * p > k for p, k in zip(padding, kernel, strict=True))
    ):
        raise ModelError(f"{node.title}: windows {kernel}, stride {stride}, padding {padding}, dilation {dilation}")
    axes = zip(shape[2:], kernel, stride, padding, dilation, strict=True)
    out = tuple((n + 2 * p - d * (k - 1) - 1) // s + 1 for n, k, s, p, d in axes)
    return checked_shape((*shape[:2], *(max(0, n) for n in out)), node)


def move(node: OnnxNode, value: Value | None, work: Assembly, module: nn.Module, shape: Shape) -> Value:
    """A step that keeps levels, whatever state its input is in."""
    if isinstance(value, Sum):
        return replace(value, moved=(*value.moved, (work.named(node, layer=False), module, shape)))
    levels = value.levels if isinstance(value, Real) else value
    if not isinstance(levels, Levels) or levels.codes is not None:
        raise ModelError(f"{node.title}: its input must be levels or their real values")
    if isinstance(value, Real) and value.zero is not None and not isinstance(module, Flatten):
        raise ModelError(f"{node.title}: reads pixels with a zero point; only convolutions and linear layers can")
    done = work.moved(work.named(node, layer=False), module, levels, shape)
    return replace(value, levels=done) if isinstance(value, Real) else done


def shape_of(node: OnnxNode, value: Value | None) -> Shape:
    """Shape of a value for one image."""
    if isinstance(value, Sum):
        return value.end
    levels = value.levels if isinstance(value, Real) else value
    if not isinstance(levels, Levels):
        raise ModelError(f"{node.title}: its input is not computed from the image")
    return levels.shape


def read_max_pool(node: OnnxNode, values: Values, work: Assembly) -> Value:
    """Maximum over windows."""
    shape = shape_of(node, values[0])
    if len(shape) != 4 or len([name for name in node.outputs if name]) > 1:
        raise ModelError(f"{node.title}: only pooling of images (4 axes), without indices, is supported")
    kernel, stride, padding = _window(node)
    dilation = pair_of(node, "dilations", (1, 1))
    out = _pooled(node, shape, kernel, stride, padding, dilation)
    return move(node, values[0], work, MaxPool(kernel, stride, padding, dilation), out)


def read_flatten(node: OnnxNode, values: Values, work: Assembly) -> Value:
    """Flatten, or a Reshape or Squeeze that does the same."""
    shape = shape_of(node, values[0])
    features = int(np.prod(shape[1:]))
    if node.operator == "Flatten":
        plain = node.attributes.get("axis", 1) == 1
    elif node.operator == "Reshape":
        wanted = _numbers(node, values[1])
        plain = len(wanted) == 2 and wanted in ([0, -1], [-1, features], [0, features], [1, -1], [1, features])
    else:
        axes = sorted(axis % len(shape) for axis in _numbers(node, values[1])) if len(values) > 1 else []
        plain = axes == [2, 3] and shape[2:] == (1, 1)
    if not plain:
        raise ModelError(f"{node.title}: only what makes (images, features) of images is supported")
    real = values[0]
    if isinstance(real, Real) and real.zero is not None and real.zero.size > 1:
        values = (replace(real, zero=np.repeat(real.zero.reshape(-1), features // real.zero.size)),)
    return move(node, values[0], work, Flatten(), (1, features))


def _numbers(node: OnnxNode, value: Value | None) -> list[int]:
    if not isinstance(value, np.ndarray) or value.ndim > 1 or value.size > 16:
        raise ModelError(f"{node.title}: its numbers must be constants; fold them with onnxruntime's quant_pre_process")
    return [int(number) for number in value.reshape(-1)]


def read_slice(node: OnnxNode, values: Values, work: Assembly) -> Value:
    """Indexing with slices of other axes than that of the images."""
    shape = shape_of(node, values[0])
    starts, ends = (_numbers(node, value) for value in values[1:3])
    rest = [_numbers(node, value) if value is not None else None for value in (*values[3:5], None, None)[:2]]
    axes, steps = rest[0] or list(range(len(starts))), rest[1] or [1] * len(starts)
    if not len(starts) == len(ends) == len(axes) == len(steps):
        raise ModelError(f"{node.title}: starts, ends, axes and steps of different lengths")
    index = [slice(None)] * len(shape)
    for start, end, axis, step in zip(starts, ends, axes, steps, strict=True):
        if not -len(shape) <= axis < len(shape) or step < 1:
            raise ModelError(f"{node.title}: axis {axis} with step {step}")
        index[axis % len(shape)] = slice(
            start or None, None if end >= shape[axis] else end, None if step == 1 else step
        )
    if index[0] != slice(None):
        raise ModelError(f"{node.title}: slices the axis of the images")
    out = tuple(len(range(*part.indices(size))) for part, size in zip(index, shape, strict=True))
    return move(node, values[0], work, Slice(tuple(index)), checked_shape(out, node))


def read_pad(node: OnnxNode, values: Values, work: Assembly) -> Value:
    """Zeros around."""
    shape, value = shape_of(node, values[0]), values[0]
    amounts = _numbers(node, values[1])
    filler = values[2] if len(values) > 2 else None
    if isinstance(filler, Constant):
        filler = filler.levels * filler.scales
    filler = np.zeros(()) if filler is None else filler
    zero = isinstance(filler, np.ndarray) and bool((filler == (value.offset if isinstance(value, Levels) else 0)).all())
    plain = node.attributes.get("mode", "constant") == "constant" and len(values) < 4 and zero
    if not plain or len(amounts) != 2 * len(shape) or min(amounts) < 0 or amounts[0] or amounts[len(shape)]:
        raise ModelError(f"{node.title}: only padding with zeros, and not of the images' axis, is supported")
    before, after = amounts[: len(shape)], amounts[len(shape) :]
    out = checked_shape(tuple(b + n + a for b, n, a in zip(before, shape, after, strict=True)), node)
    pairs = [amount for pair in list(zip(before, after, strict=True))[:0:-1] for amount in pair]
    return move(node, value, work, Pad(tuple(pairs)), out)


def read_cast(node: OnnxNode, values: Values, work: Assembly) -> Index:
    """The cast of levels that a table is read with."""
    if not isinstance(values[0], Levels):
        raise ModelError(f"{node.title}: only levels on their way to a table (Gather) are cast")
    return Index(values[0])


def read_table(node: OnnxNode, values: Values, work: Assembly) -> Levels:
    """A table of 256 codes that levels go through."""
    table, index = values[:2]
    once = isinstance(index, Index) and index.levels.codes is None and not node.attributes.get("axis", 0)
    if not once or not isinstance(table, np.ndarray) or table.shape != (256,) or table.dtype.itemsize != 1:
        raise ModelError(f"{node.title}: only a table of 256 codes that levels go through is supported")
    assert isinstance(index, Index)
    return replace(index.levels, codes=_codes(table, index.levels))


def _codes(table: Array, levels: Levels) -> Array:
    """The table by level, from the least: what is stored counts from 0, and int8 from the end of the table."""
    low = -128 if levels.signed else 0
    stored = np.arange(low, low + 256) + levels.offset
    held = table.astype(np.int16)[stored % 256] - levels.offset
    if held.min() < low or held.max() > low + 255:
        raise ModelError("a table that leaves the range of the levels")
    return held.astype(np.int8 if levels.signed else np.uint8)
