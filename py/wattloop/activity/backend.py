"""The plug that every activity engine fits: one protocol, looked up by name."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from wattloop.activity.result import Activity
from wattloop.activity.stimulus import Stimulus
from wattloop.errors import ConfigError
from wattloop.gates.netlist import Netlist


class ActivityBackend(Protocol):
    """Measures the activity of a netlist under a stimulus."""

    @property
    def name(self) -> str:
        """Name in results and on the command line."""

    def measure(self, netlist: Netlist, stimulus: Stimulus) -> Activity:
        """Toggles of every net of `netlist` with its flip-flops cut.

        Raises:
            StimulusError: the stimulus leaves a source net undriven, or names a signal that the netlist lacks.
            AnnotationError: some net could not be measured.
        """


_FACTORIES: dict[str, Callable[[], ActivityBackend]] = {}


def register(name: str, factory: Callable[[], ActivityBackend]) -> None:
    """Make a backend available under `name`."""
    _FACTORIES[name] = factory


def backend(name: str) -> ActivityBackend:
    """The backend called `name`.

    Raises:
        ConfigError: unknown; the message lists the known ones.
    """
    if name not in _FACTORIES:
        raise ConfigError(f"unknown simulator {name!r}; known: {', '.join(sorted(_FACTORIES))}")
    return _FACTORIES[name]()
