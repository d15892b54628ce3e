"""What a netlist tells about itself, on one small enough to see through."""

from __future__ import annotations

from dataclasses import replace

import pytest
from tests.gates.loops import toggler

from wattloop.errors import NetlistError
from wattloop.gates.library import Library
from wattloop.gates.netlist import Instance, Netlist


def test_structure(small_library: Library) -> None:
    netlist = toggler(small_library)
    clk, rst, a, q, n, y = range(6)
    assert netlist.sources == (rst, a, q)
    assert netlist.clock_nets == {clk}
    assert [i.name for i in netlist.flops] == ["ff"]
    assert [i.name for i in netlist.combinational] == ["inv", "nand"]
    assert netlist.drivers == {q: (2, "Q"), n: (1, "ZN"), y: (0, "Z")}
    assert netlist.loads[q] == ((1, "A"),)
    assert netlist.loads[n] == ((0, "B"), (2, "D"))
    assert netlist.loads[y] == ()
    assert netlist.area_um2 == 2 + 1.5 + 6


def test_cells_come_after_what_drives_them(default_netlist: Netlist) -> None:
    known = set(default_netlist.sources) | set(default_netlist.constants)
    for instance in default_netlist.combinational:
        cell = default_netlist.cell(instance)
        assert {instance.pins[pin] for pin in cell.inputs} <= known
        known |= {instance.pins[pin] for pin in cell.outputs if pin in instance.pins}
    assert known | default_netlist.clock_nets == set(range(len(default_netlist.nets)))


def test_buses_are_found_by_port_and_register(default_netlist: Netlist, small_library: Library) -> None:
    assert default_netlist.bus("p_i", 22) == default_netlist.inputs["p_i"]
    assert default_netlist.bus("a_q", 8) == default_netlist.outputs["a_o"]
    assert default_netlist.bus("clk_i", 1) == default_netlist.inputs["clk_i"]
    with pytest.raises(NetlistError, match=r"has no net w_q\[8\]"):
        default_netlist.bus("w_q", 9)
    with pytest.raises(NetlistError, match=r"has no net nothing\[0\]"):
        toggler(small_library).bus("nothing", 1)


def test_a_combinational_loop_is_named(small_library: Library) -> None:
    netlist = toggler(small_library)
    nand, inverter, flop = netlist.instances
    looped = replace(netlist, instances=(nand, replace(inverter, pins={"A": 5, "ZN": 4}), flop))
    with pytest.raises(NetlistError, match=r"loop through net [ny] \(cell (inv|nand)\): break it with a register"):
        _ = looped.combinational


def test_the_digest_is_of_everything_that_the_netlist_does(small_library: Library) -> None:
    netlist = toggler(small_library)
    nand, inverter, flop = netlist.instances
    others = [
        replace(netlist, name="other"),
        replace(netlist, nets=(*netlist.nets[:-1], "z")),
        replace(netlist, outputs={"y": (4,)}),
        replace(netlist, constants={1: 1}),
        replace(netlist, instances=(nand, flop)),
        replace(netlist, instances=(replace(nand, pins={"A": 4, "B": 2, "Z": 5}), inverter, flop)),
        replace(netlist, instances=(nand, Instance("inv2", "INV", inverter.pins), flop)),
        replace(netlist, library=replace(small_library, sha256="0")),
    ]
    assert len({netlist.digest, *(other.digest for other in others)}) == 1 + len(others)
    assert toggler(replace(small_library, path="elsewhere")).digest == netlist.digest
