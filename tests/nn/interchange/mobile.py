"""A small network in the manner of MobileNetV3, for 32x32 images."""

from __future__ import annotations

import torch
from torch import Tensor, nn


class Excitation(nn.Module):
    """Squeeze and excitation: a factor for each channel, from its mean."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.reduce, self.expand = nn.Conv2d(channels, 4, 1), nn.Conv2d(4, channels, 1)
        self.gate = nn.Hardsigmoid()

    def forward(self, x: Tensor) -> Tensor:
        return x * self.gate(self.expand(torch.relu(self.reduce(x.mean((2, 3), keepdim=True)))))


class Mobile(nn.Module):
    """Hard swish, squeeze and excitation, a shortcut, branches of signed and unsigned levels that are joined."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Sequential(nn.Conv2d(3, 8, 3, 2, 1, bias=False), nn.BatchNorm2d(8), nn.Hardswish())
        self.widen = nn.Sequential(nn.Conv2d(8, 12, 1, bias=False), nn.BatchNorm2d(12), nn.Hardswish())
        self.depthwise = nn.Sequential(nn.Conv2d(12, 12, 3, 1, 1, groups=12), nn.BatchNorm2d(12), nn.ReLU())
        self.excite = Excitation(12)
        self.project = nn.Conv2d(12, 8, 1)
        self.left = nn.Sequential(nn.Conv2d(8, 4, 3, 2, 1), nn.ReLU6())
        self.right = nn.Sequential(nn.Conv2d(8, 6, 3, 2, 1), nn.SiLU())
        self.last, self.hidden, self.head = nn.Conv2d(10, 12, 1), nn.Linear(12, 10), nn.Linear(10, 5)
        self.smooth = nn.Hardswish()

    def forward(self, x: Tensor) -> Tensor:
        x = self.stem(x)
        x = x + self.project(self.excite(self.depthwise(self.widen(x))))
        x = torch.cat([self.left(x), self.right(x)], dim=1)
        x = self.smooth(self.last(x)).mean((2, 3))
        return self.head(self.smooth(self.hidden(x)))
