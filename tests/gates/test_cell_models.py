"""Verilog models in Icarus against truth tables from liberty-parser's own reader of the functions' text."""

from __future__ import annotations

import itertools
from dataclasses import replace
from pathlib import Path

import pytest
from liberty.boolean_functions import parse_boolean_function
from tests.gates.icarus import simulate

from wattloop.errors import NetlistError
from wattloop.gates.cell_models import identifier, output_expression, verilog_model, verilog_models
from wattloop.gates.liberty_syntax import Group, read_groups
from wattloop.gates.libraries import LIBRARIES, resolve
from wattloop.gates.library import CellType, Library
from wattloop.gates.netlist import Netlist


def combinational(library: Library) -> list[CellType]:
    cells = (library.cells[name] for name in library.cells)
    return [cell for cell in cells if not cell.unsupported and not cell.sequential and cell.inputs and cell.outputs]


def truth_tables(group: Group) -> dict[str, str]:
    """By output pin: its values as Verilog prints them, the first input pin toggling fastest, the last row first."""
    pins = [(name, pin) for pin in group.groups("pin") for name in pin.args]
    inputs = [name for name, pin in pins if pin.get("direction") == "input"]
    tables = {}
    for name, pin in pins:
        if (text := pin.get("function")) is not None:
            function = parse_boolean_function(text)
            rows = itertools.product((False, True), repeat=len(inputs))
            values = [bool(function.subs(dict(zip(inputs, row[::-1], strict=True)))) for row in rows]
            tables[name] = "".join("01"[value] for value in reversed(values))
    return tables


def exerciser(cells: list[CellType]) -> str:
    """A bench in which lane i of every pin is row i of the truth table."""
    lines = ["module bench;"]
    for k, cell in enumerate(cells):
        lanes = 1 << len(cell.inputs)
        pins = []
        for position, pin in enumerate(cell.inputs):
            column = "".join(str(row >> position & 1) for row in reversed(range(lanes)))
            pins.append(f".{identifier(pin)}({lanes}'b{column})")
        for position, pin in enumerate(cell.outputs):
            lines.append(f"  wire [{lanes - 1}:0] y{k}_{position};")
            pins.append(f".{identifier(pin)}(y{k}_{position})")
        lines.append(f"  {identifier(cell.name)} u{k} ({', '.join(pins)});")
        prints = [f'$display("{cell.name} {pin} %b", y{k}_{p});' for p, pin in enumerate(cell.outputs)]
        lines.append(f"  initial begin #1; {' '.join(prints)} end")
    return "\n".join([*lines, "endmodule", ""])


@pytest.mark.parametrize("name", LIBRARIES)
def test_every_combinational_cell_has_its_truth_table_in_every_lane(name: str, tmp_path: Path) -> None:
    library = resolve(name)
    cells = combinational(library)
    models = [verilog_model(cell, lanes=1 << len(cell.inputs)) for cell in cells]
    printed = simulate(tmp_path, "".join(models), exerciser(cells))
    found = {(cell, pin): values for cell, pin, values in map(str.split, printed)}
    groups, _ = read_groups(Path(library.path))
    usable = {cell.name for cell in cells}
    wanted = {
        (group.name, pin): values
        for group in groups.groups("cell")
        if group.name in usable
        for pin, values in truth_tables(group).items()
    }
    assert found == wanted
    assert len(found) > 20


FLOPS = """
module bench;
  reg ck = 0, d = 0, e = 0, rn = 1, s = 0;
  wire q, qn, qe;
  DFFR u (.CK(ck), .RN(rn), .D(d), .Q(q), .QN(qn));
  DFFE v (.CKN(ck), .D(d), .E(e), .S(s), .Q(qe));
  task show(input [8*12-1:0] what); #1 $display("%0s %b%b%b", what, q, qn, qe); endtask
  initial begin
    show("unknown");
    rn = 0;        show("clear");
    s = 1;         show("preset");
    rn = 1; s = 0; show("held");
    d = 1; e = 1;  show("waits");
    ck = 1;        show("rises");
    d = 0;         show("waits");
    ck = 0;        show("falls");
    e = 0; d = 1; ck = 1; #1 ck = 0; show("disabled");
    rn = 0;        show("clear");
  end
endmodule
"""


def test_flip_flops_follow_their_edges_and_their_asynchronous_controls(small_library: Library, tmp_path: Path) -> None:
    models = "".join(verilog_model(small_library.cells[name]) for name in ("DFFR", "DFFE"))
    assert simulate(tmp_path, models, FLOPS) == [
        "unknown xxx",
        "clear 01x",
        "preset 011",
        "held 011",
        "waits 011",
        "rises 101",
        "waits 101",
        "falls 100",
        "disabled 100",
        "clear 010",
    ]


GATE = """
module bench;
  reg ck = 0, e = 0, t = 0;
  wire q;
  CLKGATETST_X1 u (.CLK(ck), .E(e), .TE(t), .Q(q));
  task show(input [8*12-1:0] what); #1 $display("%0s %b", what, q); endtask
  initial begin
    show("low");
    ck = 1;               show("closed");
    e = 1;                show("too late");
    ck = 0;               show("open");
    ck = 1;               show("passes");
    e = 0;                show("whole");
    ck = 0;               show("falls");
    ck = 1;               show("closed");
    t = 1;                show("test late");
    ck = 0; #1 ck = 1;    show("test");
    t = 0;                show("test ends");
  end
endmodule
"""


@pytest.mark.parametrize(("control", "late", "ends"), [("precontrol", 0, 1), ("postcontrol", 1, 0)])
def test_a_clock_gate_passes_whole_pulses(control: str, late: int, ends: int, tmp_path: Path) -> None:
    """A test pin before the latch waits for the next pulse, one behind it does not."""
    cell = resolve("nangate15").cells["CLKGATETST_X1"]
    assert cell.clock_gate is not None
    gate = replace(cell.clock_gate, kind=f"latch_posedge_{control}")
    assert simulate(tmp_path, verilog_model(replace(cell, clock_gate=gate)), GATE) == [
        "low 0",
        "closed 0",
        "too late 0",
        "open 0",
        "passes 1",
        "whole 1",
        "falls 0",
        "closed 0",
        f"test late {late}",
        "test 1",
        f"test ends {ends}",
    ]


def test_a_file_of_models_holds_each_cell_that_is_used_once(small_netlist: Netlist) -> None:
    text = verilog_models(small_netlist)
    used = {instance.cell for instance in small_netlist.instances}
    assert text.count("\nmodule ") == len(used)
    assert all(f"\nmodule {name} (" in text for name in used)
    assert text.startswith("`default_nettype none")


@pytest.mark.parametrize(("name", "verilog"), [("n1", "n1"), ("a$b", "a$b"), ("n[3]", "\\n[3] "), ("1x", "\\1x "),
                                               ("$x", "\\$x "), ("é", "\\é "), ("u/v", "\\u/v ")])  # fmt: skip
def test_names_are_escaped_where_they_have_to_be(name: str, verilog: str) -> None:
    assert identifier(name) == verilog


def test_what_cannot_be_simulated_is_refused_by_name(small_library: Library) -> None:
    with pytest.raises(NetlistError, match="cell LATCH has a latch group"):
        verilog_model(small_library.cells["LATCH"])
    with pytest.raises(NetlistError, match="flip-flop DFFR has no model of 64 lanes"):
        verilog_model(small_library.cells["DFFR"], lanes=64)
    cell = resolve("nangate15").cells["CLKGATETST_X1"]
    with pytest.raises(NetlistError, match="clock gate CLKGATETST_X1 has no model of 64 lanes"):
        verilog_model(cell, lanes=64)
    assert cell.clock_gate is not None
    falling = replace(cell, clock_gate=replace(cell.clock_gate, kind="latch_negedge"))
    with pytest.raises(NetlistError, match=r"clock gate CLKGATETST_X1 \(latch_negedge\) has no model"):
        verilog_model(falling)
    with pytest.raises(NetlistError, match="cell INV has no output function at pin A"):
        output_expression(small_library.cells["INV"], "A")
