"""Convolution as a matrix product: the reduction runs over (channel, kernel row, kernel column), pixels row-major."""

from __future__ import annotations

import numpy as np

from wattloop.arith.layer import ConvGeometry, Int8, Int64
from wattloop.arith.quant import Levels, windows


def im2col(inputs: Levels, geometry: ConvGeometry) -> Levels:
    """The right-hand matrices of a convolution (paper section 3.2).

    Args:
        inputs: shape (images, in_channels, in_height, in_width).
        geometry: of the convolution.

    Returns:
        Shape (images, groups, reduction, pixels), of the inputs' dtype.
    """
    view = windows(inputs, geometry.kernel, geometry.stride, geometry.padding, geometry.dilation)
    columns = view.transpose(0, 1, 4, 5, 2, 3)
    return columns.reshape(len(inputs), geometry.groups, geometry.reduction, geometry.pixels)


def patch(image: Levels, geometry: ConvGeometry, group: int, rows: Int64, pixels: Int64) -> Levels:
    """A block of one image's im2col matrix without building the rest of it.

    Args:
        image: shape (in_channels, in_height, in_width).
        geometry: of the convolution.
        group: which group of channels.
        rows: reduction indices, shape (rows,).
        pixels: output pixels, shape (pixels,).

    Returns:
        Shape (rows, pixels), of the image's dtype.
    """
    kernel_h, kernel_w = geometry.kernel
    channel = rows // (kernel_h * kernel_w) + group * (geometry.in_channels // geometry.groups)
    tap_y, tap_x = rows // kernel_w % kernel_h, rows % kernel_w
    y = _positions(pixels // geometry.out_width, tap_y, geometry, 0)
    x = _positions(pixels % geometry.out_width, tap_x, geometry, 1)
    inside = (y >= 0) & (y < geometry.in_height) & (x >= 0) & (x < geometry.in_width)
    found = image[channel[:, None], y.clip(0, geometry.in_height - 1), x.clip(0, geometry.in_width - 1)]
    return np.where(inside, found, image.dtype.type(0))


def _positions(out: Int64, tap: Int64, geometry: ConvGeometry, axis: int) -> Int64:
    """Input coordinate along `axis` for every (tap, output pixel)."""
    start = out * geometry.stride[axis] - geometry.padding[axis]
    return start[None, :] + tap[:, None] * geometry.dilation[axis]


def convolve(inputs: Levels, weight: Int8, geometry: ConvGeometry) -> Int64:
    """Integer convolution by im2col.

    The products run through BLAS in float64, which holds them exactly: sums stay far below 2**53.

    Args:
        inputs: shape (images, in_channels, in_height, in_width).
        weight: shape (out_channels, reduction).
        geometry: of the convolution.

    Returns:
        int64, shape (images, out_channels, out_height, out_width).
    """
    columns = im2col(inputs, geometry).astype(np.float64)
    per_group = weight.reshape(geometry.groups, -1, geometry.reduction).astype(np.float64)
    sums: Int64 = np.matmul(per_group[None], columns).astype(np.int64)
    shape = (len(inputs), geometry.out_channels, geometry.out_height, geometry.out_width)
    return sums.reshape(shape)
