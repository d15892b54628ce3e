"""What lies between the layers, on levels: sums, products, tables, pooling, moves; each has a twin in `nn.integer`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from wattloop.arith.quant import level_range
from wattloop.nn.fake import look_up, quantize_levels, straight_through
from wattloop.nn.grid import Activation
from wattloop.nn.norms import BatchNorm, bias_and_scale, gain_and_shift

Pair = tuple[int, int]


class Requantizing(nn.Module):
    """Has its own output grid.

    Attributes:
        activation: says the sign and the greatest value of the output grid.
        in_scales: real value of a level of each input, float64.
        out_scale: real value of an output level.
    """

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


class QuantAdd(Requantizing):
    """Residual addition: clamp(round_half_even(float32(a) * fa + float32(b) * fb))."""

    def __init__(self, activation: Activation) -> None:
        super().__init__(activation, inputs=2)

    def forward(self, left: Tensor, right: Tensor) -> Tensor:
        """Sum of two tensors of levels."""
        first, second = self.factors()
        return quantize_levels(left * first + right * second, *self.levels())


class QuantAvgPool(Requantizing):
    """Average pooling: the integer sum of each window, requantised; zeros of the padding count."""

    def __init__(self, activation: Activation, kernel: Pair, stride: Pair, padding: Pair, divisor: int) -> None:
        super().__init__(activation, inputs=1)
        self.kernel, self.stride, self.padding, self.divisor = kernel, stride, padding, divisor

    def factors(self) -> Tensor:
        """float32 factor of the sum."""
        return (self.in_scales / (self.out_scale * self.divisor)).to(torch.float32)

    def forward(self, levels: Tensor) -> Tensor:
        """Pool (images, channels, height, width)."""
        if self.kernel[0] * self.kernel[1] * 255 >= 1 << 24:
            levels = levels.double()  # float32 would round the sums
        sums = functional.avg_pool2d(levels, self.kernel, self.stride, self.padding, divisor_override=1)
        return quantize_levels(sums.to(torch.float32) * self.factors(), *self.levels())


class QuantRescale(Requantizing):
    """An activation that stands alone: levels moved to another grid."""

    def __init__(self, activation: Activation) -> None:
        super().__init__(activation, inputs=1)

    def forward(self, levels: Tensor) -> Tensor:
        """Any shape."""
        return quantize_levels(levels * self.factors(), *self.levels())


class QuantMul(Requantizing):
    """Product with broadcasting: clamp(round_half_even(float32(a * b) * factor)), a * b being exact."""

    def __init__(self, activation: Activation) -> None:
        super().__init__(activation, inputs=2)

    def factors(self) -> Tensor:
        """float32 factor of the product."""
        return (self.in_scales.prod() / self.out_scale).to(torch.float32)

    def forward(self, left: Tensor, right: Tensor) -> Tensor:
        """Product of two tensors of levels whose shapes broadcast."""
        return quantize_levels(left * right * self.factors(), *self.levels())


class QuantConcat(Requantizing):
    """Tensors one after another along an axis, each moved to the common grid first."""

    def __init__(self, activation: Activation, parts: int, axis: int) -> None:
        super().__init__(activation, inputs=parts)
        self.axis = axis

    @property
    def parts(self) -> int:
        """How many tensors."""
        return len(self.in_scales)

    def forward(self, *parts: Tensor) -> Tensor:
        """Tensors of levels that differ along the axis alone."""
        moved = zip(parts, self.factors(), strict=True)
        return torch.cat([quantize_levels(part * factor, *self.levels()) for part, factor in moved], self.axis)


class QuantTable(Requantizing):
    """An element-wise function: a table with an entry for each input level; its gradient is the function's own.

    Attributes:
        function: real numbers in, real numbers out.
        title: what it is called.
        in_signed: input levels are int8.
    """

    def __init__(
        self, function: Callable[[Tensor], Tensor], title: str, activation: Activation, *, in_signed: bool
    ) -> None:
        super().__init__(activation, inputs=1)
        self.function, self.title, self.in_signed = function, title, in_signed

    @torch.no_grad()
    def table(self) -> Tensor:
        """Output level for every input level from the least one on, float64, shape (256,)."""
        least, greatest = level_range(self.in_signed)
        levels = torch.arange(least, greatest + 1, dtype=torch.float64, device=self.out_scale.device)
        return quantize_levels(self.function(levels * self.in_scales) / self.out_scale, *self.levels())

    def forward(self, levels: Tensor) -> Tensor:
        """Any shape."""
        found = look_up(self.table(), levels.detach(), level_range(self.in_signed)[0])
        if not (torch.is_grad_enabled() and levels.requires_grad):
            return found
        real = self.function(levels * self.in_scales.to(torch.float32)) / self.out_scale.to(torch.float32)
        return straight_through(found, quantize_levels(real, *self.levels()))


class QuantNorm(Requantizing):
    """A batch norm that stands alone: clamp(round_half_even(float32(level + bias) * scale)) by channel.

    In training mode it uses and updates its batch statistics.
    """

    def __init__(self, norm: BatchNorm, activation: Activation) -> None:
        super().__init__(activation, inputs=1)
        self.norm = norm

    def requantisation(self) -> tuple[Tensor, Tensor]:
        """Integer bias per channel (float64 tensor) and float32 scale per channel."""
        none = torch.zeros(self.norm.num_features, dtype=torch.float64, device=self.out_scale.device)
        return bias_and_scale(*gain_and_shift(self.norm, none), self.in_scales[0], self.out_scale)

    def forward(self, levels: Tensor) -> Tensor:
        """Levels (images, channels, ...)."""
        if self.training:
            real: Tensor = self.norm(levels * self.in_scales.to(torch.float32))
            return quantize_levels(real / self.out_scale.to(torch.float32), *self.levels())
        bias, scale = (part.view(-1, *(1,) * (levels.dim() - 2)) for part in self.requantisation())
        return quantize_levels((levels.double() + bias).to(torch.float32) * scale, *self.levels())


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


class Reshape(nn.Module):
    """Another shape of each image, row by row; the grid stays.

    Attributes:
        shape: of an image.
    """

    def __init__(self, shape: tuple[int, ...]) -> None:
        super().__init__()
        self.shape = shape

    def forward(self, levels: Tensor) -> Tensor:
        """(images, ...) -> (images, *shape)."""
        return levels.reshape(len(levels), *self.shape)


class Permute(nn.Module):
    """Axes in another order; the grid stays.

    Attributes:
        axes: of the output, as numbers of the input's; the images stay axis 0.
    """

    def __init__(self, axes: tuple[int, ...]) -> None:
        super().__init__()
        self.axes = axes

    def forward(self, levels: Tensor) -> Tensor:
        """(images, ...) -> (images, ...)."""
        return levels.permute(self.axes)


class Slice(nn.Module):
    """Indexing with slices and whole numbers; the grid stays."""

    def __init__(self, index: tuple[Any, ...]) -> None:
        super().__init__()
        self.index = index

    def forward(self, levels: Tensor) -> Tensor:
        """Take a part of each axis."""
        return levels[self.index]


class Pad(nn.Module):
    """Zeros around the last axes, in torch's order (last axis first); the grid stays.

    Attributes:
        amounts: as `torch.nn.functional.pad` takes them.
        zero: level of each channel that stands for 0, float32, shape (1, channels, 1, 1); None for 0.
    """

    zero: Tensor | None

    def __init__(self, amounts: tuple[int, ...]) -> None:
        super().__init__()
        self.amounts = amounts
        self.register_buffer("zero", None)

    def forward(self, levels: Tensor) -> Tensor:
        """Pad."""
        if self.zero is None:
            return functional.pad(levels, self.amounts)
        return functional.pad(levels - self.zero, self.amounts) + self.zero
