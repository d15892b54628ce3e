"""Hypothesis draws random netlists, delays and vectors with the generator that `wattloop verify` uses."""

from __future__ import annotations

from functools import cache

import numpy as np
from hypothesis import strategies as st

from wattloop.activity.bitparallel.circuit import Circuit
from wattloop.activity.bitparallel.delays import Steps
from wattloop.activity.bitparallel.random_netlist import one_cell_a_function, random_delays, random_netlist
from wattloop.activity.stimulus import Stimulus
from wattloop.gates.libraries import resolve
from wattloop.gates.library import CellType
from wattloop.gates.netlist import Netlist

LIBRARY = "nangate45"  # it has adders with two outputs, cells without inputs and gates of six


@cache
def cells() -> tuple[CellType, ...]:
    return one_cell_a_function(resolve(LIBRARY))


@st.composite
def netlists(draw: st.DrawFn, *, most_cells: int = 40) -> Netlist:
    return random_netlist(
        resolve(LIBRARY), cells(), lambda low, high: draw(st.integers(low, high)), most_cells=most_cells
    )


@st.composite
def delays(draw: st.DrawFn, circuit: Circuit) -> Steps:
    return random_delays(circuit, lambda low, high: draw(st.integers(low, high)))


def vectors(netlist: Netlist, seed: int, shape: tuple[int, int, int]) -> Stimulus:
    """Random values of `x`."""
    width = len(netlist.inputs["x"])
    values = np.random.default_rng(seed).integers(0, 1 << width, shape)
    return Stimulus({"x": values}, {"x": width}, np.arange(shape[1]) > 0, *shape)
