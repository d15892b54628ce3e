"""The netlist with its registers cut, in Icarus, against one clock step in plain Python."""

from __future__ import annotations

import random
from dataclasses import replace
from pathlib import Path

import pytest
from tests.cells import mapped
from tests.gates.clock_step import registers, step
from tests.gates.conftest import SMALL_CELL
from tests.gates.icarus import simulate
from tests.gates.loops import toggler

from wattloop.errors import NetlistError
from wattloop.gates.library import Library
from wattloop.gates.netlist import Netlist
from wattloop.gates.netlist_writer import cut_verilog
from wattloop.gates.spec import MacSpec


def bench(netlist: Netlist, vectors: list[dict[str, int]]) -> str:
    """Plays vectors through module `cut` and prints every output after each, named."""
    widths = {port: len(nets) for port, nets in netlist.inputs.items()}
    widths |= {f"{register}.i": bits for register, bits in registers(SMALL_CELL).items()}
    outs = {port: len(nets) for port, nets in netlist.outputs.items()}
    outs |= {r + tail: n for r, n in registers(SMALL_CELL).items() for tail in ("", ".clear_n", ".preset_n")}
    lines = ["module bench;"]
    lines += [f"  reg [{bits - 1}:0] \\{port} = 0;" for port, bits in widths.items()]
    lines += [f"  wire [{bits - 1}:0] \\{port} ;" for port, bits in outs.items()]
    lines += ["  cut u (" + ", ".join(f".\\{port} (\\{port} )" for port in [*widths, *outs]) + ");", "  initial begin"]
    for vector in vectors:
        values = {name if name in widths else f"{name}.i": value for name, value in vector.items()}
        lines += [f"    \\{name} = {value};" for name, value in values.items()]
        texts = " ".join(f"{name}=%0d" for name in outs)
        lines.append(f'    #1 $display("{texts}", ' + ", ".join(f"\\{name} " for name in outs) + ");")
    return "\n".join([*lines, "  end", "endmodule", ""])


SYNCHRONOUS_BOOTH = replace(SMALL_CELL, reset="sync", multiplier="booth")


@pytest.mark.parametrize(
    ("library", "spec"), [("nangate15", SMALL_CELL), ("nangate45", SYNCHRONOUS_BOOTH), ("osu018", SMALL_CELL)]
)
def test_the_cut_netlist_makes_the_same_step(library: str, spec: MacSpec, tmp_path: Path) -> None:
    netlist = mapped(library, spec).netlist
    nets = {register: netlist.bus(register, bits) for register, bits in registers(spec).items()}
    cut = cut_verilog(netlist, nets, name="cut", clock="clk_i")
    rng = random.Random(7)
    widths = {port: len(bits) for port, bits in netlist.inputs.items() if port != "clk_i"} | registers(spec)
    vectors = [{name: rng.getrandbits(bits) for name, bits in widths.items()} for _ in range(200)]
    for line, vector in zip(simulate(tmp_path, cut, bench(netlist, vectors)), vectors, strict=True):
        found = {name: int(value) for name, value in (pair.split("=") for pair in line.split())}
        assert found == step(netlist, spec, vector)


def cut(netlist: Netlist, **registers: tuple[int, ...]) -> str:
    return cut_verilog(netlist, registers, name="cut", clock="clk")


def test_an_inverted_output_holds_the_register_upside_down(small_library: Library) -> None:
    """With the register at QN, clearing the flip-flop sets the register."""
    netlist = toggler(small_library)
    nand, inverter, flop = netlist.instances
    pins = {("QN" if pin == "Q" else pin): net for pin, net in flop.pins.items()}
    text = cut(replace(netlist, instances=(nand, inverter, replace(flop, pins=pins))), r=(3,))
    assert "assign n3 = \\r.i ;" in text
    assert "assign r = ~((~n1) ? 1'b0 : (1'b0) ? 1'b1 : n4);" in text
    assert "assign \\r.preset_n  = ~(~n1);" in text
    assert "assign \\r.clear_n  = ~(1'b0);" in text


def test_registers_that_do_not_match_are_refused(small_library: Library) -> None:
    netlist = toggler(small_library)
    with pytest.raises(NetlistError, match=r"r\[0\] is not the output of a flip-flop"):
        cut(netlist, r=(4,))
    with pytest.raises(NetlistError, match="flip-flop ff belongs to none of the registers"):
        cut(netlist)
    with pytest.raises(NetlistError, match=r"s\[0\] shares the flip-flop ff with r"):
        cut(netlist, r=(3,), s=(3,))
    with pytest.raises(NetlistError, match="flip-flop ff is not clocked by the rising edge of rst"):
        cut_verilog(netlist, {"r": (3,)}, name="cut", clock="rst")
