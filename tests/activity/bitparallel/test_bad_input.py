"""What the engine cannot evaluate is an error that names the net or the cell; nothing silently becomes 0."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from wattloop.activity.bitparallel.delays import Delays, quantise
from wattloop.activity.bitparallel.engine import Engine, Timing
from wattloop.activity.stimulus import Stimulus
from wattloop.errors import ConfigError, NetlistError, StimulusError
from wattloop.gates.libraries import resolve
from wattloop.gates.netlist import Instance, Netlist

NETS = ("x[0]", "x[1]", "middle", "y")


def netlist(*instances: Instance, nets: tuple[str, ...] = NETS) -> Netlist:
    return Netlist(
        name="small",
        library=resolve("nangate15"),
        nets=nets,
        aliases={name: k for k, name in enumerate(nets)},
        inputs={"x": (0, 1)},
        outputs={"y": (3,)},
        constants={},
        instances=instances,
    )


AND = Instance("u_and", "AND2_X1", {"A1": 0, "A2": 1, "Z": 2})
INVERTER = Instance("u_inv", "INV_X1", {"I": 2, "ZN": 3})
GOOD = netlist(AND, INVERTER)


def stimulus(**signals: np.ndarray) -> Stimulus:
    return Stimulus(signals, dict.fromkeys(signals, 2), np.array([False, True]), 1, 2, 4)


X = np.arange(8).reshape(1, 2, 4) % 4


def test_the_netlist_that_the_errors_are_made_from_is_sound() -> None:
    found = Engine(GOOD).measure([stimulus(x=X)])
    assert found.annotated == (0, 1, 2, 3)
    assert found.high.tolist() == [[2, 2, 1, 3]]


def test_a_loop_names_a_net_on_it() -> None:
    looped = replace(AND, pins={"A1": 0, "A2": 3, "Z": 2})
    with pytest.raises(NetlistError, match=r"loop through net (middle|y)"):
        Engine(netlist(looped, INVERTER)).measure([stimulus(x=X)])


def test_a_latch_names_the_instance_and_the_cell() -> None:
    latch = Instance("u_latch", "LHQ_X1", {"D": 0, "E": 1, "Q": 2})
    with pytest.raises(NetlistError, match=r"u_latch.*LHQ_X1.*latch"):
        Engine(netlist(latch, INVERTER)).measure([stimulus(x=X)])


def test_only_a_clock_gate_may_hold_a_latch() -> None:
    gate = Instance("u_gate", "CLKGATETST_X1", {"CLK": 0, "E": 1, "TE": 1, "Q": 2})
    with pytest.raises(NetlistError, match=r"net middle, which cell u_inv reads, is a clock"):
        Engine(netlist(gate, INVERTER)).measure([stimulus(x=X)])


def test_a_tri_state_cell_names_the_instance_and_the_cell() -> None:
    tri_state = Instance("u_tri", "TBUF_X1", {"I": 0, "EN": 1, "Z": 2})
    with pytest.raises(NetlistError, match=r"u_tri.*TBUF_X1.*tri-state"):
        Engine(netlist(tri_state, INVERTER)).measure([stimulus(x=X)])


def test_an_unknown_cell_is_named() -> None:
    with pytest.raises(NetlistError, match=r"u_and is of the unknown cell AND9"):
        Engine(netlist(replace(AND, cell="AND9"), INVERTER)).measure([stimulus(x=X)])


def test_an_undriven_net_is_named_with_its_reader() -> None:
    with pytest.raises(NetlistError, match=r"net middle, which cell u_inv reads, has no driver"):
        Engine(netlist(INVERTER)).measure([stimulus(x=X)])


def test_an_undriven_output_port_is_named() -> None:
    with pytest.raises(NetlistError, match=r"net y, which port y gives out, has no driver"):
        Engine(netlist(AND)).measure([stimulus(x=X)])


def test_an_open_input_pin_is_named() -> None:
    with pytest.raises(NetlistError, match=r"u_and: input pin A2 is not connected"):
        Engine(netlist(replace(AND, pins={"A1": 0, "Z": 2}), INVERTER)).measure([stimulus(x=X)])


def test_a_doubly_driven_net_names_both_drivers() -> None:
    second = Instance("u_or", "OR2_X1", {"A1": 0, "A2": 1, "Z": 2})
    with pytest.raises(NetlistError, match=r"net middle is driven by pin Z of u_(and|or) and by pin Z of u_(and|or)"):
        Engine(netlist(AND, second, INVERTER)).measure([stimulus(x=X)])


def test_a_driven_input_port_is_doubly_driven() -> None:
    with pytest.raises(NetlistError, match=r"net x\[1\] is driven by"):
        Engine(netlist(AND, INVERTER, Instance("u_buf", "BUF_X1", {"I": 0, "Z": 1}))).measure([stimulus(x=X)])


def test_a_stimulus_of_the_wrong_width_names_the_signal() -> None:
    wide = Stimulus({"x": X}, {"x": 3}, np.array([False, True]), 1, 2, 4)
    with pytest.raises(StimulusError, match=r"signal x.* 3 bits"):
        Engine(GOOD).measure([wide])


def test_a_value_out_of_range_is_refused() -> None:
    with pytest.raises(StimulusError, match=r"signal x holds 0\.\.9"):
        stimulus(x=X * 3)


def test_an_undriven_input_is_named() -> None:
    with pytest.raises(StimulusError, match=r"undriven: x\[0\], x\[1\]"):
        Engine(GOOD).measure([Stimulus({}, {}, np.array([False, True]), 1, 2, 4)])


def test_a_signal_that_the_netlist_lacks_is_named() -> None:
    with pytest.raises(StimulusError, match=r"signal z"):
        Engine(GOOD).measure([stimulus(x=X, z=X)])


def test_a_signal_on_a_computed_net_is_named() -> None:
    driven = Stimulus({"x": X, "middle": X % 2}, {"x": 2, "middle": 1}, np.array([False, True]), 1, 2, 4)
    with pytest.raises(StimulusError, match=r"middle"):
        Engine(GOOD).measure([driven])


def test_no_stimulus_at_all_is_an_error() -> None:
    with pytest.raises(StimulusError, match="no stimulus"):
        Engine(GOOD).measure([])


def test_stimuli_of_different_groups_do_not_add() -> None:
    two = Stimulus({"x": X}, {"x": 2}, np.array([False, True]), 2, 2, 4)
    with pytest.raises(StimulusError, match="same number of groups"):
        Engine(GOOD).measure([stimulus(x=X), two])


@pytest.mark.parametrize("step", [0.0, -1.0, float("nan"), float("inf")])
def test_an_illegal_grid_is_refused(step: float) -> None:
    with pytest.raises(ConfigError, match="delay_step_ps"):
        quantise(Delays({}, {}), step)


def test_a_grid_too_fine_for_settling_times_says_so() -> None:
    with pytest.raises(ConfigError, match="coarser delay_step_ps"):
        Engine(GOOD, Timing(1e-5)).settling_steps(stimulus(x=X))
