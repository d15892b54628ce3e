"""How much a network saves, by its real tiles on training images."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from wattloop.compression.subject import Subject
from wattloop.power.oracle import Profiler

Int8 = npt.NDArray[np.int8]


@dataclass(frozen=True, eq=False)
class Gauge:
    """Measures savings against the network as it was when the gauge was made.

    Attributes:
        subject: the network.
        tiles: builds oracles that simulate real tiles.
        layers: what counts.
        images: training images whose tiles are simulated.
        reference_fj: dynamic energy per image of the network that savings are against.
    """

    subject: Subject
    tiles: Profiler
    layers: Sequence[str]
    images: int
    reference_fj: float

    @classmethod
    def of(cls, subject: Subject, tiles: Profiler, layers: Sequence[str], images: int) -> Gauge:
        """A gauge with the network as it is now for its reference."""
        bare = cls(subject, tiles, layers, images, 0.0)
        return cls(subject, tiles, layers, images, bare.energy_fj())

    def energy_fj(self, weights: Mapping[str, Int8] | None = None) -> float:
        """Dynamic energy per image of the network's own weights, or of others on the same activations."""
        oracle = self.tiles(self.subject.trace(self.images, self.layers, "train"))
        weights = {layer: self.subject.weight(layer) for layer in self.layers} if weights is None else weights
        return sum(oracle.energy(layer, weights[layer]).energy.dynamic_fj for layer in self.layers)

    def saving(self) -> float:
        """Share of the reference that the network saves as it is."""
        return 1.0 - self.energy_fj() / self.reference_fj

    def bound(self) -> float:
        """Share of the reference that weights of 0 alone would save."""
        nothing = {layer: np.zeros_like(self.subject.weight(layer)) for layer in self.layers}
        return 1.0 - self.energy_fj(nothing) / self.reference_fj
