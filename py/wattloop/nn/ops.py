"""What lies between the layers, on levels: residual addition, pooling, reshaping; each has its twin in `nn.integer`."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from wattloop.nn.fake import quantize_levels
from wattloop.nn.grid import Activation

Pair = tuple[int, int]


class _Requantizing(nn.Module):
    """Has its own output grid."""

    out_scale: Tensor

    def __init__(self, activation: Activation, inputs: int) -> None:
        super().__init__()
        self.activation = activation
        self.register_buffer("in_scales", torch.ones(inputs, dtype=torch.float64))
        self.register_buffer("out_scale", torch.ones((), dtype=torch.float64))

    in_scales: Tensor

    def levels(self) -> tuple[int, int]:
        """Least and greatest output level."""
        return self.activation.levels(float(self.out_scale))

    def factors(self) -> Tensor:
        """float32 factor of each input: its scale over the output's."""
        return (self.in_scales / self.out_scale).to(torch.float32)


class QuantAdd(_Requantizing):
    """Residual addition: clamp(round_half_even(float32(a) * fa + float32(b) * fb))."""

    def __init__(self, activation: Activation) -> None:
        super().__init__(activation, inputs=2)

    def forward(self, left: Tensor, right: Tensor) -> Tensor:
        """Sum of two tensors of levels."""
        first, second = self.factors()
        return quantize_levels(left * first + right * second, *self.levels())


class QuantAvgPool(_Requantizing):
    """Average pooling: the integer sum of each window, requantised; zeros of the padding count."""

    def __init__(self, activation: Activation, kernel: Pair, stride: Pair, padding: Pair, divisor: int) -> None:
        super().__init__(activation, inputs=1)
        self.kernel, self.stride, self.padding, self.divisor = kernel, stride, padding, divisor

    def factors(self) -> Tensor:
        """float32 factor of the sum."""
        return (self.in_scales / (self.out_scale * self.divisor)).to(torch.float32)

    def forward(self, levels: Tensor) -> Tensor:
        """Pool (images, channels, height, width)."""
        sums = functional.avg_pool2d(levels, self.kernel, self.stride, self.padding, divisor_override=1)
        return quantize_levels(sums * self.factors(), *self.levels())


class QuantRescale(_Requantizing):
    """An activation that stands alone: levels moved to another grid."""

    def __init__(self, activation: Activation) -> None:
        super().__init__(activation, inputs=1)

    def forward(self, levels: Tensor) -> Tensor:
        """Any shape."""
        return quantize_levels(levels * self.factors(), *self.levels())


class MaxPool(nn.Module):
    """Maximum over windows; the grid stays."""

    def __init__(self, kernel: Pair, stride: Pair, padding: Pair, dilation: Pair) -> None:
        super().__init__()
        self.kernel, self.stride, self.padding, self.dilation = kernel, stride, padding, dilation

    def forward(self, levels: Tensor) -> Tensor:
        """Pool (images, channels, height, width)."""
        return functional.max_pool2d(levels, self.kernel, self.stride, self.padding, self.dilation)


class Flatten(nn.Module):
    """Everything but the images in one axis; the grid stays."""

    def forward(self, levels: Tensor) -> Tensor:
        """(images, ...) -> (images, features)."""
        return levels.flatten(1)


class Slice(nn.Module):
    """Indexing with slices; the grid stays."""

    def __init__(self, index: tuple[slice, ...]) -> None:
        super().__init__()
        self.index = index

    def forward(self, levels: Tensor) -> Tensor:
        """Take a part of each axis."""
        return levels[self.index]


class Pad(nn.Module):
    """Zeros around the last axes, in torch's order (last axis first); the grid stays."""

    def __init__(self, amounts: tuple[int, ...]) -> None:
        super().__init__()
        self.amounts = amounts

    def forward(self, levels: Tensor) -> Tensor:
        """Pad."""
        return functional.pad(levels, self.amounts)
