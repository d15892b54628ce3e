"""Settings of `wattloop explore`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from wattloop.activity.backend import backend_names
from wattloop.checks import require, require_seed
from wattloop.gates.spec import MacSpec


@dataclass(frozen=True)
class ExploreSettings:
    """Which cells `wattloop explore` compares, and on what.

    Attributes:
        templates: names of cells (`gates.templates`); "all" for every one.
        cells: further cells of your own, by name.
        layers: names of layers; "reference" for the second convolution, "all" for all convolutions.
        simulator: who simulates the tiles; see `characterize.simulator`.
        images: test images.
        tiles: real tiles of each layer that run through the gates, or "all" of them.
        compressed: a compressed network whose weights are priced too; None prunes and maps the weights in one shot.
        prune: share of the weights that this one shot sets to 0.
        values: how many values it leaves, 0 included.
        mapped: price the compressed layers also with the signs of filters and the offset of the partial sums that cost
            least.
        seed: of the choice of tiles.
    """

    templates: tuple[str, ...] = ("all",)
    cells: Mapping[str, MacSpec] = field(default_factory=dict)
    layers: tuple[str, ...] = ("reference",)
    simulator: str = "bitparallel-timed"
    images: int = 1
    tiles: int | Literal["all"] = 4
    compressed: str | None = None
    prune: float = 0.7
    values: int = 16
    mapped: bool = True
    seed: int = 0

    def __post_init__(self) -> None:
        known = backend_names()
        require(self.simulator in known, "simulator", self.simulator, ", ".join(known))
        require(bool(self.templates or self.cells), "templates", self.templates, "at least one, or cells")
        require(bool(self.layers), "layers", self.layers, "at least one")
        require(self.images >= 1, "images", self.images, "1 or more")
        require(self.tiles == "all" or self.tiles >= 1, "tiles", self.tiles, '1 or more, or "all"')
        require(0 <= self.prune < 1, "prune", self.prune, "0 to below 1")
        require(2 <= self.values <= 256, "values", self.values, "2 to 256")
        require_seed(self.seed)
