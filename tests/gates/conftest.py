"""A small library written by hand and cells synthesised once a session."""

from __future__ import annotations

import pytest
from tests.cells import mapped
from tests.gates.small_library import SMALL_LIBRARY

from wattloop.gates.liberty import read_liberty
from wattloop.gates.libraries import resolve
from wattloop.gates.library import Library
from wattloop.gates.netlist import Netlist
from wattloop.gates.spec import MacSpec
from wattloop.gates.synthesis import synthesize
from wattloop.store import Store

SMALL_CELL = MacSpec(weight_bits=3, activation_bits=3, psum_bits=7)


@pytest.fixture(scope="session")
def nangate15() -> Library:
    return resolve("nangate15")


@pytest.fixture(scope="session")
def small_library(tmp_path_factory: pytest.TempPathFactory) -> Library:
    folder = tmp_path_factory.mktemp("small_library")
    path = folder / "small.lib"
    path.write_text(SMALL_LIBRARY)
    return read_liberty(path, store=Store(folder / "cache"))


@pytest.fixture(scope="session")
def default_netlist(nangate15: Library) -> Netlist:
    return synthesize(MacSpec(), nangate15)


@pytest.fixture(scope="session")
def small_netlist() -> Netlist:
    return mapped("nangate15", SMALL_CELL).netlist
