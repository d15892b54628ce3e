"""Our own netlists, every template option on every library, against an independent timing and power tool."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from tests.power.live_opensta import opensta, require_opensta

from wattloop.gates.libraries import resolve
from wattloop.gates.spec import MacSpec
from wattloop.gates.synthesis import run_synthesis
from wattloop.gates.timing import critical_path
from wattloop.power.energy import EnergyModel

SMALL = MacSpec(weight_bits=3, activation_bits=3, psum_bits=8)
SPECS = {
    "array": SMALL,
    "booth": replace(SMALL, multiplier="booth"),
    "signed": replace(SMALL, activation_signed=True),
    "sync": replace(SMALL, reset="sync"),
    "zero-weight": replace(SMALL, bypass_zero_weight=True),
    "zero-activation": replace(SMALL, bypass_zero_activation=True),
}
# Clock period in the library's time unit, and that unit in ps.
LIBRARIES = {"nangate15": (200.0, 1.0), "nangate45": (1.0, 1000.0), "osu018": (4.0, 1000.0)}


@pytest.mark.parametrize("option", SPECS)
@pytest.mark.parametrize("library", LIBRARIES)
def test_slack_and_leakage_are_those_of_opensta(library: str, option: str, tmp_path: Path) -> None:
    require_opensta()
    period, unit_ps = LIBRARIES[library]
    made = run_synthesis(SPECS[option], resolve(library), clock_ps=period * unit_ps)
    netlist = made.netlist
    theirs = opensta(netlist, tmp_path, period=period)
    ours = critical_path(netlist, clock_ps=period * unit_ps, load="signoff", context="alone")
    assert ours.slack_ps == pytest.approx(theirs.slack * unit_ps, abs=1e-5 * ours.arrival_ps)
    rates = np.full((1, len(netlist.nets)), 0.1), np.full((1, len(netlist.nets)), 0.5)
    energy = EnergyModel(netlist, period * unit_ps, "signoff", "alone").instances_at(*rates)
    leakage_w = energy.leakage_fj.sum() * 1e-3 / (period * unit_ps)
    assert leakage_w == pytest.approx(theirs.leakage_w, rel=1e-5)
