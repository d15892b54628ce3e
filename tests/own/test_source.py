"""Verilog is read as data: what reaches beyond the cell is refused before any tool sees it."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.own.conftest import THEIRS

from wattloop.errors import NetlistError
from wattloop.own.source import read_sources, renamed

MODULE = "module m (input a, output b);\n  {}\nendmodule\n"


@pytest.mark.parametrize(
    ("text", "token"),
    [
        ("initial $system(\"touch pwned\");", r"\$system"),
        ("reg [7:0] r [0:3]; initial $readmemh(\"/etc/passwd\", r);", r"\$readmemh"),
        ("initial $display(\"x\");", r"\$display"),
        ("integer f; initial f = $fopen(\"x\", \"w\");", r"\$fopen"),
        ("import \"DPI-C\" function int system(string s);", "import"),
        ("bind other m u();", "bind"),
        ("`include \"secret.vh\"", "`include"),
        ("`systemc_header\n#include <stdlib.h>\n`verilog", "`systemc_header"),
        ("`verilator_config", "`verilator_config"),
        ("`line 1 \"x\" 0", "`line"),
        ("`define S $system\n`S(\"x\");", r"\$system"),
        ("`define S(x) $``x\n`S(system)(\"x\");", r"\$"),
        ("initial \\$system (\"x\");", r"\\\$system"),
        ("/* never closed", r"/\*"),
        ("assign b = \"never closed;", '"'),
    ],
)  # fmt: skip
def test_what_reaches_beyond_the_cell_is_refused_with_its_line(text: str, token: str, file: Path) -> None:
    file.write_text(MODULE.format(text))
    with pytest.raises(NetlistError, match=rf":\d+: {token} is not allowed in a cell: .*docs/own-mac.md") as error:
        read_sources([file])
    assert str(error.value).startswith(f"{file}:2:")


@pytest.mark.parametrize(
    "text",
    [
        "assign b = $signed(a) + $unsigned(a) + $clog2(8) + $bits(a);",
        "`define TWICE(x) (x + x)\n`ifdef NEVER\n`endif\nassign b = `TWICE(a);",
        "// $system(\"x\") `include import\n/* $readmemh\n bind */ assign b = a;",
        "localparam T = \"$system /* `include\"; assign b = a;",
        "wire \\a+b$c ; assign b = a;",
        "wire a$system; assign b = a;",
    ],
)  # fmt: skip
def test_what_stays_in_the_cell_is_read(text: str, file: Path) -> None:
    file.write_text(MODULE.format(text))
    source = read_sources([file])
    assert len(source.text) == len(MODULE.format(text))
    assert source.text.count("\n") == MODULE.format(text).count("\n")


def test_no_tool_sees_a_comment_and_lines_and_columns_stay(file: Path) -> None:
    file.write_text(THEIRS)
    text = read_sources([file]).text
    assert "synopsys" not in text
    assert [len(line) for line in text.splitlines()] == [len(line) for line in THEIRS.splitlines()]


def test_places_are_those_of_the_files(tmp_path: Path) -> None:
    one, two = tmp_path / "one.v", tmp_path / "two.v"
    one.write_text("module one;\r\nendmodule")  # neither Unix line ends nor a last one
    two.write_text("module two;\nendmodule\n")
    source = read_sources([one, two])
    assert source.text == "module one;\nendmodule\nmodule two;\nendmodule\n"
    assert source.placed("cell.sv:2.3-2.9: ERROR: a") == f"{one}:2: ERROR: a"
    assert source.placed("rtl.sv:3: b") == f"{two}:1: b"
    assert source.placed("rtl.sv:7: c") == "the wrapper of the cell: c"


@pytest.mark.parametrize(
    ("raw", "message"),
    [
        (b"\xff\xfe module", "is not UTF-8 text"),
        (b"module\0", "is a binary file"),
        (b" \n", "is empty"),
    ],
)
def test_a_file_that_is_no_text_is_refused(raw: bytes, message: str, file: Path) -> None:
    file.write_bytes(raw)
    with pytest.raises(NetlistError, match=message):
        read_sources([file])
    with pytest.raises(NetlistError, match="cannot read the Verilog file"):
        read_sources([file.parent])
    with pytest.raises(NetlistError, match="No such file"):
        read_sources([file.with_name("gone.v")])


def test_a_module_is_renamed_where_it_is_defined_alone() -> None:
    text = "module mac (input mac_x);\n wire mac; mac2 u(); endmodule : mac\nmodule mac2; endmodule\n"
    want = "module ours (input mac_x);\n wire mac; mac2 u(); endmodule : ours\nmodule mac2; endmodule\n"
    assert renamed(text, "mac", "ours") == want
