"""Netlists read back from Verilog, and what is refused."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.gates.structural_verilog import netlists, printed

from wattloop.errors import NetlistError
from wattloop.gates.libraries import resolve
from wattloop.gates.library import Library
from wattloop.gates.netlist import Netlist
from wattloop.gates.netlist_reader import read_netlist

ORACLES = [f"{library}-{kind}" for library in ("nangate15", "nangate45", "osu018") for kind in ("array", "booth")]


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data(), ansi=st.booleans(), whole=st.booleans())
def test_what_is_printed_is_read_back(
    data: st.DataObject, ansi: bool, whole: bool, small_library: Library, tmp_path: Path
) -> None:
    wanted = data.draw(netlists(small_library))
    path = tmp_path / "netlist.v"
    path.write_text(printed(wanted, ansi=ansi, whole=whole))
    found = read_netlist(path, small_library)
    assert [(i.name, i.cell) for i in found.instances] == [(i.name, i.cell) for i in wanted.instances]
    same: dict[int, int] = {}  # net here by net there

    def meet(here: int, there: int) -> None:
        assert same.setdefault(there, here) == here

    for instance, origin in zip(found.instances, wanted.instances, strict=True):
        assert set(instance.pins) == set(origin.pins)
        for pin, net in origin.pins.items():
            meet(instance.pins[pin], net)
    for ports, origins in ((found.inputs, wanted.inputs), (found.outputs, wanted.outputs)):
        assert list(ports) == list(origins)
        for port, nets in origins.items():
            for here, there in zip(ports[port], nets, strict=True):
                meet(here, there)
    assert len(set(same.values())) == len(same)  # nets that differ stay apart
    assert all(found.constants[same[net]] == value for net, value in wanted.constants.items() if net in same)
    assert all(found.aliases[wanted.nets[there]] == here for there, here in same.items())


@pytest.mark.parametrize("case", ORACLES)
def test_reference_netlists_are_read_whole(case: str, shared_folder: Path) -> None:
    path = shared_folder / "oracle" / case / "netlist.v"
    library = resolve(case.partition("-")[0])
    netlist = read_netlist(path, library)
    placed = re.findall(r"^  (\w+) (\S+) \(\n", path.read_text(), flags=re.MULTILINE)
    assert [(i.cell, i.name) for i in netlist.instances] == [pair for pair in placed if pair[0] != "module"]
    assert sum(len(netlist.inputs[port]) for port in ("w_i", "a_i", "p_i")) == 38
    assert len(netlist.flops) == 38
    assert netlist.clock_nets == {netlist.inputs["clk"][0]}
    assert len(netlist.combinational) + 38 == len(netlist.instances)


def read(text: str, library: Library, folder: Path, top: str | None = None) -> Netlist:
    path = folder / "text.v"
    path.write_text(text)
    return read_netlist(path, library, top)


def test_assigns_join_names_and_the_written_name_wins(small_library: Library, tmp_path: Path) -> None:
    text = """
    module m(input [1:0] x, output [1:0] y, output z);
      wire _0_; wire [1:0] good;
      assign good = x;
      assign { y, z } = { _0_, good[1], 1'h1 };
      INV u (.A(good[0]), .ZN(_0_));
    endmodule
    """
    netlist = read(text, small_library, tmp_path)
    assert netlist.aliases["good[1]"] == netlist.aliases["x[1]"] == netlist.outputs["y"][0]
    assert netlist.outputs["y"][1] == netlist.aliases["_0_"]
    assert netlist.nets[netlist.aliases["_0_"]] == "y[1]"
    assert netlist.constants == {netlist.outputs["z"][0]: 1}


def test_the_module_asked_for_is_read(small_library: Library, tmp_path: Path) -> None:
    two = "module a(input x, output y); assign y = x; endmodule\nmodule b(input p, output q); assign q = p; endmodule"
    assert list(read(two, small_library, tmp_path, "b").inputs) == ["p"]
    with pytest.raises(NetlistError, match="expected one module named c; it holds: a, b"):
        read(two, small_library, tmp_path, "c")
    with pytest.raises(NetlistError, match="expected one module; it holds: a, b"):
        read(two, small_library, tmp_path)


HEAD = "module m(input x, output y);"


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ("NAND9 u (.A(x), .Z(y));", "instance u is of the unknown cell NAND9: give the netlist's Liberty library"),
        ("INV u (.A(x), .Q(y));", "cell INV has no pin Q; it has A, ZN"),
        ("INV u (.ZN(y));", "input pin A is not connected"),
        ("INV u (x, y);", "instance u is connected by position"),
        ("LATCH u (.D(x), .G(x), .Q(y));", "instance u: cell LATCH has a latch group"),
        ("INV u (.A(x), .ZN(y)); INV v (.A(x), .ZN(y));", r"net y is driven twice, by u.ZN and v.ZN"),
        ("INV u (.A(y), .ZN(x)); assign y = x;", "net x is driven twice, by input port x and u.ZN"),
        ("wire n; INV u (.A(n), .ZN(y));", "nothing drives net n, which u.A reads"),
        ("", "nothing drives net y, which port y gives out"),
        ("wire n; INV u (.A(n), .ZN(y)); INV v (.A(y), .ZN(n));", r"combinational loop through net \w+ \(cell [uv]\)"),
        ("assign y = x & x;", "And in a connection is not structural"),
        ("always @(x) begin end", "Always .* is not structural"),
        ("reg r; assign y = x;", "reg r is not structural"),
        ("wire [1:0] n; assign n = x; assign y = x;", "2 bits on its left and 1 on its right"),
        ("wire [1:0] n; assign y = n[2];", r"n\[2\] is not a bit of a declared net"),
        ("wire [1:0] n; INV u (.A(n), .ZN(y));", "pin A is connected to 2 bits"),
        ("assign y = 1;", "the constant 1 has no size"),
        ("assign y = 1'bx;", "is not 0 or 1 in every bit"),
    ],
)
def test_what_is_not_a_flat_netlist_of_the_library_is_refused(
    body: str, message: str, small_library: Library, tmp_path: Path
) -> None:
    with pytest.raises(NetlistError, match=message) as caught:
        read(f"{HEAD} {body} endmodule", small_library, tmp_path)
    assert "\n" not in str(caught.value)


def test_a_bidirectional_port_is_refused(small_library: Library, tmp_path: Path) -> None:
    with pytest.raises(NetlistError, match="port z is bidirectional"):
        read("module m(input x, inout z, output y); assign y = x; endmodule", small_library, tmp_path)


WHOLE = f"{HEAD} wire n; INV \\u[0] (.A(x), .ZN(n)); assign y = n; endmodule"


@given(position=st.integers(0, len(WHOLE) - 1))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
def test_a_file_cut_anywhere_is_one_clear_error(position: int, small_library: Library, tmp_path: Path) -> None:
    with pytest.raises(NetlistError, match=r"text\.v") as caught:
        read(WHOLE[:position], small_library, tmp_path)
    assert "\n" not in str(caught.value)


def test_a_missing_file_is_refused(small_library: Library, tmp_path: Path) -> None:
    with pytest.raises(NetlistError, match=r"cannot read the netlist .* give the path of a Verilog file"):
        read_netlist(tmp_path / "nowhere.v", small_library)
