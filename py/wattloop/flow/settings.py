"""The settings of every command: one TOML schema, each section owned by the room that it steers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from wattloop import config
from wattloop.errors import ConfigError
from wattloop.gates.spec import ArraySpec


@dataclass(frozen=True)
class HardwareSettings:
    """What is simulated.

    Attributes:
        library: name or path of a Liberty library.
        clock_ps: clock period that synthesis aims at and that energy is counted at.
        load: convention of the pin capacitances ("typical" or "signoff", see docs/architecture.md).
        array: the systolic array and its MAC cell.
    """

    library: str = "nangate15"
    clock_ps: float = 200.0
    load: Literal["typical", "signoff"] = "typical"
    array: ArraySpec = field(default_factory=ArraySpec)

    def __post_init__(self) -> None:
        if not 0 < self.clock_ps <= 1e6:
            raise ConfigError(f"clock_ps = {self.clock_ps} is illegal; legal: more than 0, at most 1e6 ps")


@dataclass(frozen=True)
class Settings:
    """All settings of a run.

    Attributes:
        seed: of everything random that has no seed of its own.
        hardware: what is simulated.
    """

    seed: int = 0
    hardware: HardwareSettings = field(default_factory=HardwareSettings)


def load(path: Path | None = None, overrides: Mapping[str, str] | None = None) -> Settings:
    """Settings from a TOML file and overrides by dotted key; what neither names is at its default.

    Raises:
        ConfigError: the file or a key or value in it is wrong; the message names file, line and key.
    """
    return config.read(Settings, path, overrides)
