"""Reports in a sign-off tool's convention: by hand, and what the clock, open pins and missing activity do to them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from tests.power.tiny import CLK, LIBRARY, A, N, P, Q, Y, activity, netlist

from wattloop.activity.interchange.recording import Recording
from wattloop.errors import NetlistError
from wattloop.gates.netlist import Instance, Netlist
from wattloop.power.energy import EnergyModel
from wattloop.power.propagation import propagate
from wattloop.power.signoff import Clock, clock_network, power_report, with_open_outputs

CLOCK = Clock("clk_i", 500.0)
TOGGLES = {A: 20, P: 40, N: 10, Y: 10, Q: 8}
HIGH = {A: 50, P: 25, N: 80, Y: 20, Q: 30}


def recording(cell: Netlist, *, without: frozenset[int] = frozenset({CLK})) -> Recording:
    """100 cycles of 500 ps in ticks of 1 ps."""
    toggles, high = np.zeros(len(cell.nets)), np.zeros(len(cell.nets))
    for net in set(TOGGLES) - without:
        toggles[net], high[net] = TOGGLES[net], 500 * HIGH[net]
    known = tuple(sorted(set(TOGGLES) - without))
    return Recording(cell.nets, known, toggles, high, 100 * 500, 1.0, "by hand")


def test_watts_are_energy_over_time(tmp_path: Path) -> None:
    cell = netlist(tmp_path)
    found = power_report(cell, recording(cell), CLOCK)
    energy = EnergyModel(cell, 500, "signoff", "alone").instances(activity(TOGGLES, HIGH))
    internal_w = (energy.internal_fj + energy.clock_fj)[0] * 1e-15 / 500e-12
    np.testing.assert_allclose(found.watts[:, 0], internal_w)
    np.testing.assert_allclose(found.watts[:, 3], found.watts[:, :3].sum(1))
    np.testing.assert_allclose(found.group_w("sequential"), found.watts[2])
    np.testing.assert_allclose(found.group_w("combinational"), found.watts[:2].sum(0))
    np.testing.assert_allclose(found.group_w("total"), found.watts.sum(0))
    assert found.group_w("clock").tolist() == [0, 0, 0, 0]
    # 8 pins of instances and 4 bits of ports, of which CK and clk_i are not recorded
    assert (found.annotated_pins, found.unannotated_pins) == (10, 2)


def test_a_recorded_clock_is_taken_as_recorded(tmp_path: Path) -> None:
    cell = netlist(tmp_path)
    plain = recording(cell)
    gated = replace(plain, annotated=(CLK, *plain.annotated), toggles=plain.toggles + np.array([100.0, 0, 0, 0, 0, 0]))
    slower, full = (power_report(cell, r, CLOCK).watts[2, 0] for r in (gated, plain))
    clock_pin_w = 2 * 5e-15 / 500e-12  # two toggles of 5 fJ a period
    assert full - slower == pytest.approx(clock_pin_w / 2)


def test_wires_add_to_every_load(tmp_path: Path) -> None:
    cell = netlist(tmp_path)
    bare, wired = (power_report(cell, recording(cell), CLOCK, wire_ff=ff) for ff in (0.0, 3.0))
    per_cycle = np.array([0.1, 0.1, 0.0])  # n and y drive one pin each, q none
    np.testing.assert_allclose(wired.watts[:, 1] - bare.watts[:, 1], per_cycle * 0.5 * 3e-15 * 4 / 500e-12)
    assert "wires 3 fF a fan-out" in wired.convention


def with_clock_buffer(cell: Netlist) -> Netlist:
    """The clock passes two inverters on its way to the flip-flop."""
    nets = (*cell.nets, "ckn", "ck")
    tree = (Instance("c0", "INV", {"I": CLK, "Z": 6}), Instance("c1", "INV", {"I": 6, "Z": 7}))
    flop = replace(cell.instances[2], pins={"D": Y, "CK": 7, "Q": Q})
    return replace(cell, nets=nets, instances=(*cell.instances[:2], flop, *tree))


def test_cells_of_the_clock_network_are_a_group_with_sharp_edges(tmp_path: Path) -> None:
    cell = with_clock_buffer(netlist(tmp_path))
    assert clock_network(cell, "clk_i") == {CLK, 6, 7}
    found = power_report(cell, recording(cell), CLOCK)
    assert found.groups == ("combinational", "combinational", "sequential", "clock", "clock")
    # two toggles a period, no slew: 1 fJ + 1 fJ a fF; c0 drives an inverter of 1 fF, c1 the clock pin of 5 fF
    np.testing.assert_allclose(found.watts[3:, 0], np.array([2 * 2, 2 * 6]) * 1e-15 / 500e-12)
    np.testing.assert_allclose(found.watts[3:, 1], np.array([2 * 2, 2 * 10]) * 1e-15 / 500e-12)


def test_a_clock_port_that_is_none_is_refused(tmp_path: Path) -> None:
    with pytest.raises(NetlistError, match="no clock port 'ck' of one bit; it has clk_i, a_i, p_i"):
        clock_network(netlist(tmp_path), "ck")


def test_open_outputs_count_with_the_activity_of_their_state(tmp_path: Path) -> None:
    text = LIBRARY.replace(
        'pin (Q) { direction : output; function : "IQ";',
        'pin (QN) { direction : output; function : "IQN"; internal_power () { related_pin : "CK"; '
        'power (scalar) { values ("7"); } } } pin (Q) { direction : output; function : "IQ";',
    )
    cell = netlist(tmp_path, text)
    whole = with_open_outputs(cell)
    assert whole.nets[6:] == ("u_dff/QN",)
    assert whole.instances[2].pins == {"D": Y, "CK": CLK, "Q": Q, "QN": 6}
    found, without = (power_report(n, recording(n), CLOCK).watts[2, 0] for n in (whole, cell))
    stored = 10 / 100  # toggles per cycle of D
    assert found - without == pytest.approx(stored * 7e-15 / 500e-12)


def test_missing_activity_is_propagated(tmp_path: Path) -> None:
    cell = netlist(tmp_path)
    known = recording(cell, without=frozenset({CLK, P, N, Y, Q}))
    found = propagate(cell, known.rates(500), frozenset({CLK}))
    a, p = (0.2, 0.5), (0.1, 0.5)  # density and duty; an input port that nobody tells about
    n = a[0] * p[1] + p[0] * a[1], 1 - a[1] * p[1]
    expected = [(2, 0.5), a, p, n, (n[0], 1 - n[1]), (n[0], 1 - n[1])]
    np.testing.assert_allclose(np.stack([found.density[0], found.duty[0]], 1), expected)


def test_a_register_toggles_at_most_as_its_data_are_random(tmp_path: Path) -> None:
    cell = netlist(tmp_path)
    wild = recording(cell, without=frozenset({CLK, Q}))
    wild.toggles[Y] = 500
    found = propagate(cell, wild.rates(500), frozenset({CLK}))
    assert found.density[0, Q] == pytest.approx(2 * 0.2 * 0.8 * 2)
    assert found.duty[0, Q] == pytest.approx(0.2)
