"""A small network with a depthwise convolution, a linear bottleneck, squeeze and excitation, and smooth activations."""

from __future__ import annotations

from torch import Tensor, nn


class Block(nn.Module):
    """An inverted residual, as in MobileNetV3: expand, depthwise, weigh the channels, project without an activation."""

    def __init__(self, channels: int, expansion: int) -> None:
        super().__init__()
        wide = channels * expansion
        self.expand = nn.Sequential(nn.Conv2d(channels, wide, 1, bias=False), nn.BatchNorm2d(wide), nn.Hardswish())
        self.depthwise = nn.Sequential(
            nn.Conv2d(wide, wide, 3, padding=1, groups=wide, bias=False), nn.BatchNorm2d(wide), nn.Hardswish()
        )
        self.weigh = nn.Sequential(
            nn.Conv2d(wide, wide // 4, 1), nn.ReLU(), nn.Conv2d(wide // 4, wide, 1), nn.Sigmoid()
        )
        self.project = nn.Sequential(nn.Conv2d(wide, channels, 1, bias=False), nn.BatchNorm2d(channels))

    def forward(self, x: Tensor) -> Tensor:
        """(images, channels, height, width) -> the same shape."""
        y = self.depthwise(self.expand(x))
        y = y * self.weigh(y.mean((2, 3), keepdim=True))
        return x + self.project(y)


def make(classes: int, width: int = 8, expansion: int = 2) -> nn.Module:
    """The network for images of one channel, with fresh weights."""
    stem = nn.Sequential(nn.Conv2d(1, width, 3, stride=2, padding=1, bias=False), nn.BatchNorm2d(width), nn.ReLU())
    head = nn.Sequential(nn.AdaptiveAvgPool2d(3), nn.Flatten(), nn.Linear(9 * width, classes))
    return nn.Sequential(stem, Block(width, expansion), nn.MaxPool2d(2), Block(width, expansion), head)
