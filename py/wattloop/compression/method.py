"""What a method of compression is given and what it offers: the seam between methods and their campaign."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Protocol

from wattloop.compression.config import CompressConfig
from wattloop.compression.journal import OnEvent
from wattloop.compression.subject import Quality, Subject
from wattloop.power.oracle import IDENTITY, HardwareMapping, Profiler

Setting = Mapping[str, str | int | float]


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
    """

    subject: Subject
    tables: Profiler
    tiles: Profiler
    config: CompressConfig
    on_event: OnEvent = lambda event: None
    out_of_time: Callable[[], bool] = lambda: False


@dataclass(frozen=True, eq=False)
class Point:
    """A compressed network that a method offers.

    Attributes:
        setting: what tells it from the method's other points, such as {"target": 0.6} or {"values": 16}.
        state: snapshot of the subject.
        validation: its quality on all validation images.
        mappings: how its layers are laid onto the array, where not as they are.
    """

    setting: Setting
    state: object
    validation: Quality
    mappings: Mapping[str, HardwareMapping] = field(default_factory=dict)

    def mapping(self, layer: str) -> HardwareMapping:
        """How `layer` is laid onto the array."""
        return self.mappings.get(layer, IDENTITY)


class Method(Protocol):
    """A way to compress a network."""

    def points(self, lab: Lab) -> Iterator[Point]:
        """Compressed networks, each as soon as it is made; every decision rests on validation images.

        The same lab gives the same points, to the bit, however often the run is interrupted and begun again.
        """
