"""A backend that is nothing but NumPy: every net of the netlist evaluated with `gates.logic.evaluate`."""

from __future__ import annotations

from dataclasses import dataclass

from tests.activity.bitparallel.reference import counts

from wattloop.activity.backend import Progress
from wattloop.activity.drive import switching_nets
from wattloop.activity.result import Activity
from wattloop.activity.stimulus import Stimulus
from wattloop.gates.netlist import Netlist


@dataclass(frozen=True)
class PlainBackend:
    """Independent of the simulators, slow, and exact; for small stimuli."""

    name: str = "plain"

    def measure(self, netlist: Netlist, stimulus: Stimulus, *, progress: Progress | None = None) -> Activity:
        toggles, high = counts(netlist, stimulus)
        if progress is not None:
            progress(stimulus.groups, stimulus.groups)
        nets = tuple(switching_nets(netlist))
        return Activity(netlist.nets, nets, toggles, high, stimulus.transitions, self.name)
