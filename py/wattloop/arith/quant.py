"""Requantisation, residual addition and pooling on integers: the arithmetic around the array.

Defined once, in NumPy; the fake-quantised torch network must give the same integers (`wattloop.nn.ops`). A tensor
of levels has the channels on axis 1; activations are uint8 or int8, accumulators int64.
"""

from __future__ import annotations

from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt

Levels = npt.NDArray[np.integer[Any]]
Int64 = npt.NDArray[np.int64]
Float32 = npt.NDArray[np.float32]
_T = TypeVar("_T", bound=np.generic)


def level_range(signed: bool) -> tuple[int, int]:
    """Least and greatest 8-bit level.

    >>> level_range(signed=False)
    (0, 255)
    """
    return (-128, 127) if signed else (0, 255)


def _per_channel(values: npt.NDArray[_T], ndim: int) -> npt.NDArray[_T]:
    """A vector over channels, shaped so that it broadcasts along axis 1; maps (C, H, W) and scalars pass."""
    return values.reshape(-1, *(1,) * (ndim - 2)) if values.ndim == 1 else values


def _round_and_clamp(scaled: Float32, low: int, high: int) -> Levels:
    clamped = np.clip(np.rint(scaled), low, high)  # np.rint rounds half to even
    return clamped.astype(np.int8 if low < 0 else np.uint8)


def requantize(accumulator: Int64, bias: Int64, scale: Float32, low: int, high: int) -> Levels:
    """y = clamp(round_half_even(float32(accumulator + bias) * float32(scale)), low, high).

    Args:
        accumulator: sums of products, shape (images, channels, ...).
        bias: per channel (channels,), or per output pixel (channels, height, width).
        scale: float32, per channel or scalar.
        low: least level; below 0 the result is int8, else uint8.
        high: greatest level.
    """
    total = accumulator + _per_channel(bias, accumulator.ndim)
    scaled = total.astype(np.float32) * _per_channel(np.asarray(scale, np.float32), accumulator.ndim)
    return _round_and_clamp(scaled, low, high)


def add_requantize(left: Levels, right: Levels, scales: tuple[np.float32, np.float32], low: int, high: int) -> Levels:
    """Residual addition: clamp(round_half_even(float32(left) * scales[0] + float32(right) * scales[1])).

    Both products and the sum are rounded to float32 (no fused multiply-add).
    """
    first = left.astype(np.float32) * np.float32(scales[0])
    second = right.astype(np.float32) * np.float32(scales[1])
    return _round_and_clamp(first + second, low, high)


def windows(
    levels: Levels,
    kernel: tuple[int, int],
    stride: tuple[int, int],
    padding: tuple[int, int] = (0, 0),
    dilation: tuple[int, int] = (1, 1),
    *,
    fill: int = 0,
) -> Levels:
    """All windows of images, as a view: (images, channels, out_height, out_width, kernel_height, kernel_width)."""
    pad = ((0, 0), (0, 0), (padding[0],) * 2, (padding[1],) * 2)
    padded = np.pad(levels, pad, constant_values=fill) if any(padding) else levels
    reach = tuple(d * (k - 1) + 1 for d, k in zip(dilation, kernel, strict=True))
    view = np.lib.stride_tricks.sliding_window_view(padded, reach, axis=(2, 3))
    return view[:, :, :: stride[0], :: stride[1], :: dilation[0], :: dilation[1]]


def max_pool(
    levels: Levels,
    kernel: tuple[int, int],
    stride: tuple[int, int],
    padding: tuple[int, int] = (0, 0),
    dilation: tuple[int, int] = (1, 1),
) -> Levels:
    """Maximum over each window; what lies outside the image never wins."""
    fill = int(np.iinfo(levels.dtype).min)
    best: Levels = windows(levels, kernel, stride, padding, dilation, fill=fill).max(axis=(4, 5))
    return best


def sum_pool(
    levels: Levels, kernel: tuple[int, int], stride: tuple[int, int], padding: tuple[int, int] = (0, 0)
) -> Int64:
    """Sum over each window (zero outside the image); requantise it to get average pooling."""
    total: Int64 = windows(levels, kernel, stride, padding).sum(axis=(4, 5), dtype=np.int64)
    return total
