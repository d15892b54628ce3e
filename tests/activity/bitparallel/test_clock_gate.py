"""A clock gate is cut: its output is a clock, its enable an end; all backends count the same around it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from tests.activity.bitparallel.reference import counts

from wattloop.activity.backend import ActivityBackend, backend
from wattloop.activity.bitparallel.engine import Engine, Timing
from wattloop.activity.drive import driven_nets, switching_nets
from wattloop.activity.interchange.saif_writer import write_saif
from wattloop.activity.stimulus import Stimulus
from wattloop.errors import NetlistError, StimulusError
from wattloop.gates.libraries import resolve
from wattloop.gates.netlist import Instance, Netlist
from wattloop.power.energy import EnergyModel

NETS = ("clk", "en", "te", "d", "enable", "gated", "next", "q", "y")
CLK, EN, TE, D, ENABLE, GATED, NEXT, Q, Y = range(9)
GATE = Instance("u_gate", "CLKGATETST_X1", {"CLK": CLK, "E": ENABLE, "TE": TE, "Q": GATED})
CELLS = (
    Instance("u_enable", "AND2_X1", {"A1": EN, "A2": Q, "Z": ENABLE}),
    GATE,
    Instance("u_next", "XOR2_X1", {"A1": D, "A2": Q, "Z": NEXT}),
    Instance("q_reg", "DFFRNQ_X1", {"D": NEXT, "RN": EN, "CLK": GATED, "Q": Q}),
    Instance("u_out", "INV_X1", {"I": Q, "ZN": Y}),
)


def netlist(*cells: Instance) -> Netlist:
    return Netlist(
        name="gated",
        library=resolve("nangate15"),
        nets=NETS,
        aliases={name: k for k, name in enumerate(NETS)},
        inputs={"clk": (CLK,), "en": (EN,), "te": (TE,), "d": (D,)},
        outputs={"y": (Y,)},
        constants={},
        instances=cells,
    )


def stimulus(**more: int) -> Stimulus:
    rng = np.random.default_rng(5)
    signals = {name: rng.integers(0, 2, (2, 9, 100)) for name in ("en", "te", "d", "q", *more)}
    return Stimulus(signals, dict.fromkeys(signals, 1), np.arange(9) > 0, 2, 9, 100)


@pytest.mark.parametrize("name", ["bitparallel", "icarus", "verilator"])
def test_all_backends_count_what_numpy_counts(name: str) -> None:
    engine: ActivityBackend = backend(name)
    ungated = [cell if cell.name != "q_reg" else replace(cell, pins={**cell.pins, "CLK": CLK}) for cell in CELLS]
    toggles, high = counts(netlist(*(cell for cell in ungated if cell.name != "u_gate")), stimulus())
    found = engine.measure(netlist(*CELLS), stimulus())
    assert sorted(found.annotated) == [EN, TE, D, ENABLE, NEXT, Q, Y]
    np.testing.assert_array_equal(found.toggles, toggles)
    np.testing.assert_array_equal(found.high, high)
    assert found.toggles[:, [ENABLE, NEXT]].all()


def test_the_gated_clock_is_a_clock() -> None:
    gated = netlist(*CELLS)
    assert gated.clock_nets == {CLK, GATED}
    assert set(driven_nets(gated)) == {EN, TE, D, Q}
    assert set(switching_nets(gated)) == {EN, TE, D, ENABLE, NEXT, Q, Y}


def test_a_stimulus_cannot_drive_the_gated_clock() -> None:
    with pytest.raises(StimulusError, match="gated"):
        Engine(netlist(*CELLS)).measure([stimulus(gated=1)])


def test_the_clock_of_a_gate_is_a_clock_though_no_register_hangs_on_it() -> None:
    without = [replace(cell, pins={**cell.pins, "CLK": GATED}) if cell.name == "q_reg" else cell for cell in CELLS]
    assert CLK in netlist(*without).clock_nets
    assert CLK not in driven_nets(netlist(*without))


def test_the_enable_is_an_end_whose_settling_counts() -> None:
    engine = Engine(netlist(*CELLS), Timing(1.0))
    assert {ENABLE, TE} <= set(engine.circuit.ends)
    assert GATED not in engine.circuit.ends
    values = {name: np.zeros((1, 2, 1), np.int64) for name in ("en", "te", "d", "q")}
    values["q"][:] = 1
    values["en"][0, 1] = 1  # only the path through the enable's gate, and the register's reset
    only = Stimulus(values, dict.fromkeys(values, 1), np.array([False, True]), 1, 2, 1)
    assert engine.steps is not None
    expected = engine.steps.sources[EN] + engine.steps.gates[ENABLE]
    assert engine.settling_steps(only)[0, 1, 0] == expected


def test_an_undriven_enable_names_the_net_and_the_gate() -> None:
    with pytest.raises(NetlistError, match=r"net enable, which pin E of u_gate reads, has no driver"):
        Engine(netlist(*CELLS[1:])).circuit  # noqa: B018


def test_two_gates_on_one_clock_are_named() -> None:
    with pytest.raises(NetlistError, match=r"net gated is driven by clock gate u_gate and by clock gate u_second"):
        Engine(netlist(*CELLS, replace(GATE, name="u_second"))).circuit  # noqa: B018


def test_logic_that_reads_a_gated_clock_is_refused() -> None:
    reader = replace(CELLS[4], pins={"I": GATED, "ZN": Y})
    with pytest.raises(NetlistError, match=r"net gated, which cell u_out reads, is a clock"):
        Engine(netlist(*CELLS[:4], reader)).circuit  # noqa: B018


def test_energy_takes_the_ticks_of_the_gated_clock_from_its_enable() -> None:
    gated, played = netlist(*CELLS), stimulus()
    fj, duty = [], []
    for test_enable in (0, 1):
        held = replace(played, signals={**played.signals, "te": np.full(1, test_enable)})
        activity = Engine(gated).measure([held])
        fj.append(EnergyModel(gated).nets_fj(activity)[:, GATED])
        duty.append(activity.high[:, ENABLE] / activity.transitions)
    assert fj[1].min() > 0
    np.testing.assert_allclose(fj[0], fj[1] * duty[0], rtol=1e-12)  # with the test pin high every tick passes
    assert ((duty[0] > 0.2) & (duty[0] < 0.8)).all()


def test_a_saif_file_leaves_the_gated_clock_out(tmp_path: Path) -> None:
    gated = netlist(*CELLS)
    write_saif(tmp_path / "act.saif", gated, Engine(gated).measure([stimulus()]), scope="tb/m", clock_ps=200.0)
    lines = (tmp_path / "act.saif").read_text().splitlines()
    named = {line.split()[0] for line in lines if " (T0 " in line}
    assert {"(clk", "(enable", "(q", "(y"} <= named
    assert "(gated" not in named
    assert sum(line.startswith(" (CLK") for line in lines) == 1  # of the gate; the register's clock pin is left out
