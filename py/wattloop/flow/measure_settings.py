"""Settings of what networks are measured on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from wattloop.activity.backend import backend_names
from wattloop.checks import require, require_seed
from wattloop.power.sequential import StopRule

# What networks are measured by counts glitches; these see settled values alone.
_SETTLED = ("bitparallel", "icarus", "verilator")


@dataclass(frozen=True)
class MeasureSettings:
    """What the energies of networks in tables of results are measured on.

    Attributes:
        simulator: who counts toggles; one that sees glitches.
        images: the first test images, all convolutions of which are simulated.
        tiles: real tiles of each layer, or "all" of them.
        precision: simulate as many tiles of the images as it takes to know the `datapath` energy with this relative
            precision (0.01 is 1 %), instead of `tiles`; None does not.
        confidence: of the interval that comes with a sample.
        seed: of the choice of tiles.
        timed_images: under a delay bound the first test images, tiles of which are timed against it.
        timed_tiles: real tiles of each layer that are timed, or "all" of them.
    """

    simulator: str = "bitparallel-timed"
    images: int = 16
    tiles: int | Literal["all"] = "all"
    precision: float | None = None
    confidence: float = 0.95
    seed: int = 0
    timed_images: int = 2
    timed_tiles: int | Literal["all"] = 8

    def __post_init__(self) -> None:
        known = [name for name in backend_names() if name not in _SETTLED]
        require(self.simulator in known, "simulator", self.simulator, ", ".join(known))
        for name in ("images", "timed_images"):
            require(getattr(self, name) >= 1, name, getattr(self, name), "1 or more")
        for name in ("tiles", "timed_tiles"):
            value = getattr(self, name)
            require(value == "all" or value >= 1, name, value, '1 or more, or "all"')
        require_seed(self.seed)
        _ = StopRule(0.5 if self.precision is None else self.precision, self.confidence)

    @property
    def tiles_of_layer(self) -> int | None:
        """Tiles of each layer, None for all."""
        return None if self.tiles == "all" else self.tiles

    @property
    def timed_tiles_of_layer(self) -> int | None:
        """Tiles of each layer that are timed, None for all."""
        return None if self.timed_tiles == "all" else self.timed_tiles

    @property
    def rule(self) -> StopRule | None:
        """When a sample is large enough, if it is not of a given size."""
        return None if self.precision is None else StopRule(self.precision, self.confidence)

    @property
    def survey(self) -> tuple[object, ...]:
        """What the choice of tiles depends on."""
        if self.tiles == "all" and self.precision is None:
            return ("all",)
        return self.tiles, self.precision, self.confidence, self.seed
