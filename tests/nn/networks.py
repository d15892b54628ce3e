"""Small networks that between them hold every supported layer."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn import functional


class Residual(nn.Module):
    """Depthwise, grouped, dilated and strided convolutions, two kinds of shortcut, average pooling, ReLU6."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, 8, 3, stride=2, padding=1, bias=False)
        self.stem_bn = nn.BatchNorm2d(8)
        self.depthwise = nn.Conv2d(8, 8, 3, padding=1, groups=8)
        self.relu6 = nn.ReLU6()
        self.grouped = nn.Conv2d(8, 8, (3, 1), padding=(1, 0), groups=2)
        self.bn = nn.BatchNorm2d(8)
        self.dilated = nn.Conv2d(8, 16, 3, padding="same", dilation=2)
        self.pool = nn.AvgPool2d(2, padding=1)
        self.head = nn.Linear(16, 5)

    def forward(self, x: Tensor) -> Tensor:
        x = torch.relu(self.stem_bn(self.stem(x)))
        y = self.bn(self.grouped(self.relu6(self.depthwise(x))))
        x = functional.relu(x + y)
        wide = self.dilated(x)
        shortcut = functional.pad(x, (0, 0, 0, 0, 4, 4))
        x = self.pool((wide + shortcut)[:, :, 1:, ::2])  # signed levels: no ReLU
        x = x.mean((2, 3), keepdim=True)
        return self.head(x.view(x.size(0), -1))


class PoolFirst(nn.Module):
    """A maximum between convolution and ReLU, a ReLU that stands alone, a convolution that reads signed levels."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Conv2d(3, 6, 5)
        self.pool = nn.MaxPool2d(3, 2, 1)
        self.second = nn.Conv2d(6, 4, 3, bias=False)
        self.second_bn = nn.BatchNorm2d(4, affine=False)
        self.third = nn.Conv2d(4, 6, 1)
        self.drop = nn.Dropout(0.5)

    def forward(self, x: Tensor) -> Tensor:
        x = self.pool(self.first(x)).relu()
        y = self.second_bn(self.second(x))
        z = self.third(y) + functional.max_pool2d(x, 3, 1)
        z = self.drop(functional.relu(z))
        return torch.flatten(functional.adaptive_avg_pool2d(z, 1), 1)


class PreActivation(nn.Module):
    """A value that is read both with and without its ReLU."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Conv2d(3, 4, 3, padding=1)
        self.second = nn.Conv2d(4, 4, 3, padding=1)
        self.head = nn.Conv2d(4, 5, 16)

    def forward(self, x: Tensor) -> Tensor:
        x = self.first(x)
        return self.head(self.second(torch.relu(x)) + x).flatten(1)


def mlp() -> nn.Module:
    return nn.Sequential(nn.Flatten(), nn.Linear(3 * 16 * 16, 12), nn.BatchNorm1d(12), nn.ReLU(), nn.Linear(12, 5))


NETWORKS: dict[str, Callable[[], nn.Module]] = {
    "residual": Residual,
    "pool first": PoolFirst,
    "pre-activation": PreActivation,
    "mlp": mlp,
}


def randomised(make: Callable[[], nn.Module], seed: int = 0) -> nn.Module:
    """The network with random weights and batch norms whose gains have both signs (one is 0)."""
    torch.manual_seed(seed)
    model = make().eval()
    for module in model.modules():
        if isinstance(module, nn.BatchNorm2d | nn.BatchNorm1d):
            assert module.running_mean is not None and module.running_var is not None
            module.running_mean.normal_(0, 0.5)
            module.running_var.uniform_(0.5, 2)
            if module.affine:
                nn.init.normal_(module.weight)
                nn.init.normal_(module.bias, 0, 0.3)
                with torch.no_grad():
                    module.weight[0] = 0
    return model
