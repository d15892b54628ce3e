"""Energy oracles of the layers, and which of them have gone stale (domain: statistics age as layers change)."""

from __future__ import annotations

from collections.abc import Collection

from wattloop.compression.config import CompressConfig
from wattloop.compression.journal import OnEvent, Profiled
from wattloop.compression.subject import Subject
from wattloop.power.oracle import EnergyOracle, LayerEnergy, Profiler


class Profiles:
    """The newest oracle of every layer.

    Fine-tuning moves every weight, so an accepted change makes all layers stale; a layer is profiled again when its
    own turn comes, and all of them at the end.
    """

    def __init__(self, subject: Subject, profiler: Profiler, config: CompressConfig, on_event: OnEvent) -> None:
        self._subject = subject
        self._profiler = profiler
        self._images = config.profile_images
        self._on_event = on_event
        self._oracles: dict[str, EnergyOracle] = {}
        self._stale: set[str] = set()

    @property
    def stale(self) -> tuple[str, ...]:
        """Layers whose table is older than the network, in order of execution."""
        return tuple(name for name in self._subject.kinds if name in self._stale)

    def age(self) -> tuple[str, ...]:
        """The network has changed: every profiled layer is stale now."""
        self._stale = set(self._oracles)
        return self.stale

    def refresh(self, layers: Collection[str]) -> None:
        """Profile those of `layers` that are stale or were never profiled."""
        due = [name for name in self._subject.kinds if name in layers and self._is_due(name)]
        if due:
            oracle = self._profiler(self._subject.trace(self._images, due, "train"))
            self._oracles.update(dict.fromkeys(due, oracle))
            self._stale.difference_update(due)
            self._on_event(Profiled(tuple(due), self.stale, oracle.origin))

    def _is_due(self, layer: str) -> bool:
        return layer in self._stale or layer not in self._oracles

    def oracle(self, layer: str) -> EnergyOracle:
        """The newest oracle of `layer`."""
        return self._oracles[layer]

    def energy(self, layer: str) -> LayerEnergy:
        """Energy of `layer` per image with the weights that the network has now."""
        return self._oracles[layer].energy(layer, self._subject.weight(layer))
