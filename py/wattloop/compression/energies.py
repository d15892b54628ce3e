"""What a network's layers cost by real tiles, in every accounting side by side."""

from __future__ import annotations

import math
from dataclasses import dataclass

from wattloop.power.oracle import LayerEnergy

ACCOUNTINGS = ("datapath", "total", "functional", "array")
"""`datapath`: combinational cells and registers' data, glitches included; `total`: with clock and leakage;
`functional`: `datapath` without glitches; these are of the active cells. `array`: `datapath` with the idle cells."""


@dataclass(frozen=True)
class LayerEnergies:
    """One layer, fJ per image.

    Attributes:
        by_tiles: energy on its active cells by origin.
        kind: "conv" or "linear".
        fj: energy by accounting.
        error_fj: standard error of each; 0 where all tiles of the images ran.
        tiles: how many were simulated.
        preload_fj: clock and leakage of the registers that hold its offsets, beside the array and in none of the above.
    """

    by_tiles: LayerEnergy
    kind: str
    fj: dict[str, float]
    error_fj: dict[str, float]
    tiles: int
    preload_fj: float = 0.0

    @property
    def layer(self) -> str:
        """Its name."""
        return self.by_tiles.layer


@dataclass(frozen=True)
class NetworkEnergies:
    """A network on some images.

    Attributes:
        layers: in the order of the network, linear layers among them.
        images: how many; energies are the mean over them.
        everything: whether all their tiles ran.
        half_width_fj: of the confidence interval of the convolutions' `datapath` energy; 0 where all tiles ran.
        simulator: who counted toggles.
    """

    layers: tuple[LayerEnergies, ...]
    images: int
    everything: bool
    half_width_fj: float
    simulator: str

    @property
    def tiles(self) -> int:
        """Tiles of the convolutions that were simulated."""
        return sum(row.tiles for row in self.layers if row.kind == "conv")

    def fj(self, accounting: str, kind: str = "conv") -> float:
        """Energy of all layers of a kind, fJ per image."""
        return math.fsum(row.fj[accounting] for row in self.layers if row.kind == kind)

    @property
    def preload_fj(self) -> float:
        """Of all convolutions: see `LayerEnergies`."""
        return math.fsum(row.preload_fj for row in self.layers if row.kind == "conv")

    def error_fj(self, accounting: str, kind: str = "conv") -> float:
        """Its standard error: tiles of each layer are sampled for themselves."""
        return math.hypot(*(row.error_fj[accounting] for row in self.layers if row.kind == kind))


def saving(before: float, after: float, error_before: float = 0.0, error_after: float = 0.0) -> tuple[float, float]:
    """Fraction saved and its standard error, the two energies taken as independent.

    >>> saving(200.0, 50.0, 0.0, 2.0)
    (0.75, 0.01)
    """
    left = after / before
    return 1.0 - left, math.hypot(error_after / before, left * error_before / before)
