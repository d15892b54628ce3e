"""What Icarus and Verilator record of a run is, to the toggle, what the native engine counts without delays."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from tests.activity.bitparallel.reference import net_values
from tests.cells import mapped

from wattloop import tools
from wattloop.activity.backend import backend
from wattloop.activity.interchange.recording import Seen, annotate
from wattloop.activity.interchange.saif import read_saif
from wattloop.activity.interchange.waves import read_waves
from wattloop.activity.result import Activity
from wattloop.activity.stimulus import Stimulus
from wattloop.gates.cell_models import verilog_models
from wattloop.gates.netlist import Netlist
from wattloop.gates.spec import MacSpec
from wattloop.power.energy import EnergyModel

SPEC = MacSpec(weight_bits=3, activation_bits=3, psum_bits=8)
CYCLES = 400
PERIOD = 1000
WIDTHS = {"rst_ni": 1, "w_i": 3, "w_en_i": 1, "a_i": 3, "p_i": 8}

BENCH = """
`timescale 1ps/1ps
module tb;
  reg clk_i = 0;
  reg [15:0] vectors [0:{cycles}];
  integer k = 0;
  reg rst_ni = 1, w_en_i = 0;
  reg [2:0] w_i = 0, a_i = 0;
  reg [7:0] p_i = 0;
  wire [2:0] a_o;
  wire [7:0] p_o;
  {module} m (.clk_i(clk_i), .rst_ni(rst_ni), .w_i(w_i), .w_en_i(w_en_i), .a_i(a_i), .p_i(p_i), .a_o(a_o), .p_o(p_o));
  always @(posedge clk_i) begin
    k <= k + 1;
    {{rst_ni, w_en_i, w_i, a_i, p_i}} <= vectors[k + 1];
  end
  initial begin
    $readmemh("vectors.hex", vectors);
    #1 rst_ni = 0;
    #1;
    $dumpfile("{dump}");
    $dumpvars(0, tb);
    #1;
    repeat ({cycles}) begin
      clk_i = 1; #{half};
      clk_i = 0; #{half};
    end
    $finish;
  end
endmodule
"""


@pytest.fixture(scope="module")
def mac() -> tuple[Netlist, Path]:
    made = mapped("nangate45", SPEC)
    return made.netlist, made.folder / "netlist.v"


@pytest.fixture(scope="module")
def inputs() -> dict[str, np.ndarray]:
    """Value of each input in each cycle; the first is the reset."""
    rng = np.random.default_rng(4)
    values = {name: rng.integers(0, 1 << bits, CYCLES + 1) for name, bits in WIDTHS.items()}
    values["rst_ni"][:] = rng.random(CYCLES + 1) < 0.99
    for value in values.values():
        value[0] = 0
    return values


@pytest.fixture(scope="module")
def stimulus(inputs: dict[str, np.ndarray]) -> Stimulus:
    """The inputs, and the registers as plain Python says."""
    state = {name: np.zeros(CYCLES + 1, np.int64) for name in ("w_q", "a_q", "p_q")}
    for k in range(1, CYCLES + 1):
        before = {name: int(value[k - 1]) for name, value in {**inputs, **state}.items()}
        if not inputs["rst_ni"][k] or not before["rst_ni"]:  # asynchronous: the new value clears at once
            continue
        weight = before["w_q"] - 8 * (before["w_q"] >> 2)
        state["w_q"][k] = before["w_i"] if before["w_en_i"] else before["w_q"]
        state["a_q"][k] = before["a_i"]
        state["p_q"][k] = (before["p_i"] + weight * before["a_i"]) % 256
    signals = {name: value.reshape(1, -1, 1) for name, value in {**inputs, **state}.items()}
    widths = {**WIDTHS, "w_q": 3, "a_q": 3, "p_q": 8}
    return Stimulus(signals, widths, np.arange(CYCLES + 1) > 0, 1, CYCLES + 1, 1)


@pytest.fixture(scope="module")
def counted(mac: tuple[Netlist, Path], stimulus: Stimulus) -> Activity:
    return backend("bitparallel").measure(mac[0], stimulus)


@pytest.fixture(scope="module")
def first(mac: tuple[Netlist, Path], stimulus: Stimulus) -> np.ndarray:
    """Value of every net under reset, before the first clock edge."""
    values = net_values(mac[0], stimulus)
    return np.array([int(values[n][0, 0, 0]) if n in values else 0 for n in range(len(mac[0].nets))])


def prepare(folder: Path, mac: tuple[Netlist, Path], inputs: dict[str, np.ndarray], dump: str) -> list[str]:
    """Source files of the run in `folder`."""
    netlist, path = mac
    (folder / "cells.v").write_text(verilog_models(netlist))
    (folder / "mac.v").write_text(path.read_text())
    bench = BENCH.format(cycles=CYCLES, module=netlist.name, dump=dump, half=PERIOD // 2)
    (folder / "tb.v").write_text(bench)
    words = sum(inputs[name] << shift for name, shift in zip(WIDTHS, (15, 11, 14, 8, 0), strict=True))
    (folder / "vectors.hex").write_text("\n".join(f"{word:04x}" for word in words))
    return ["tb.v", "mac.v", "cells.v"]


# The wheel's makefile leaves these empty.
MAKE = {"MAKEFLAGS": "CFG_CXXFLAGS_PCH_I=-include CFG_CXXFLAGS_COROUTINES=-fcoroutines CFG_CXXFLAGS_STD=-std=gnu++20"}


def icarus(folder: Path, sources: list[str], *flags: str) -> None:
    tools.run("iverilog", ["-g2012", "-o", "run.vvp", *sources], cwd=folder)
    tools.run("vvp", ["-n", "run.vvp", *flags], cwd=folder)


def verilator(folder: Path, sources: list[str], *flags: str) -> None:
    build = ["--binary", "--timing", "-O0", "-Wno-fatal", "-Wno-lint", "--x-initial", "0", "-CFLAGS", "-O0"]
    arguments = [*build, "--trace-underscore", *flags, "--top-module", "tb", *sources]
    tools.run("verilator", arguments, cwd=folder, extra_env=MAKE)
    tools.run_path(folder / "obj_dir" / "Vtb", [], cwd=folder)


RUNS: dict[str, tuple[str, Callable[[Path, list[str]], None]]] = {
    "icarus-vcd": ("a.vcd", icarus),
    "icarus-fst": ("a.fst", lambda folder, sources: icarus(folder, sources, "-fst")),
    "verilator-vcd": ("a.vcd", lambda folder, sources: verilator(folder, sources, "--trace-vcd")),
    "verilator-saif": ("a.saif", lambda folder, sources: verilator(folder, sources, "--trace-saif")),
}


@pytest.mark.parametrize("name", RUNS)
def test_a_recording_is_what_the_engine_counts(
    name: str,
    mac: tuple[Netlist, Path],
    inputs: dict[str, np.ndarray],
    counted: Activity,
    first: np.ndarray,
    tmp_path: Path,
) -> None:
    netlist, _ = mac
    dump, run = RUNS[name]
    run(tmp_path, prepare(tmp_path, mac, inputs, dump))
    found = annotate(netlist, read(tmp_path / dump, netlist))
    assert set(counted.annotated) <= set(found.annotated)
    nets = list(counted.annotated)
    # Verilator's SAIF counts a net that is at 1 when the recording starts as a toggle from 0.
    expected = counted.toggles[0] + (first if name == "verilator-saif" else 0)
    assert [netlist.nets[n] for n in nets if found.toggles[n] != expected[n]] == []
    assert expected.sum() > 10_000
    (clock,) = netlist.clock_nets
    assert found.toggles[clock] == 2 * CYCLES
    # A few ticks lie before the first edge.
    assert np.abs(found.high[nets] - PERIOD * counted.high[0, nets]).max() <= 3
    assert 0 <= found.duration - PERIOD * CYCLES <= 3
    model = EnergyModel(netlist, PERIOD)
    theirs, ours = model.columns_fj(found.rates(PERIOD)), model.columns_fj(counted)
    for origin, value in ours.items():
        assert theirs[origin] == pytest.approx(value, rel=1e-5 if name != "verilator-saif" else 0.01)


def read(path: Path, netlist: Netlist) -> Seen:
    return read_saif(path, "tb/m") if path.suffix == ".saif" else read_waves(path, "tb/m", netlist)
