"""What a mapping may use."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

from wattloop.arith.mapping import PixelOrder
from wattloop.errors import ConfigError

Signs = Literal["none", "values", "tiles"]
Offsets = Literal["none", "layer", "channel"]
Rows = Literal["none", "activity"]


@dataclass(frozen=True)
class MappingOptions:
    """Which freedoms a mapping uses; each alone or with the others.

    Attributes:
        signs: whole filters negated: "none", by the energies of their weight "values", or by measured "tiles".
        offsets: constant at row 0: "none", one for the "layer", or one for each output "channel".
        rows: order of the reduction rows: "none", or by "activity", the quietest first.
        pixels: order of the output pixels: "raster" or "snake".
    """

    signs: Signs = "tiles"
    offsets: Offsets = "channel"
    rows: Rows = "activity"
    pixels: PixelOrder = "snake"

    def __post_init__(self) -> None:
        for name, legal in (("signs", Signs), ("offsets", Offsets), ("rows", Rows), ("pixels", PixelOrder)):
            if getattr(self, name) not in get_args(legal):
                raise ConfigError(f"{name} = {getattr(self, name)!r} is illegal; legal: {', '.join(get_args(legal))}")
