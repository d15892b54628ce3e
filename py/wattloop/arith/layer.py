"""Integer layers and their traces: what the quantised network hands to the hardware side."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from wattloop.errors import ModelError

Int8 = npt.NDArray[np.int8]
Int32 = npt.NDArray[np.int32]
Int64 = npt.NDArray[np.int64]
UInt8 = npt.NDArray[np.uint8]
Float32 = npt.NDArray[np.float32]


@dataclass(frozen=True)
class ConvGeometry:
    """Shape of a two-dimensional convolution; a linear layer is a 1x1 convolution of a 1x1 image."""

    in_channels: int
    out_channels: int
    in_height: int
    in_width: int
    kernel: tuple[int, int] = (1, 1)
    stride: tuple[int, int] = (1, 1)
    padding: tuple[int, int] = (0, 0)
    dilation: tuple[int, int] = (1, 1)
    groups: int = 1

    def __post_init__(self) -> None:
        if self.in_channels % self.groups or self.out_channels % self.groups:
            raise ModelError(
                f"{self.groups} groups do not divide {self.in_channels} input and {self.out_channels} output channels"
            )
        if min(self.out_height, self.out_width) < 1:
            raise ModelError(f"kernel {self.kernel} does not fit the {self.in_height}x{self.in_width} input")

    def _out(self, axis: int, size: int) -> int:
        reach = self.dilation[axis] * (self.kernel[axis] - 1) + 1
        return (size + 2 * self.padding[axis] - reach) // self.stride[axis] + 1

    @property
    def out_height(self) -> int:
        """Rows of the output image."""
        return self._out(0, self.in_height)

    @property
    def out_width(self) -> int:
        """Columns of the output image."""
        return self._out(1, self.in_width)

    @property
    def reduction(self) -> int:
        """K, the reduction length of one group: in_channels / groups * kernel height * kernel width."""
        return self.in_channels // self.groups * self.kernel[0] * self.kernel[1]

    @property
    def pixels(self) -> int:
        """Output pixels of one image."""
        return self.out_height * self.out_width

    @property
    def macs(self) -> int:
        """Multiply-accumulates of one image."""
        return self.out_channels * self.reduction * self.pixels


@dataclass(frozen=True)
class IntegerLayer:
    """One convolution or linear layer in integers.

    Attributes:
        name: dotted module name in the torch model.
        kind: "conv" or "linear".
        geometry: shape.
        weight: int8, shape (out_channels, reduction), columns in im2col order (channel, row, column of the kernel).
        activation_signed: inputs are int8 instead of uint8.
        activation_bits: bits that the inputs need.
    """

    name: str
    kind: str
    geometry: ConvGeometry
    weight: Int8
    activation_signed: bool = False
    activation_bits: int = 8

    def __post_init__(self) -> None:
        want = (self.geometry.out_channels, self.geometry.reduction)
        if self.weight.shape != want:
            raise ModelError(f"layer {self.name}: weight shape {self.weight.shape}, expected {want}")


@dataclass(frozen=True)
class LayerTrace:
    """A layer with the integer inputs that it saw.

    Attributes:
        layer: the layer.
        inputs: uint8 (int8 when signed), shape (images, in_channels, in_height, in_width).
    """

    layer: IntegerLayer
    inputs: UInt8 | Int8

    @property
    def images(self) -> int:
        """Images of the trace."""
        return int(self.inputs.shape[0])
