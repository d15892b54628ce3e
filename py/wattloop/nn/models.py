"""The networks of the paper's tables, by name."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from wattloop import own_code
from wattloop.errors import ModelError
from wattloop.nn.architecture import Architecture, OwnArchitecture
from wattloop.nn.resnet import ResNet20, ResNet50
from wattloop.store import content_key

FloatNetwork = nn.Module  # for rooms that do not know torch


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
        own = "file.py:name or package.module:name for one of your own"
        raise ModelError(f"unknown network {name!r}; known: {', '.join(MODELS)}; {own}")
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
    with _seeded(seed):
        model = MODELS[name](classes, in_channels)
    model.wattloop_architecture = Architecture(name, classes, in_channels)  # type: ignore[assignment]
    return model


def build_own(name: str, arguments: Mapping[str, Any], *, seed: int | None = None) -> nn.Module:
    """A float network from code of the user's own, which is run.

    Args:
        name: "file.py:name" or "package.module:name" of what makes it.
        arguments: by keyword.
        seed: of the weights; torch's generator is left alone. None draws from that generator.

    Raises:
        ConfigError: the code cannot be imported, or fails.
        ModelError: what it gives is no `nn.Module`, or an argument is none that a checkpoint can hold.
    """
    kept = _as_kept(arguments)
    with _seeded(seed):
        model = own_code.call(name, arguments, "network.model")
    if not isinstance(model, nn.Module):
        raise ModelError(f"network.model: {own_code.title(name)} gives a {type(model).__name__}, not a torch.nn.Module")
    architecture = OwnArchitecture(own_code.title(name), kept)
    model.wattloop_architecture = architecture  # type: ignore[assignment]
    return model


def _as_kept(arguments: Mapping[str, Any]) -> dict[str, Any]:
    """Arguments as checkpoints give them back, tuples as lists; what they cannot hold is refused before any work."""
    try:
        kept: dict[str, Any] = json.loads(json.dumps(dict(arguments)))
    except (TypeError, ValueError) as error:
        raise ModelError(f"network.arguments: {error}; give numbers, texts, truth values, lists and tables") from error
    return kept


def architecture_of(model: nn.Module) -> Architecture | OwnArchitecture | None:
    """How a network was built, where that was here."""
    found = getattr(model, "wattloop_architecture", None)
    return found if isinstance(found, Architecture | OwnArchitecture) else None


def source_digest(model: nn.Module, name: str | None = None) -> str:
    """What changes when a network does: its code, how it is put together, and the weights that it starts with.

    Args:
        model: with fresh weights.
        name: of the code that made it, as `build_own` takes it: that counts as well, with what it imports beside it.
    """
    classes = {base for module in model.modules() for base in type(module).__mro__}
    foreign = [each for each in classes if each.__module__.partition(".")[0] not in ("torch", "builtins")]
    tensors = [*model.named_parameters(remove_duplicate=False), *model.named_buffers(remove_duplicate=False)]
    return content_key(
        own_code.digest(foreign, name), str(model), [(key, *_content(tensor)) for key, tensor in tensors]
    )


def _content(tensor: Tensor) -> tuple[bool, str, tuple[int, ...], bytes]:
    plain = tensor.detach().cpu().contiguous().flatten().view(torch.uint8)  # numpy does not know all types of torch
    return tensor.requires_grad, str(tensor.dtype), tuple(tensor.shape), plain.numpy().tobytes()


def check_fits(model: nn.Module, shape: tuple[int, ...], classes: int) -> None:
    """Refuse a network that does not give a logit for every class.

    Args:
        model: float network of normalised images.
        shape: of an image (channels, height, width).
        classes: of the data set.

    Raises:
        ModelError: it does not; the message says what it takes or gives instead.
    """
    mode = model.training
    try:
        with torch.no_grad():
            found = model.eval()(torch.zeros(2, *shape))
    except Exception as error:  # whatever a user's forward raises
        said = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise ModelError(f"the network does not take images of shape {shape}: {said}") from error
    model.train(mode)
    given = tuple(found.shape) if isinstance(found, Tensor) else type(found).__name__
    if not (isinstance(found, Tensor) and found.dim() == 2 and found.shape[1] >= classes):
        raise ModelError(
            f"the network gives {given} for 2 images, not a logit for each of {classes} classes: set the number of"
            " outputs, such as num_classes, in [network.arguments]"
        )


@contextmanager
def _seeded(seed: int | None) -> Iterator[None]:
    with torch.random.fork_rng(devices=[], enabled=seed is not None):
        if seed is not None:
            torch.manual_seed(seed)
        yield


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
