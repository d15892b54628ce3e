"""Netlists of several modules: read as if they were one."""

from __future__ import annotations

from pathlib import Path

import pytest

from wattloop.errors import NetlistError
from wattloop.gates.library import Library
from wattloop.gates.netlist import Netlist
from wattloop.gates.netlist_reader import read_netlist

LEAF = """
module leaf (a, y);
  input [1:0] a; output y; wire n;
  NAND2 g1 (.A(a[0]), .B(a[1]), .Z(n));
  INV g2 (.A(n), .ZN(y));
endmodule
"""
TOP = """
module top (x, z);
  input [3:0] x; output z; wire p;
  leaf l0 (.a(x[1:0]), .y(p));
  leaf \\l1[0] (.a({x[3], p}), .y(z));
endmodule
"""


def read(folder: Path, text: str, library: Library, top: str | None = "top") -> Netlist:
    path = folder / "netlist.v"
    path.write_text(text)
    return read_netlist(path, library, top)


@pytest.mark.parametrize("text", [LEAF + TOP, TOP + LEAF])
def test_modules_are_dissolved(text: str, small_library: Library, tmp_path: Path) -> None:
    found = read(tmp_path, text, small_library)
    assert [(i.name, i.cell) for i in found.instances] == [
        *(("l0/g1", "NAND2"), ("l0/g2", "INV")),
        *(("l1[0]/g1", "NAND2"), ("l1[0]/g2", "INV")),
    ]
    x, (z,) = found.inputs["x"], found.outputs["z"]
    first, _, second, last = (i.pins for i in found.instances)
    p = found.aliases["p"]
    assert (first["A"], first["B"]) == (x[0], x[1])
    assert (second["A"], second["B"]) == (p, x[3])
    assert (last["ZN"], p) == (z, found.aliases["l0/y"])
    assert found.aliases["l1[0]/a[0]"] == p


def test_models_of_library_cells_are_no_modules(small_library: Library, tmp_path: Path) -> None:
    model = "module INV (A, ZN); input A; output ZN; NAND2 g (.A(A), .B(A), .Z(ZN)); endmodule\n"
    assert len(read(tmp_path, model + LEAF + TOP, small_library).instances) == 4


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (LEAF + "module top (z); output z; leaf l (.a(z), .y(z)); endmodule", "instance l connects 1 bits to port a"),
        (LEAF + "module top (z); output z; leaf l (.b(z)); endmodule", "connects 1 bits to port b of module leaf"),
        ("module top (z); output z; top t (.z(z)); endmodule", "module top places itself"),
        (LEAF + "module top (z); output z; leaf l (.y(z)); endmodule", "nothing drives net l/a"),
    ],
)
def test_what_does_not_fit_is_refused(text: str, message: str, small_library: Library, tmp_path: Path) -> None:
    with pytest.raises(NetlistError, match=message):
        read(tmp_path, text, small_library)
