"""Small cells with delays, whose every transition a slow simulator can be asked about."""

from __future__ import annotations

import pytest

from wattloop.activity.bitparallel.engine import Engine, Timing
from wattloop.gates.libraries import resolve
from wattloop.gates.spec import MacSpec
from wattloop.gates.synthesis import synthesize
from wattloop.timing.profiler import Profiler

TIMING = Timing(1.0, load="signoff")


def profiler(multiplier: str, threads: int = 1) -> Profiler:
    mac = MacSpec(weight_bits=3, activation_bits=3, psum_bits=7, multiplier=multiplier)
    return Profiler(Engine(synthesize(mac, resolve("nangate15")), TIMING, threads), mac)


@pytest.fixture(scope="session")
def apart() -> Profiler:
    """A cell whose multiplier is mapped apart."""
    return profiler("hierarchical")


@pytest.fixture(scope="session")
def fused() -> Profiler:
    """The default cell, in 3 x 3 bits."""
    return profiler("array")
