"""The section `[network]`: what is computed, of wattloop's own or of the user's."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from wattloop import own_code
from wattloop.checks import require, require_seed


@dataclass(frozen=True)
class NetworkSettings:
    """What is computed.

    Attributes:
        model: name of a network ("lenet5", "lenet5_wide", "resnet20", "resnet50"), or what makes one of your own:
            "net.py:make" (a file from the folder of the TOML file on, and a name in it) or "package.module:make". Its
            code is run (docs/own-model.md).
        dataset: name of a data set ("digits", "cifar10", "cifar100"), or what makes one of your own, as `model`.
        data_root: folder with the official archive, packed or not; None for the user's data folder, where it is
            downloaded to.
        checkpoint: a trained int8 network (`network.safetensors` of a run, or an ONNX model); None trains one.
        initial_weights: weights of the float network that training starts from, as others saved them; None for fresh
            ones.
        mean, std: of pixels / 255 by channel, what the network's input is normalised with; None for the data set's.
        calibration_images: training images that set the scales of the activations.
        seed: of the fresh weights.
        arguments: of a network of your own, by keyword.
        data_arguments: of a data set of your own, by keyword.
    """

    model: str = "lenet5"
    dataset: str = "digits"
    data_root: str | None = None
    checkpoint: str | None = None
    initial_weights: str | None = None
    mean: tuple[float, ...] | None = None
    std: tuple[float, ...] | None = None
    calibration_images: int = 512
    seed: int = 0
    arguments: Mapping[str, Any] = field(default_factory=dict)
    data_arguments: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        require(not self.arguments or self.own, "arguments", dict(self.arguments), "none but for a model of your own")
        known = not self.data_arguments or own_code.is_own(self.dataset)
        require(known, "data_arguments", dict(self.data_arguments), "none but for a data set of your own")
        both = (self.mean is None) == (self.std is None) and len(self.mean or ()) == len(self.std or ())
        require(both, "mean", self.mean, "as many numbers as std, or neither")
        require(all(value > 0 for value in self.std or ()), "std", self.std, "numbers above 0")
        require(self.calibration_images >= 1, "calibration_images", self.calibration_images, "1 or more")
        require_seed(self.seed)

    @property
    def own(self) -> bool:
        """The network is the user's own."""
        return own_code.is_own(self.model)

    @property
    def title(self) -> str:
        """The network as reports name it."""
        return own_code.title(self.model) if self.own else self.model

    @property
    def dataset_title(self) -> str:
        """The data set as reports name it."""
        return own_code.title(self.dataset) if own_code.is_own(self.dataset) else self.dataset

    def located(self, folder: Path, *keys: str) -> NetworkSettings:
        """The same with the files of code that some keys name from `folder` on."""
        named = {key: getattr(self, key) for key in keys}
        changed: dict[str, Any] = {
            key: own_code.located(name, folder) for key, name in named.items() if own_code.is_own(name)
        }
        return replace(self, **changed)
