"""The networks of the paper's tables, by name."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from wattloop.errors import ModelError
from wattloop.nn.resnet import ResNet20, ResNet50


@dataclass(frozen=True)
class Architecture:
    """How a network is built again; kept in checkpoints.

    Attributes:
        name: a key of `MODELS`; what an imported network is called.
        classes: number of outputs.
        in_channels: channels of the images (32x32).
        program: steps of an imported network (`wattloop.nn.interchange.program`); None for those of `MODELS`.
    """

    name: str
    classes: int
    in_channels: int
    program: dict[str, Any] | None = None


class LeNet5(nn.Module):
    """LeNet-5 for 32x32 images: convolutions of 6 and 16 maps, then 120, 84 and the classes; ReLU, max pooling."""

    def __init__(self, classes: int, in_channels: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(in_channels, 6, 5)
        self.conv2 = nn.Conv2d(6, 16, 5)
        self.fc1 = nn.Linear(16 * 5 * 5, 120)
        self.fc2 = nn.Linear(120, 84)
        self.fc3 = nn.Linear(84, classes)

    def forward(self, x: Tensor) -> Tensor:
        """Logits of normalised images (images, channels, 32, 32)."""
        x = torch.max_pool2d(torch.relu(self.conv1(x)), 2)
        x = torch.max_pool2d(torch.relu(self.conv2(x)), 2)
        x = torch.relu(self.fc1(torch.flatten(x, 1)))
        logits: Tensor = self.fc3(torch.relu(self.fc2(x)))
        return logits


class LeNet5Wide(nn.Module):
    """LeNet-5 with wider maps (24 and 48), batch norm and dropout, near the paper's 78.9 % on CIFAR-10.

    The paper does not say how its LeNet-5 reaches 78.9 % on CIFAR-10; the classical widths stay well below.
    """

    def __init__(self, classes: int, in_channels: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(in_channels, 24, 5, bias=False)
        self.bn1 = nn.BatchNorm2d(24)
        self.conv2 = nn.Conv2d(24, 48, 5, bias=False)
        self.bn2 = nn.BatchNorm2d(48)
        self.fc1 = nn.Linear(48 * 5 * 5, 120)
        self.drop = nn.Dropout(0.1)
        self.fc2 = nn.Linear(120, 84)
        self.fc3 = nn.Linear(84, classes)

    def forward(self, x: Tensor) -> Tensor:
        """Logits of normalised images (images, channels, 32, 32)."""
        x = torch.max_pool2d(torch.relu(self.bn1(self.conv1(x))), 2)
        x = torch.max_pool2d(torch.relu(self.bn2(self.conv2(x))), 2)
        x = self.drop(torch.relu(self.fc1(torch.flatten(x, 1))))
        logits: Tensor = self.fc3(torch.relu(self.fc2(x)))
        return logits


MODELS: dict[str, Callable[[int, int], nn.Module]] = {
    "lenet5": LeNet5,
    "lenet5_wide": LeNet5Wide,
    "resnet20": ResNet20,
    "resnet50": ResNet50,
}


def known(name: str) -> str:
    """`name`, if there is a network of that name.

    Raises:
        ModelError: there is none; the message lists them.
    """
    if name not in MODELS:
        raise ModelError(f"unknown network {name!r}; known: {', '.join(MODELS)}")
    return name


def build(name: str, classes: int, in_channels: int = 3, *, seed: int | None = None) -> nn.Module:
    """A float network with fresh weights.

    Args:
        name: "lenet5", "lenet5_wide", "resnet20" or "resnet50"; all take 32x32 images.
        classes: number of outputs.
        in_channels: channels of the images.
        seed: of the weights; torch's generator is left alone. None draws from that generator.

    Raises:
        ModelError: unknown name.
    """
    known(name)
    with torch.random.fork_rng(devices=[], enabled=seed is not None):
        if seed is not None:
            torch.manual_seed(seed)
        model = MODELS[name](classes, in_channels)
    model.architecture = Architecture(name, classes, in_channels)  # type: ignore[assignment]
    return model


class Normalized(nn.Module):
    """A float network behind the normalisation of its input: takes raw uint8 pixels.

    Attributes:
        model: the network.
        normalisation: (mean, std) per channel, of pixels / 255.
    """

    normalisation: tuple[tuple[float, ...], tuple[float, ...]]
    mean: Tensor
    std: Tensor

    def __init__(self, model: nn.Module, mean: Sequence[float], std: Sequence[float]) -> None:
        super().__init__()
        self.model = model
        self.normalisation = (tuple(mean), tuple(std))
        self.register_buffer("mean", torch.tensor(self.normalisation[0]).view(1, -1, 1, 1), persistent=False)
        self.register_buffer("std", torch.tensor(self.normalisation[1]).view(1, -1, 1, 1), persistent=False)

    def forward(self, images: Tensor) -> Tensor:
        """Logits of uint8 pixels (images, channels, height, width)."""
        pixels = images.to(torch.float32, memory_format=torch.channels_last)
        logits: Tensor = self.model((pixels / 255.0 - self.mean) / self.std)
        return logits


def load_float(model: nn.Module, path: Path) -> None:
    """Read a `torch.save` checkpoint into `model` without running code from it (`weights_only`).

    Keys may be prefixed `module.` and stand under `state_dict`.

    Raises:
        ModelError: missing, damaged, or of another network.
    """
    try:
        loaded = torch.load(path, map_location="cpu", weights_only=True)
        state = loaded.get("state_dict", loaded)
        model.load_state_dict({key.removeprefix("module."): value for key, value in state.items()})
    except (OSError, RuntimeError, ValueError, AttributeError, EOFError, KeyError) as error:
        raise ModelError(f"cannot read weights {path}: {str(error).splitlines()[0]}") from error
    except Exception as error:  # pickle.UnpicklingError and what a hostile file may provoke
        raise ModelError(f"cannot read weights {path}: not a file of tensors") from error
