"""What a method of compression is given and what it offers: the seam between methods and their campaign."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol, runtime_checkable

from wattloop.compression.config import CompressConfig
from wattloop.compression.journal import OnEvent
from wattloop.compression.powerpruning.problem import Delays
from wattloop.compression.subject import Quality, Subject
from wattloop.power.oracle import IDENTITY, HardwareMapping, Profiler

Setting = Mapping[str, str | int | float]
Step = Callable[[str, Callable[[], Any]], Any]


def at_once(name: str, work: Callable[[], Any]) -> Any:
    """A `Step` that does the work and keeps nothing."""
    return work()


@dataclass(frozen=True, eq=False)
class Lab:
    """What a method works with.

    Attributes:
        subject: the network, int8 and without constraints when the method starts; it is changed.
        tables: builds oracles that answer from tables, from traces on training images.
        tiles: builds oracles that simulate real tiles, glitches included where the backend sees them.
        config: settings.
        on_event: the journal.
        out_of_time: whether the budget is spent; a method asks before every long step and then stops with what it has.
        step: does a piece of work once, whatever happens to the run: given a name that tells it from others begun in
            the same state of the network, and work that changes the network, tells the journal and returns what JSON
            can say. A run that is begun again is given what it returned and told, and the network is as it left it.
        pooled: builds oracles that have one table for all layers; None where `tables` serves for that, too.
        delays: when the cell settles, by weight and transition of the activation; None where nobody timed it.
    """

    subject: Subject
    tables: Profiler
    tiles: Profiler
    config: CompressConfig
    on_event: OnEvent = lambda event: None
    out_of_time: Callable[[], bool] = lambda: False
    step: Step = at_once
    pooled: Profiler | None = None
    delays: Callable[[], Delays] | None = None

    @property
    def scope(self) -> tuple[str, ...]:
        """Layers that are to be compressed, in the order of execution."""
        everything = self.config.scope == "all"
        return tuple(name for name, kind in self.subject.kinds.items() if everything or kind == "conv")


@dataclass(frozen=True, eq=False)
class Point:
    """A compressed network that a method offers.

    Attributes:
        setting: what tells it from the method's other points, such as {"target": 0.6} or {"values": 16}.
        state: snapshot of the subject.
        validation: its quality on all validation images.
        mappings: how its layers are laid onto the array, where not as they are.
        asked: pruning ratio and set size K that layers were given, where a method has such.
    """

    setting: Setting
    state: object
    validation: Quality
    mappings: Mapping[str, HardwareMapping] = field(default_factory=dict)
    asked: Mapping[str, tuple[float, int]] = field(default_factory=dict)

    def mapping(self, layer: str) -> HardwareMapping:
        """How `layer` is laid onto the array."""
        return self.mappings.get(layer, IDENTITY)


class Method(Protocol):
    """A way to compress a network."""

    def parts(self, lab: Lab) -> int:
        """How many long steps it will take at most, points or layers: for those who wait."""

    def points(self, lab: Lab) -> Iterator[Point]:
        """Compressed networks, each as soon as it is made; every decision rests on validation images.

        The same lab gives the same points, to the bit, however often the run is interrupted and begun again.
        """


@runtime_checkable
class Aiming(Protocol):
    """A method that is told how much to save."""

    def targets(self, config: CompressConfig) -> tuple[float, ...]:
        """Shares of the energy of the layers in scope that it will try to save."""


@runtime_checkable
class Choosy(Protocol):
    """A method whose settings not every cell can serve."""

    def require_possible(self, lab: Lab) -> None:
        """Refuse what cannot be, before anything slow begins.

        Raises:
            ConfigError: the cell does not hold the values that the settings ask for.
        """
