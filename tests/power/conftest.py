"""The MAC cell in gates, a layer of a few tiles, and a backend that needs no simulator."""

from __future__ import annotations

import numpy as np
import pytest
from tests.activity.plain import PlainBackend

from wattloop.arith.layer import ConvGeometry, IntegerLayer, LayerTrace
from wattloop.gates.libraries import resolve
from wattloop.gates.netlist import Netlist
from wattloop.gates.spec import ArraySpec, MacSpec
from wattloop.gates.synthesis import synthesize


@pytest.fixture(scope="session")
def mac_netlist() -> Netlist:
    """The default cell on its default library; from the cache after the first time."""
    return synthesize(MacSpec(), resolve("nangate15"))


@pytest.fixture(scope="session")
def plain() -> PlainBackend:
    return PlainBackend()


@pytest.fixture(scope="session")
def array() -> ArraySpec:
    return ArraySpec(rows=8, cols=4, pixels=6)


@pytest.fixture(scope="session")
def trace() -> LayerTrace:
    """18 rows x 6 columns x 16 pixels on two images: partial tiles in every direction, 36 tiles."""
    rng = np.random.default_rng(5)
    geometry = ConvGeometry(2, 6, 4, 4, kernel=(3, 3), padding=(1, 1))
    weight = rng.normal(0, 30, (6, 18)).clip(-127, 127).astype(np.int8)
    inputs = np.where(rng.random((2, 2, 4, 4)) < 0.4, 0, rng.gamma(2, 30, (2, 2, 4, 4)).clip(0, 255)).astype(np.uint8)
    return LayerTrace(IntegerLayer("conv", "conv", geometry, weight), inputs)
