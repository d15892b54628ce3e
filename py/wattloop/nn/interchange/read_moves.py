"""What keeps levels in an ONNX graph: maxima, reshaping, slices, padding."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from torch import nn

from wattloop.errors import ModelError
from wattloop.nn.interchange.assembly import Assembly, checked_shape
from wattloop.nn.interchange.geometry import pair_of, pooled, window_of
from wattloop.nn.interchange.reading import OnnxNode
from wattloop.nn.interchange.values import Constant, Curve, Levels, Real, Shape, Sum, Value, Values
from wattloop.nn.ops import Flatten, MaxPool, Pad, Permute, Reshape, Slice


def move(node: OnnxNode, value: Value | None, work: Assembly, module: nn.Module, shape: Shape) -> Value:
    """A step that keeps levels, whatever state its input is in."""
    if isinstance(value, Sum):
        return replace(value, moved=(*value.moved, (work.named(node, layer=False), module, shape)))
    levels = value.levels if isinstance(value, Real) else value
    if not isinstance(levels, Levels):
        raise ModelError(f"{node.title}: its input must be levels or their real values")
    if levels.codes is not None:
        raise ModelError(
            f"{node.title}: reads levels through a table (Gather); only convolutions and linear layers can"
        )
    if isinstance(value, Real) and value.zero is not None and not isinstance(module, Flatten):
        raise ModelError(f"{node.title}: reads pixels with a zero point; only convolutions and linear layers can")
    done = work.moved(work.named(node, layer=False), module, levels, shape)
    return replace(value, levels=done) if isinstance(value, Real) else done


def shape_of(node: OnnxNode, value: Value | None) -> Shape:
    """Shape of a value for one image."""
    if isinstance(value, Sum):
        return value.end
    levels = value.levels if isinstance(value, Real | Curve) else value
    if not isinstance(levels, Levels):
        raise ModelError(f"{node.title}: its input is not computed from the image")
    return levels.shape


def read_max_pool(node: OnnxNode, values: Values, work: Assembly) -> Value:
    """Maximum over windows."""
    shape = shape_of(node, values[0])
    if len(shape) != 4 or len([name for name in node.outputs if name]) > 1:
        raise ModelError(f"{node.title}: only pooling of images (4 axes), without indices, is supported")
    kernel, stride, padding = window_of(node)
    dilation = pair_of(node, "dilations", (1, 1))
    out = pooled(node, shape, kernel, stride, padding, dilation)
    return move(node, values[0], work, MaxPool(kernel, stride, padding, dilation), out)


def read_reshape(node: OnnxNode, values: Values, work: Assembly) -> Value:
    """Another shape of each image."""
    shape, wanted = shape_of(node, values[0]), _numbers(node, values[1])
    features = int(np.prod(shape[1:]))
    if len(wanted) < 3:
        return read_flatten(node, values, work)
    rest = wanted[1:]
    if wanted[0] == 0 and rest.count(-1) == 1:
        known = int(np.prod([size for size in rest if size != -1]))
        rest = [features // known if size == -1 and known else size for size in rest]
    fits = min(rest) > 0 and int(np.prod([float(size) for size in rest])) == features
    if not fits or wanted[0] not in (0, 1, -1) or node.attributes.get("allowzero", 0):
        raise ModelError(f"{node.title}: only another shape of each image is supported, in numbers")
    return move(node, values[0], work, Reshape(tuple(rest)), (1, *rest))


def read_transpose(node: OnnxNode, values: Values, work: Assembly) -> Value:
    """Axes in another order, but for that of the images."""
    shape = shape_of(node, values[0])
    axes = [int(axis) for axis in node.attributes.get("perm", range(len(shape))[::-1])]
    if sorted(axes) != list(range(len(shape))) or axes[0]:
        raise ModelError(f"{node.title}: only axes of each image in another order are supported, not {axes}")
    return move(node, values[0], work, Permute(tuple(axes)), tuple(shape[axis] for axis in axes))


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
        index[axis % len(shape)] = _plain(slice(start, end, step), shape[axis])
    if index[0] != slice(None):
        raise ModelError(f"{node.title}: slices the axis of the images")
    out = tuple(len(range(*part.indices(size))) for part, size in zip(index, shape, strict=True))
    return move(node, values[0], work, Slice(tuple(index)), checked_shape(out, node))


def _plain(part: slice, size: int) -> slice:
    """The same part of an axis, in numbers that are no larger than it."""
    start, stop, step = part.indices(size)
    return slice(start or None, None if stop == size else stop, None if step == 1 else min(step, size))


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
