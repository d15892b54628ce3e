"""Steps of an ONNX graph that read several tensors: sums, products, concatenations."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import numpy as np
import torch
from torch import nn

from wattloop.errors import ModelError
from wattloop.nn.grid import Activation
from wattloop.nn.interchange.assembly import Assembly, checked_shape
from wattloop.nn.interchange.reading import OnnxNode
from wattloop.nn.interchange.values import Real, Scales, Shape, Sum, Values, settled
from wattloop.nn.ops import QuantAdd, QuantAvgPool, QuantConcat, QuantMul, QuantRescale

_MOST_PARTS = 1 << 10


def scaled(
    made: Callable[[Activation], nn.Module], total: Sum, factors: Scales, scale: float, activation: Activation | None
) -> nn.Module:
    """A step with a grid of its own, whose factors are these."""
    assert activation is not None
    module = made(activation)
    assert isinstance(module, QuantAdd | QuantAvgPool | QuantConcat | QuantRescale)
    _no_constants(total, factors, len(module.in_scales))
    module.out_scale.fill_(scale)
    module.in_scales.copy_(torch.from_numpy(factors.astype(np.float64)) * scale)
    return module


def added(node: OnnxNode, values: Values, work: Assembly) -> Sum:
    """The sum of two tensors."""
    pair = tuple(settled(node, value) for value in values[:2])
    if pair[0].levels.shape != pair[1].levels.shape:
        raise ModelError(f"{node.title}: adds tensors of shapes {_shapes(pair)}; only equal shapes are supported")
    return _joined(node, pair, work, partial(scaled, QuantAdd), pair[0].levels.shape)


def multiplied(node: OnnxNode, values: Values, work: Assembly) -> Sum:
    """The product of two tensors, which may broadcast."""
    left, right = (settled(node, value) for value in values[:2])
    shapes = (left.levels.shape, right.levels.shape)
    fits = all(1 in pair or pair[0] == pair[1] for pair in zip(*shapes, strict=False))
    if len(shapes[0]) != len(shapes[1]) or not fits:
        raise ModelError(f"{node.title}: multiplies tensors of shapes {_shapes((left, right))}")
    shape = checked_shape(tuple(max(pair) for pair in zip(*shapes, strict=True)), node)
    unit = np.array([np.float32(left.scale) * np.float32(right.scale)], np.float32)

    def make(total: Sum, factors: Scales, scale: float, activation: Activation | None) -> nn.Module:
        assert activation is not None
        _no_constants(total, factors, 1)
        module = QuantMul(activation)
        module.out_scale.fill_(scale)
        # The second one takes the rest, constant factors among it: the product is the factor to the bit.
        module.in_scales.copy_(torch.tensor([left.scale, float(factors[0]) * scale / left.scale], dtype=torch.float64))
        return module

    return Sum(work.named(node, layer=False), (left.levels, right.levels), make, unit, shape)


def read_concat(node: OnnxNode, values: Values, work: Assembly) -> Sum:
    """Tensors one after another along another axis than that of the images, each moved to the common grid."""
    parts = tuple(settled(node, value) for value in values)
    shapes, axis = [part.levels.shape for part in parts], int(node.attributes["axis"])
    if not 0 < len(parts) <= _MOST_PARTS or len({len(shape) for shape in shapes}) > 1:
        raise ModelError(f"{node.title}: joins {len(parts)} tensors of shapes {_shapes(parts)}")
    axis = axis + len(shapes[0]) if axis < 0 else axis
    if not 0 < axis < len(shapes[0]) or len({shape[:axis] + shape[axis + 1 :] for shape in shapes}) > 1:
        raise ModelError(f"{node.title}: joins tensors of shapes {_shapes(parts)} along axis {axis}")
    size = sum(shape[axis] for shape in shapes)
    made = partial(scaled, partial(QuantConcat, parts=len(parts), axis=axis))
    shape = checked_shape((*shapes[0][:axis], size, *shapes[0][axis + 1 :]), node)
    return _joined(node, parts, work, made, shape)


def _no_constants(total: Sum, factors: Scales, count: int) -> None:
    """Refuse what only a layer has, after a step that has `count` factors."""
    if total.bias is not None or len(factors) != count:
        raise ModelError(f"{total.name}: a constant for each channel is part of convolutions and linear layers only")


def _joined(
    node: OnnxNode, parts: tuple[Real, ...], work: Assembly, make: Callable[..., nn.Module], shape: Shape
) -> Sum:
    """Tensors each of which has a factor of its own."""
    units = np.array([real.scale for real in parts], np.float32)
    return Sum(work.named(node, layer=False), tuple(real.levels for real in parts), make, units, shape)


def _shapes(parts: tuple[Real, ...]) -> list[list[int]]:
    return [list(real.levels.shape[1:]) for real in parts]
