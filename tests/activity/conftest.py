"""The MAC cell in gates, and both simulators."""

from __future__ import annotations

import pytest

from wattloop.activity.backend import ActivityBackend, backend
from wattloop.gates.libraries import resolve
from wattloop.gates.netlist import Netlist
from wattloop.gates.spec import MacSpec
from wattloop.gates.synthesis import synthesize

SIMULATORS = ("icarus", "verilator")


@pytest.fixture(scope="session")
def mac_netlist() -> Netlist:
    """The default cell on its default library; from the cache after the first time."""
    return synthesize(MacSpec(), resolve("nangate15"))


@pytest.fixture(params=SIMULATORS)
def simulator(request: pytest.FixtureRequest) -> ActivityBackend:
    return backend(str(request.param))
