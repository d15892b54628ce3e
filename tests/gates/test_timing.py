"""Static timing by hand on three cells, and against a sign-off tool's reports on six whole cells."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
from tests.gates.loops import toggler

from wattloop.errors import NetlistError
from wattloop.gates.libraries import resolve
from wattloop.gates.library import Library
from wattloop.gates.netlist_reader import read_netlist
from wattloop.gates.spec import MacSpec
from wattloop.gates.synthesis import synthesize
from wattloop.gates.timing import critical_path, longest_setup_ps, net_slews_ps

ORACLES = [f"{library}-{kind}" for library in ("nangate15", "nangate45", "osu018") for kind in ("array", "booth")]
PS = {"ps": 1.0, "ns": 1000.0}


@pytest.mark.parametrize("case", ORACLES)
def test_the_critical_path_is_the_sign_off_tools(case: str, shared_folder: Path) -> None:
    folder = shared_folder / "oracle" / case
    wanted = json.loads((folder / "opensta.json").read_text())
    netlist = read_netlist(folder / "netlist.v", resolve(case.partition("-")[0]))
    report = critical_path(netlist, clock_ps=wanted["clock_period_ps"], load="signoff", context="alone")
    unit = PS[wanted["critical_path_arrival"]["unit"]]
    assert report.arrival_ps == pytest.approx(wanted["critical_path_arrival"]["value"] * unit, rel=2e-4)
    assert report.slack_ps == wanted["clock_period_ps"] - report.arrival_ps - report.setup_ps
    steps = wanted["critical_path"][1:-1]  # without the clock pin and the capturing pin
    assert [f"{instance}/{pin}" for instance, pin, _ in report.path] == [step["pin"] for step in steps]
    for (_, _, arrival_ps), step in zip(report.path, steps, strict=True):
        assert arrival_ps == pytest.approx(step["time"] * unit, rel=5e-4)
    assert "/".join(report.endpoint) == wanted["critical_path"][-1]["pin"]


def test_arrivals_slews_and_set_up_by_hand(small_library: Library) -> None:
    """The register rises at 30 ps and falls at 40 ps, slew 10 ps.

    The inverter drives 4 fF: its rise, after the fall, takes 10 ps, its fall, after the rise, 30 ps (slew 10 and 4 fF:
    the second row of cell_fall, which lists loads first), with slews of 10 and 20 ps.
    Set-up at a clock slew of 0: 5 ps before the rise (extrapolated from 10 and 20), 20 ps before the fall.
    """
    netlist = toggler(small_library)
    report = critical_path(netlist, clock_ps=100)
    assert report.context == "alone"
    assert report.path == (("ff", "Q", pytest.approx(30)), ("inv", "ZN", pytest.approx(60)))
    assert report.endpoint == ("ff", "D")
    assert (report.arrival_ps, report.setup_ps, report.slack_ps) == pytest.approx((60, 20, 20))
    assert report.summary == "meets 100 ps with 20.0 ps (arrival 60.0 + set-up 20.0 ps, typical loads, alone)"
    assert critical_path(netlist, clock_ps=50).summary.startswith("misses 50 ps by 30.0 ps")


def test_slews_of_all_nets_by_hand(small_library: Library) -> None:
    slews = net_slews_ps(toggler(small_library))
    # clk, rst and a have an ideal driver; q, n and y (NAND2: 5 ps) what their cells give
    assert slews["rise"] == pytest.approx([0, 0, 0, 10, 10, 5])
    assert slews["fall"] == pytest.approx([0, 0, 0, 10, 20, 5])


def test_in_an_array_the_neighbours_register_starts_a_path_of_its_own(small_library: Library) -> None:
    """The output port is q itself and the input port feeds the inverter: twice as long a way for the same signal."""
    netlist = toggler(small_library, inputs=("a_i", "a_o"))
    nand, inverter, flop = netlist.instances
    moved = replace(netlist, outputs={"a_o": (3,)}, instances=(nand, replace(inverter, pins={"A": 2, "ZN": 4}), flop))
    report = critical_path(moved, clock_ps=100)
    assert report.context == "array"
    # q drives the neighbour's NAND2 and INV, which changes nothing in the constant tables of the flip-flop
    assert report.path[0] == ("a_i", "a_i", pytest.approx(30))
    assert report.arrival_ps == pytest.approx(60)
    with pytest.raises(NetlistError, match="no path that ends at a register"):
        critical_path(moved, clock_ps=100, context="alone")


def test_loads_of_the_convention_move_the_arrival(small_library: Library) -> None:
    """With the NAND a second inverter: the first one's fall sees 2 + 1.25 fF instead of 2 + 1, 10 ps a fF."""
    netlist = toggler(small_library)
    nand, inverter, flop = netlist.instances
    pair = replace(netlist, instances=(replace(nand, cell="INV", pins={"A": 4, "ZN": 5}), inverter, flop))
    assert critical_path(pair, load="typical").arrival_ps == pytest.approx(30 + 20)
    assert critical_path(pair, load="signoff").arrival_ps == pytest.approx(30 + 22.5)


def test_a_cell_without_delays_is_named(small_library: Library) -> None:
    netlist = toggler(small_library)
    nand, inverter, flop = netlist.instances
    without = replace(nand, cell="HA", pins={"A": 2, "B": 4, "C": 5})
    with pytest.raises(NetlistError, match="cell HA: output C has no timing tables in small"):
        critical_path(replace(netlist, instances=(without, inverter, flop)))


def test_a_netlist_without_registers_has_nothing_to_time(small_library: Library) -> None:
    netlist = toggler(small_library)
    with pytest.raises(NetlistError, match="no path that ends at a register"):
        critical_path(replace(netlist, instances=netlist.instances[:2]))


def test_the_longest_set_up_time_is_of_any_register_and_not_of_the_critical_path_alone(small_library: Library) -> None:
    netlist = toggler(small_library)
    assert longest_setup_ps(netlist) == critical_path(netlist).setup_ps > 0
    assert longest_setup_ps(replace(netlist, instances=netlist.instances[:2])) == 0
    mac = synthesize(MacSpec(weight_bits=3, activation_bits=3, psum_bits=7), resolve("nangate15"))
    assert longest_setup_ps(mac, load="signoff") >= critical_path(mac, load="signoff").setup_ps
