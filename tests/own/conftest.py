"""A small cell of ours, and users' versions of it."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.cells import mapped

from wattloop.gates.libraries import resolve
from wattloop.gates.library import Library
from wattloop.gates.spec import MacSpec
from wattloop.gates.synthesis import Synthesis

SPEC = MacSpec(weight_bits=3, activation_bits=3, psum_bits=7)
NAME = SPEC.module_name

# As a user writes it; with other ports, another style and comments that some tools take for orders.
THEIRS = """\
`timescale 1ns/1ps
module mine (input ck, input rn, input ld, input signed [2:0] wgt, input [2:0] x, input signed [6:0] s,
             output reg [2:0] xo, output reg signed [6:0] so);
  reg signed [2:0] kept;  // synopsys translate_off
  always @(posedge ck or negedge rn)
    if (!rn) begin kept <= 0; xo <= 0; so <= 0; end
    else begin
      if (ld) kept <= wgt;
      xo <= x;
      so <= s + kept * $signed({1'b0, x});
    end
endmodule
"""
PORTS = {
    "clock": "ck",
    "reset": "rn",
    "weight_in": "wgt",
    "weight_load": "ld",
    "activation_in": "x",
    "psum_in": "s",
    "activation_out": "xo",
    "psum_out": "so",
}


@pytest.fixture(scope="session")
def library() -> Library:
    return resolve("nangate15")


@pytest.fixture(scope="session")
def ours() -> Synthesis:
    return mapped("nangate15", SPEC)


@pytest.fixture(scope="session")
def netlist_text(ours: Synthesis) -> str:
    return (ours.folder / "netlist.v").read_text()


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """Where a user's file lies: a folder and a name that no shell and no makefile likes."""
    folder = tmp_path / "my cells; rm -rf $HOME"
    folder.mkdir()
    return folder / "a mac's `file` (1).v"
