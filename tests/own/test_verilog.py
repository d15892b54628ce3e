"""Verilog sources: synthesised like ours, proved, and refused where they are no cell."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest
from tests.own.conftest import NAME, PORTS, SPEC, THEIRS

from wattloop.errors import NetlistError
from wattloop.gates import synthesis
from wattloop.gates.library import Library
from wattloop.gates.recipes import portfolio
from wattloop.gates.render import render_mac
from wattloop.gates.spec import MacSpec
from wattloop.gates.synthesis import Synthesis
from wattloop.own.cell import OwnMac, OwnPorts
from wattloop.own.proof import require_equal
from wattloop.own.synthesis import digest, own_synthesis

MINE: dict[str, Any] = {"module": "mine", "ports": OwnPorts(**PORTS)}


@pytest.fixture(autouse=True)
def _few_recipes() -> Iterator[None]:
    """As `tests.cells.mapped`: of the cell, not of how well it is mapped."""
    area, *_, keep, _, _ = portfolio(200.0)
    with patch.object(synthesis, "portfolio", lambda _: (area, keep)):
        yield


def synthesised(
    text: str, file: Path, library: Library, spec: MacSpec = SPEC, **options: Any
) -> tuple[OwnMac, Synthesis]:
    file.write_text(text)
    own = OwnMac(**{**MINE, "verilog": str(file), **options})
    return own, own_synthesis(own, spec, library)


def test_a_cell_in_another_style_is_used_and_proved(file: Path, library: Library) -> None:
    own, found = synthesised(THEIRS, file, library)
    assert require_equal(own, SPEC, found.netlist).proved
    assert found.netlist.name == NAME
    assert {name: len(bits) for name, bits in found.netlist.inputs.items()} == {
        "clk_i": 1, "rst_ni": 1, "w_i": 3, "w_en_i": 1, "a_i": 3, "p_i": 7,
    }  # fmt: skip
    assert len(found.candidates) == 2
    assert "synopsys" not in (found.folder / "rtl.sv").read_text()


@pytest.mark.parametrize("name", [NAME, "another"])
def test_our_own_text_gives_our_own_netlist(name: str, ours: Synthesis, file: Path, library: Library) -> None:
    text = render_mac(SPEC).replace(NAME, name)
    _, found = synthesised(text, file, library, module=name, ports=OwnPorts())
    assert found.netlist.digest == ours.netlist.digest
    assert found.chosen == ours.chosen


def test_our_name_with_other_ports_is_no_clash(file: Path, library: Library) -> None:
    own, found = synthesised(THEIRS.replace("mine", NAME), file, library, module=NAME)
    assert require_equal(own, SPEC, found.netlist).proved


def test_a_hierarchy_in_several_files_is_one_cell(tmp_path: Path, library: Library) -> None:
    top, leaf = tmp_path / "top.v", tmp_path / "leaf.v"
    instance = "wire signed [6:0] m; times t (.w(kept), .x(x), .m(m));\n  always"
    top.write_text(THEIRS.replace("always", instance, 1).replace("kept * $signed({1'b0, x})", "m"))
    leaf.write_text(
        "module times (input signed [2:0] w, input [2:0] x, output signed [6:0] m);\n"
        "  assign m = w * $signed({1'b0, x});\nendmodule\n"
    )
    own = OwnMac(**MINE, verilog=(str(top), str(leaf)))
    assert require_equal(own, SPEC, own_synthesis(own, SPEC, library).netlist).proved
    with pytest.raises(NetlistError, match=r"Yosys cannot use the cell: ERROR: Module `\\times' referenced in module"):
        own_synthesis(replace(own, verilog=str(top)), SPEC, library)


def test_levels_and_further_ports(file: Path, library: Library) -> None:
    text = THEIRS.replace("negedge rn", "posedge rn").replace("!rn", "rn").replace("if (ld)", "if (!ld && !scan)")
    text = text.replace("module mine (", "module mine (input [1:0] scan, output [2:0] seen, ")
    text = text.replace("endmodule", "  assign seen = kept;\nendmodule")
    options = {"reset_active": "high", "load_active": "low", "tied": {"scan": 0}, "open": ("seen",)}
    own, found = synthesised(text, file, library, **options)
    assert require_equal(own, SPEC, found.netlist).proved


def test_a_synchronous_reset_is_the_settings_to_say(file: Path, library: Library) -> None:
    text = THEIRS.replace(" or negedge rn", "")
    own, found = synthesised(text, file, library)
    with pytest.raises(NetlistError, match=r"the reset does not bring .* to 0 at once, as .*reset = 'async' has it"):
        require_equal(own, SPEC, found.netlist)
    sync = replace(SPEC, reset="sync")
    own, found = synthesised(text, file, library, sync)
    assert require_equal(own, sync, found.netlist).proved


def test_files_count_by_what_is_in_them(file: Path, library: Library) -> None:
    own, first = synthesised(THEIRS, file, library)
    same = file.with_name("same.v")
    same.write_text(THEIRS.replace("// synopsys translate_off", "// another comment of no meaning"[:26]))
    assert digest(replace(own, verilog=str(same))) != digest(own)
    same.write_text(THEIRS)
    assert own_synthesis(replace(own, verilog=str(same)), SPEC, library).folder == first.folder
    same.write_text(THEIRS.replace("kept * $signed({1'b0, x})", "$signed({1'b0, x}) * kept"))
    assert own_synthesis(replace(own, verilog=str(same)), SPEC, library).folder != first.folder


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("s + kept", "s - kept", r"psum_out after the clock edge: expected -?\d+, got -?\d+$"),
        ("{1'b0, x}", "{x[2], x}", r"activation [4-7], partial sum .* expected -?\d+, got -?\d+$"),
        ("if (ld) kept", "kept", r"weight_load = 0, reset off\) the weight register after the clock edge: expected"),
        ("xo <= x;", "xo <= ~x;", r"activation_out after the clock edge: expected [0-7], got [0-7]$"),
        ("posedge ck", "negedge ck", r"is not clocked by the rising edge of clk_i"),
    ],
)
def test_what_does_something_else_is_refused_with_an_example(
    old: str, new: str, message: str, file: Path, library: Library
) -> None:
    assert old in THEIRS
    own, found = synthesised(THEIRS.replace(old, new), file, library)
    with pytest.raises(NetlistError, match=message):
        require_equal(own, SPEC, found.netlist)


MEMORY = "reg signed [6:0] m [0:7]; always @(posedge ck) m[x] <= s;"


@pytest.mark.parametrize(
    ("declared", "old", "new", "message"),
    [
        ("", "module mine", "module other", r"Yosys cannot use the cell: .*mine"),
        ("", "kept <= wgt", "kept <= ;", r".v:8: ERROR: syntax error"),
        ("", "wgt, input", "weight, input", r"no port wgt, which is to be its weight_in; it has ck, .*ports.weight_in"),
        ("", "signed [2:0] wgt", "signed [3:0] wgt", r"port wgt \(weight_in\) .* of 4 bits; .* an input of 3 bits"),
        (
            "reg l; always @* if (ld) l = x[0];",
            "s + kept",
            "s + l + kept",
            r"\.v:5: module mine has a latch: give every",
        ),
        ("wire [6:0] l; assign l = ~(l & s);", "s + kept", "l + kept", r"found logic loop in module mine"),
        ("reg signed [6:0] late;", "so <= s", "so <= late; late <= s", r"flip-flop .* is none of the registers"),
        (MEMORY, "so <= s", "so <= m[wgt] + s", r"module mine has a memory: write it as registers"),
    ],
)
def test_what_is_no_cell_is_refused_by_file_and_line(
    declared: str, old: str, new: str, message: str, file: Path, library: Library
) -> None:
    assert old in THEIRS
    text = THEIRS.replace("  always", f"  {declared} always", 1).replace(old, new)
    with pytest.raises(NetlistError, match=message) as error:
        synthesised(text, file, library)
    assert not re.search(r"\b(cell|rtl)\.sv", str(error.value))


@pytest.mark.parametrize("multiplier", ["booth", "sign_magnitude", "shift"])
def test_the_weights_may_be_coded_as_any_multiplier_of_ours_has_them(
    multiplier: str, file: Path, library: Library
) -> None:
    spec = replace(SPEC, multiplier=multiplier)
    options = {"module": spec.module_name, "ports": OwnPorts()}
    own, found = synthesised(render_mac(spec), file, library, spec, **options)
    assert require_equal(own, spec, found.netlist).proved
