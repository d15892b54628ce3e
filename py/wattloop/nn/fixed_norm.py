"""A gain and a shift for each channel in the place of a batch norm, for networks that come with theirs folded."""

from __future__ import annotations

from torch import Tensor, nn


class FixedNorm(nn.BatchNorm2d):
    """A batch norm whose statistics are 0 and 1 and stay so, in training too; its gain and shift are trained.

    Behind a linear layer the channels are on the last axis, else on axis 1. Gain and shift are float64, so that a
    requantisation factor of float32 and an integer bias follow from them to the bit.
    """

    def __init__(self, channels: int, *, last: bool = False) -> None:
        super().__init__(channels, eps=0.0)
        self._last = last
        self.double()
        self.training = False

    def train(self, mode: bool = True) -> FixedNorm:
        """Nothing of it depends on the mode."""
        return self

    def forward(self, real: Tensor) -> Tensor:
        """Gain times the input, of shape (images, channels, ...) or (images, ..., channels), plus the shift."""
        shape = (-1,) if self._last else (1, -1) + (1,) * (real.dim() - 2)
        return real * self.weight.to(real.dtype).view(shape) + self.bias.to(real.dtype).view(shape)
