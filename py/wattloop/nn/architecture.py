"""Where a network comes from, as checkpoints keep it; imports no torch and runs no code."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Architecture:
    """How `models.build` made a network.

    Attributes:
        name: a key of `models.MODELS`.
        classes: number of outputs.
        in_channels: channels of the images (32x32).
    """

    name: str
    classes: int
    in_channels: int


@dataclass(frozen=True)
class OwnArchitecture:
    """Which code of the user's own made a network; it is never imported because a checkpoint says so.

    Attributes:
        name: "file.py:name", without folders, or "package.module:name".
        arguments: that it was called with.
    """

    name: str
    arguments: Mapping[str, Any] = field(default_factory=dict)

    def __str__(self) -> str:
        given = ", ".join(f"{key}={value!r}" for key, value in sorted(self.arguments.items()))
        return f"{self.name}({given})"


@dataclass(frozen=True)
class ImportedArchitecture:
    """The steps of a network that came from elsewhere, such as an ONNX model.

    Attributes:
        name: what it is called.
        classes: number of outputs.
        in_channels: channels of the images.
        program: steps, as `wattloop.nn.interchange.program.describe` tells them.
    """

    name: str
    classes: int
    in_channels: int
    program: dict[str, Any]


Origin = Architecture | OwnArchitecture | ImportedArchitecture
