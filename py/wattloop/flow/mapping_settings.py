"""Settings of `wattloop map`."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from wattloop.activity.backend import backend_names
from wattloop.checks import require, require_seed
from wattloop.compression.mapping.options import MappingOptions


@dataclass(frozen=True)
class MappingSettings:
    """How layers are laid onto the array, and what that is measured on.

    Attributes:
        options: which freedoms are used.
        chooser: who simulates the tiles that mappings are chosen on; see `characterize.simulator`.
        judge: who simulates, on the same tiles, what was chosen against laying the layer without its orders and as it
            is, so that no mapping costs more than none there; one that sees glitches judges by `datapath`.
        chosen_images: training images that they are chosen on.
        chosen_tiles: tiles of each layer, roughly, that filters are measured on.
        alone: measure each freedom alone, too.
        simulator: who simulates the figures; "bitparallel-timed" sees glitches.
        images: test images that the figures are of.
        tiles: real tiles of each layer that run through the gates, or "all" of them.
        prune: share of the weights that are set to 0 first, at one stroke and without training: for energies, not for
            use.
        values: how many values this one shot leaves, 0 included; 256 for all.
        seed: of the choices of tiles.
    """

    options: MappingOptions = field(default_factory=MappingOptions)
    chooser: str = "bitparallel"
    judge: str = "bitparallel-coarse"
    chosen_images: int = 8
    chosen_tiles: int = 12
    alone: bool = True
    simulator: str = "bitparallel-timed"
    images: int = 1
    tiles: int | Literal["all"] = "all"
    prune: float = 0.0
    values: int = 256
    seed: int = 0

    def __post_init__(self) -> None:
        for name in ("chooser", "judge", "simulator"):
            require(getattr(self, name) in backend_names(), name, getattr(self, name), ", ".join(backend_names()))
        for name in ("chosen_images", "chosen_tiles", "images"):
            require(getattr(self, name) >= 1, name, getattr(self, name), "1 or more")
        require(self.tiles == "all" or self.tiles >= 1, "tiles", self.tiles, '1 or more, or "all"')
        require(0 <= self.prune < 1, "prune", self.prune, "0 to below 1")
        require(2 <= self.values <= 256, "values", self.values, "2 to 256")
        require_seed(self.seed)

    @property
    def tiles_of_layer(self) -> int | None:
        """Tiles of each layer, None for all."""
        return None if self.tiles == "all" else self.tiles

    @property
    def one_shot(self) -> bool:
        """Whether weights are pruned and mapped first."""
        return self.prune > 0 or self.values < 256

    @property
    def variants(self) -> dict[str, MappingOptions]:
        """What is measured beside the layers as they are: each freedom alone, and all that are used together."""
        none, used = MappingOptions("none", "none", "none", "raster"), self.options
        apart = {
            "signs": MappingOptions(used.signs, none.offsets, none.rows, none.pixels),
            "offset of a layer": MappingOptions(none.signs, "layer", none.rows, none.pixels),
            "offsets of channels": MappingOptions(none.signs, "channel", none.rows, none.pixels),
            "signs and offsets": MappingOptions(used.signs, used.offsets, none.rows, none.pixels),
            "rows": MappingOptions(none.signs, none.offsets, used.rows, none.pixels),
            "pixels": MappingOptions(none.signs, none.offsets, none.rows, used.pixels),
        }
        if used.offsets != "channel":
            del apart["offsets of channels"]
        if used.offsets == "none":
            del apart["offset of a layer"]
        kept = {name: options for name, options in apart.items() if options not in (none, used)}
        return (kept if self.alone else {}) | {"all": used}
