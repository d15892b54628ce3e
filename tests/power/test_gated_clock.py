"""A gated clock ticks as often as its enable is 1: its energy by hand, and in a netlist read from Verilog."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from tests.power.tiny import CLK, LIBRARY, P, Q, netlist

from wattloop.activity.result import Activity
from wattloop.errors import NetlistError
from wattloop.gates.libraries import resolve
from wattloop.gates.netlist import Instance, Netlist
from wattloop.gates.netlist_reader import read_netlist
from wattloop.power.energy import EnergyModel

GATE = """
  cell (ICG) {
    area : 1; cell_leakage_power : 60; clock_gating_integrated_cell : latch_posedge_precontrol;
    statetable ("CK E TE", "IQ") { table : "L L L : - : L , L H - : - : H , L - H : - : H , H - - : - : N"; }
    pin (CK) { direction : input; clock : true; clock_gate_clock_pin : true; capacitance : 1;
      internal_power () { rise_power (scalar) { values ("1"); } fall_power (scalar) { values ("3"); } }
    }
    pin (E) { direction : input; clock_gate_enable_pin : true; capacitance : 2;
      internal_power () { rise_power (scalar) { values ("0.5"); } fall_power (scalar) { values ("1.5"); } }
    }
    pin (TE) { direction : input; clock_gate_test_pin : true; capacitance : 3;
      internal_power () { rise_power (scalar) { values ("2"); } fall_power (scalar) { values ("2"); } }
    }
    pin (GCK) { direction : output; clock_gate_out_pin : true; state_function : "CK * IQ";
      internal_power () { related_pin : "CK";
        rise_power (scalar) { values ("2"); } fall_power (scalar) { values ("4"); }
      }
    }
  }
}
"""
EN, TEST, GATED = 6, 7, 8
# 100 cycles: the enable is 1 in 25 of them, the test pin in 50.
TOGGLES, HIGH = {EN: 20, TEST: 10}, {EN: 25, TEST: 50}


def gated(folder: Path, *, test_tied: int | None) -> Netlist:
    """The tiny netlist, its register behind a gate; the gate's test pin is a port, or tied."""
    tiny = netlist(folder, LIBRARY.rstrip()[:-1] + GATE)
    gate = Instance("u_gate", "ICG", {"CK": CLK, "E": EN, "TE": TEST, "GCK": GATED})
    nand, inverter, register = tiny.instances
    inputs = {**tiny.inputs, "en_i": (EN,)} | ({"te_i": (TEST,)} if test_tied is None else {})
    return replace(
        tiny,
        nets=(*tiny.nets, "en_i", "te_i", "gated"),
        aliases={**tiny.aliases, "en_i": EN, "te_i": TEST, "gated": GATED},
        inputs=inputs,
        constants={} if test_tied is None else {TEST: test_tied},
        instances=(nand, inverter, gate, replace(register, pins={**register.pins, "CK": GATED})),
    )


def seen(cells: Netlist) -> Activity:
    toggles, high = np.zeros((2, 1, len(cells.nets)), np.int64)
    for net in (EN, TEST):
        if net not in cells.constants:
            toggles[0, net], high[0, net] = TOGGLES[net], HIGH[net]
    annotated = tuple(net for net in range(len(cells.nets)) if net not in {CLK, GATED, *cells.constants})
    return Activity(cells.nets, annotated, toggles, high, 100, "by hand")


# Own clock pin 2 * 2 fJ a cycle; each pulse: 2 * 3 fJ in the gate, 2 * 5 in the register, 5 fF * (2 V)^2 between them.
OWN_FJ, PULSE_FJ, ENABLE_FJ, TEST_FJ = 100 * 4, 2 * 3 + 2 * 5 + 5 * 4, 20 * 1, 10 * 2


def test_a_gate_whose_test_pin_is_tied_to_0_by_hand(tmp_path: Path) -> None:
    cells = gated(tmp_path, test_tied=0)
    assert dict(cells.clock_enables) == {GATED: (EN,)}
    (found,) = EnergyModel(cells, clock_ps=500, context="alone").breakdown(seen(cells))
    assert found.clock_fj == pytest.approx(OWN_FJ + 25 * PULSE_FJ + ENABLE_FJ)
    assert found.dynamic_fj == 0
    assert found.leakage_fj == pytest.approx((40 + 30 + 60 + 50) * 500e-9 * 100)  # inverter's input at 0


def test_in_the_array_the_clock_net_and_the_enables_port_count_too(tmp_path: Path) -> None:
    cells = gated(tmp_path, test_tied=0)
    (found,) = EnergyModel(cells, clock_ps=500, context="array").breakdown(seen(cells))
    assert found.clock_fj == pytest.approx(OWN_FJ + 25 * PULSE_FJ + ENABLE_FJ + 100 * 1 * 4)
    assert found.comb_switching_fj == pytest.approx(20 * 2 * 2)  # 2 fF at E


def test_either_of_two_enables_lets_the_clock_pass(tmp_path: Path) -> None:
    """Taken as independent: closed in 0.75 * 0.5 of the cycles."""
    cells = gated(tmp_path, test_tied=None)
    assert dict(cells.clock_enables) == {GATED: (EN, TEST)}
    (found,) = EnergyModel(cells, context="alone").breakdown(seen(cells))
    assert found.clock_fj == pytest.approx(OWN_FJ + 62.5 * PULSE_FJ + ENABLE_FJ + TEST_FJ)


def test_a_test_pin_tied_to_1_never_closes(tmp_path: Path) -> None:
    cells = gated(tmp_path, test_tied=1)
    (found,) = EnergyModel(cells, context="alone").breakdown(seen(cells))
    assert found.clock_fj == pytest.approx(OWN_FJ + 100 * PULSE_FJ + ENABLE_FJ)


def test_a_gate_behind_a_gate_is_refused(tmp_path: Path) -> None:
    cells = gated(tmp_path, test_tied=0)
    second = Instance("u_second", "ICG", {"CK": GATED, "E": EN, "TE": TEST, "GCK": P + 7})
    twice = replace(cells, nets=(*cells.nets, "again"), instances=(*cells.instances, second))
    with pytest.raises(NetlistError, match=r"how often u_second \(ICG\) lets its clock pass is unknown"):
        twice.clock_enables  # noqa: B018


VERILOG = """
module m(input clk_i, input en_i, input d_i, output q_o);
  wire gated;
  CLKGATETST_X1 u_gate (.CLK(clk_i), .E(en_i), .TE(1'b0), .Q(gated));
  DFFRNQ_X1 q_reg (.D(d_i), .RN(1'b1), .CLK(gated), .Q(q_o));
endmodule
"""


@pytest.mark.parametrize("share", [0.0, 0.25, 1.0])
def test_a_gate_read_from_verilog_scales_its_registers_clock(share: float, tmp_path: Path) -> None:
    """Against the same register on the clock itself, whose clock pin takes what it takes at every pulse."""
    paths = {"gated": tmp_path / "gated.v", "free": tmp_path / "free.v"}
    paths["gated"].write_text(VERILOG)
    paths["free"].write_text(VERILOG.replace(".CLK(gated)", ".CLK(clk_i)"))
    clock_fj = {}
    for name, path in paths.items():
        cells = read_netlist(path, resolve("nangate15"))
        assert cells.constants[cells.instances[0].pins["TE"]] == 0
        density, duty = np.zeros((1, len(cells.nets))), np.zeros((1, len(cells.nets)))
        duty[0, cells.inputs["en_i"][0]] = share
        shown = Activity(
            cells.nets,
            tuple(net for net in range(len(cells.nets)) if net not in cells.clock_nets and net not in cells.constants),
            density.astype(np.int64),
            (100 * duty).astype(np.int64),
            100,
            "by hand",
        )
        energy = EnergyModel(cells, context="alone").instances(shown)
        k = [instance.name for instance in cells.instances].index("q_reg")
        clock_fj[name] = energy.clock_fj[0, k]
        if name == "gated":
            assert list(cells.clock_enables.values()) == [cells.inputs["en_i"]]
            assert energy.switching_fj[0, 0] == pytest.approx(share * 2 * 0.5 * 0.8**2 * _clock_pin_ff(cells))
    assert clock_fj["free"] > 0
    # The gate's slew is 0 as the clock's: clocks are ideal.
    assert clock_fj["gated"] == pytest.approx(share * clock_fj["free"])


def _clock_pin_ff(cells: Netlist) -> float:
    return cells.library.cells["DFFRNQ_X1"].inputs["CLK"].cap_ff


def test_the_registers_data_is_not_gated(tmp_path: Path) -> None:
    cells = gated(tmp_path, test_tied=0)
    quiet = seen(cells)
    toggles = quiet.toggles.copy()
    toggles[0, Q] = 8
    (found,) = EnergyModel(cells, context="alone").breakdown(replace(quiet, toggles=toggles))
    assert found.register_fj == pytest.approx(8 * 4)
