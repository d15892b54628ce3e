"""QuantizeLinear and DequantizeLinear of an ONNX graph: where real values become levels and back."""

from __future__ import annotations

from typing import Any

import numpy as np

from wattloop.errors import ModelError
from wattloop.nn.interchange.assembly import Assembly
from wattloop.nn.interchange.read_steps import as_sum
from wattloop.nn.interchange.read_tables import on_grid
from wattloop.nn.interchange.reading import Array, OnnxNode
from wattloop.nn.interchange.values import Constant, Curve, Levels, Looked, Real, Scales, Value, Values

_LEAST_SCALE, _GREATEST_SCALE = 1e-20, 1e20
# ONNX's numbers of types; 0 is none told.
_LEVEL_TYPES: dict[int, np.dtype[Any] | None] = {0: None, 2: np.dtype(np.uint8), 3: np.dtype(np.int8)}
_REAL_TYPES: dict[int, np.dtype[Any] | None] = {0: None, 1: None}


class Image:
    """The input of a model that takes real numbers: pixels, once they are quantised."""


def read_dequantize(node: OnnxNode, values: Values, work: Assembly) -> Real | Constant:
    """Real values of levels, or of integers that the file holds."""
    given, axis = values[0], int(node.attributes.get("axis", 1))
    scales, zero = _grid_of(node, values)
    if isinstance(given, Looked) and scales.size == zero.size == 1:
        given = on_grid(given, _sound(node, float(scales.reshape(()))), int(zero.reshape(())), work)
    if isinstance(given, Constant):
        raise ModelError(f"{node.title}: dequantises twice")
    if isinstance(given, np.ndarray):
        return _constant(node, given, scales, zero, axis)
    if not isinstance(given, Levels):
        raise ModelError(f"{node.title}: its input must be integers")
    if scales.size > 1 and (scales != scales.reshape(-1)[0]).any():
        raise ModelError(f"{node.title}: activations have one scale for all channels here")
    scale = _sound(node, float(scales.reshape(-1)[0]))
    if given.raw:
        return Real(given, scale, _pixel_zero(node, given, zero, axis))
    if (zero != given.offset).any():
        raise ModelError(f"{node.title}: another zero point than where the levels were made, {given.offset}")
    return Real(given, scale)


def _pixel_zero(node: OnnxNode, given: Levels, zero: Array, axis: int) -> Array | None:
    """The level of pixels that stands for 0: of all, or of each channel."""
    if zero.size > 1 and axis % len(given.shape) != 1:
        raise ModelError(f"{node.title}: zero points of pixels run along their channels, axis 1")
    if zero.size not in (1, given.shape[1]):
        raise ModelError(f"{node.title}: {zero.size} zero points for {given.shape[1]} channels")
    level = zero.reshape(-1).astype(np.int64) - given.offset
    if given.zero is not None and (level != given.zero).any():
        raise ModelError(f"{node.title}: another zero point than where the pixels were quantised")
    return level if level.any() else None


def _constant(node: OnnxNode, given: Array, scales: Scales, zero: Array, axis: int) -> Constant:
    if given.dtype.kind not in "iu":
        raise ModelError(f"{node.title}: constants are integers before DequantizeLinear")
    if scales.size > 1 and (not -given.ndim <= axis < given.ndim or given.shape[axis] != scales.size):
        raise ModelError(f"{node.title}: {scales.size} scales do not run along axis {axis} of {list(given.shape)}")
    shape = [1] * given.ndim
    if scales.size > 1:
        shape[axis] = -1
    shift = zero.astype(np.int64).reshape(shape) if zero.size > 1 else zero.astype(np.int64).reshape(())
    return Constant(given.astype(np.int64) - shift, scales, axis)


def read_quantize(node: OnnxNode, values: Values, work: Assembly) -> Value:
    """Levels of real values: the end of a step, or nothing where they lie on that grid already."""
    given = values[0]
    scales, zero = _grid_of(node, values)
    if isinstance(given, np.ndarray):
        return _rounded_constant(node, given, scales, zero)
    if scales.size != 1 or zero.size != 1:
        raise ModelError(f"{node.title}: activations have one scale and one zero point for all channels here")
    scale, offset = _sound(node, float(scales.reshape(()))), int(zero.reshape(()))
    if isinstance(given, Image):
        return _pixels(work, scale, offset, zero.dtype)
    if isinstance(given, Curve):
        return work.quantised(given, (scale, offset, zero.dtype), node)
    if isinstance(given, Real):
        same = given.levels.scale in (None, scale) and given.scale == scale
        stored = given.levels.offset + (0 if given.zero is None else int(given.zero[0]))
        one_zero = given.zero is None or given.zero.size == 1
        if same and one_zero and stored == offset:
            return given.levels
    return work.rounded(as_sum(node, given, work), scale, offset, zero.dtype, node)


def _pixels(work: Assembly, scale: float, zero: int, dtype: np.dtype[Any]) -> Levels:
    """The input of a model of real numbers: a pixel is the level that the model quantises it to."""
    offset = -128 if dtype == np.int8 else 0
    levels = work.pixels
    return Levels(levels.node, levels.grid, levels.shape, False, offset, scale, zero - offset, raw=True)


def _rounded_constant(node: OnnxNode, given: Array, scales: Scales, zero: Array) -> Array:
    shape = [1] * given.ndim
    if scales.size > 1:
        axis = int(node.attributes.get("axis", 1))
        if not -given.ndim <= axis < given.ndim or given.shape[axis] != scales.size:
            raise ModelError(f"{node.title}: {scales.size} scales do not run along axis {axis} of {list(given.shape)}")
        shape[axis] = -1
    ends, shift = np.iinfo(zero.dtype), zero.reshape(shape if zero.size > 1 else [1] * given.ndim)
    levels = np.rint(given.astype(np.float32) / scales.reshape(shape)) + shift.astype(np.float32)
    held: Array = np.clip(levels, ends.min, ends.max).astype(zero.dtype)
    return held


def _grid_of(node: OnnxNode, values: Values) -> tuple[Scales, Array]:
    """Scales and zero points, which must be constants."""
    scales = values[1]
    zero = values[2] if len(values) > 2 and values[2] is not None else None
    if zero is None:
        stored = values[0] if isinstance(values[0], np.ndarray) and node.operator == "DequantizeLinear" else None
        zero = np.zeros((), _type_told(node) or np.uint8 if stored is None else stored.dtype)
    if not isinstance(scales, np.ndarray) or not isinstance(zero, np.ndarray) or scales.dtype != np.float32:
        raise ModelError(f"{node.title}: scale (float32) and zero point must be constants")
    if scales.size == 0 or zero.size not in (1, scales.size) or scales.ndim > 1 or not np.isfinite(scales).all():
        raise ModelError(f"{node.title}: {zero.size} zero points and {scales.size} scales, finite ones along one axis")
    if zero.dtype not in (np.uint8, np.int8, np.int32):
        raise ModelError(f"{node.title}: levels of {zero.dtype}; 8 bits are supported")
    told = _type_told(node)
    if told is not None and told != zero.dtype:
        raise ModelError(f"{node.title}: its output_dtype is {told}, that of its zero point {zero.dtype}")
    if node.attributes.get("block_size"):
        raise ModelError(f"{node.title}: scales by block are not supported")
    return scales, zero


def _type_told(node: OnnxNode) -> np.dtype[Any] | None:
    """What the attribute output_dtype says that levels are kept as, from opset 21 on; None where it says nothing."""
    told = int(node.attributes.get("output_dtype", 0))
    known = _REAL_TYPES if node.operator == "DequantizeLinear" else _LEVEL_TYPES
    if told not in known:
        raise ModelError(f"{node.title}: an output_dtype other than int8 and uint8 (QuantizeLinear) or float32")
    return known[told]


def _sound(node: OnnxNode, scale: float) -> float:
    if not _LEAST_SCALE <= scale <= _GREATEST_SCALE:
        raise ModelError(f"{node.title}: an activation scale of {scale}")
    return scale
