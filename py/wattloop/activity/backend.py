"""The plug that every activity engine fits: one protocol, looked up by name."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from typing import Protocol, cast

from wattloop.activity.result import Activity
from wattloop.activity.stimulus import Stimulus
from wattloop.errors import ConfigError
from wattloop.gates.netlist import Netlist

Progress = Callable[[int, int], None]


class ActivityBackend(Protocol):
    """Measures the activity of a netlist under a stimulus."""

    @property
    def name(self) -> str:
        """Name in results and on the command line."""

    def measure(self, netlist: Netlist, stimulus: Stimulus, *, progress: Progress | None = None) -> Activity:
        """Toggles of every net of `netlist` with its flip-flops cut.

        Args:
            netlist: the netlist.
            stimulus: drives every input port but clocks, and one output of every flip-flop.
            progress: called with (done, total) groups now and then, perhaps from another thread.

        Raises:
            StimulusError: the stimulus leaves a source net undriven, or names a signal that the netlist lacks.
            AnnotationError: some net could not be measured.
        """


_FACTORIES: dict[str, Callable[[], ActivityBackend]] = {}
# Imported on use only: a backend may need tools that others do without.
_BUILT_IN = {
    "bitparallel": "wattloop.activity.bitparallel.backend:named",
    "bitparallel-coarse": "wattloop.activity.bitparallel.backend:named",
    "bitparallel-timed": "wattloop.activity.bitparallel.backend:named",
    "icarus": "wattloop.activity.cosim.backend:CosimBackend",
    "verilator": "wattloop.activity.cosim.backend:CosimBackend",
}


def register(name: str, factory: Callable[[], ActivityBackend]) -> None:
    """Make a backend available under `name`."""
    _FACTORIES[name] = factory


def backend_names() -> tuple[str, ...]:
    """Names that `backend` knows."""
    return tuple(sorted({*_BUILT_IN, *_FACTORIES}))


def backend(name: str = "bitparallel") -> ActivityBackend:
    """The backend called `name`; the native engine without delays by default.

    Raises:
        ConfigError: unknown; the message lists the known ones.
    """
    if name in _FACTORIES:
        return _FACTORIES[name]()
    if name not in _BUILT_IN:
        raise ConfigError(f"unknown simulator {name!r}; known: {', '.join(backend_names())}")
    module, _, attribute = _BUILT_IN[name].partition(":")
    return cast(ActivityBackend, getattr(importlib.import_module(module), attribute)(name))
