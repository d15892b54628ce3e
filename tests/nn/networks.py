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


class SamePadding(nn.Conv2d):
    """A convolution that pads as TensorFlow does, by a forward of its own."""

    def forward(self, x: Tensor) -> Tensor:
        height, width = (-(-size // 2) * 2 - size + 1 for size in x.shape[2:])
        return functional.conv2d(functional.pad(x, (0, width, 0, height)), self.weight, self.bias, self.stride)


class Gated(nn.Module):
    """Squeeze and excitation, smooth activations, padding on one side, layers called by their parameters."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = SamePadding(3, 8, 3, stride=2, bias=False)
        self.norm = nn.BatchNorm2d(8)
        self.act = nn.Hardswish()
        self.reduce = nn.Conv2d(8, 4, 1)
        self.expand = nn.Conv2d(4, 8, 1)
        self.gate = nn.Hardsigmoid()
        self.project = nn.Conv2d(8, 6, 2, padding="same")
        self.head = nn.Linear(6, 5)

    def forward(self, x: Tensor, scale: Tensor | None = None, hard: bool = True) -> Tensor:
        if x.shape[2] % 2:
            raise ValueError("odd images")
        x = self.stem(x)
        norm = self.norm
        x = self.act(functional.batch_norm(x, norm.running_mean, norm.running_var, norm.weight, norm.bias))
        squeezed = functional.silu(self.reduce(x.mean((2, 3), keepdim=True)), inplace=True)
        x = x * self.gate(self.expand(squeezed)) if hard and scale is None else x
        x = functional.leaky_relu(self.project(x), 0.2).clamp(-1, 3)
        return functional.linear(x.mean((2, 3)), self.head.weight, self.head.bias)


class Shuffled(nn.Module):
    """Channels cut, shuffled and joined; a batch norm that stands alone; products; tables of both signs."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, 8, 3, stride=2, padding=1)
        self.left = nn.Conv2d(4, 4, 3, padding=1, groups=4)
        self.norm = nn.BatchNorm2d(8)
        self.tail = nn.Conv2d(8, 4, 3)
        self.head = nn.Linear(4 * 36, 5)

    def forward(self, x: Tensor) -> Tensor:
        x = functional.gelu(self.stem(x))
        first, second = x.chunk(2, dim=1)
        x = torch.cat([torch.tanh(self.left(first)), second], dim=1)
        x = x.view(x.size(0), 2, 4, 8, 8).transpose(1, 2).reshape(-1, 8, 8, 8)
        x = self.tail(functional.relu(self.norm(x)))
        x = torch.sigmoid(x) * x
        return self.head(x.flatten(1))


class Tokens(nn.Module):
    """A transformer block on patches with a class token: layer norms and attention in floating point."""

    def __init__(self) -> None:
        super().__init__()
        self.patches = nn.Conv2d(3, 12, 4, stride=4)
        self.first = nn.Parameter(torch.randn(1, 1, 12) * 0.5)
        self.places = nn.Parameter(torch.randn(1, 17, 12) * 0.3)
        self.before, self.after, self.last = nn.LayerNorm(12), nn.LayerNorm(12), nn.LayerNorm(12)
        self.qkv = nn.Linear(12, 36)
        self.out = nn.Linear(12, 12)
        self.widen, self.narrow = nn.Linear(12, 20), nn.Linear(20, 12)
        self.head = nn.Linear(24, 5)

    def forward(self, x: Tensor) -> Tensor:
        x = self.patches(x).flatten(2).transpose(1, 2)
        count = x.shape[0]
        x = torch.cat([self.first.expand(count, -1, -1), x], dim=1) + self.places
        queries, keys, values = self.qkv(self.before(x)).reshape(count, 17, 3, 2, 6).permute(2, 0, 3, 1, 4).unbind(0)
        seen = (queries * 6**-0.5 @ keys.transpose(-2, -1)).softmax(dim=-1) @ values
        x = x + self.out(seen.transpose(1, 2).reshape(count, 17, 12))
        x = x + self.narrow(functional.gelu(self.widen(self.after(x))))
        x = self.last(x)
        return self.head(torch.cat([x[:, 0], x[:, 1:].mean(1)], dim=1))


def mlp() -> nn.Module:
    return nn.Sequential(nn.Flatten(), nn.Linear(3 * 16 * 16, 12), nn.BatchNorm1d(12), nn.ReLU(), nn.Linear(12, 5))


# Layers, sums, pools and ReLU alone.
CLASSICAL: dict[str, Callable[[], nn.Module]] = {
    "residual": Residual,
    "pool first": PoolFirst,
    "pre-activation": PreActivation,
    "mlp": mlp,
}
# Tables, products, joins, tokens and float parts as well.
WIDER: dict[str, Callable[[], nn.Module]] = {"gated": Gated, "shuffled": Shuffled, "tokens": Tokens}
NETWORKS = CLASSICAL | WIDER


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
