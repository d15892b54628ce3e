"""The definitions of internal power and leakage that a library can combine in odd ways, one at a time."""

from __future__ import annotations

import numpy as np
import pytest

from wattloop.gates.library import CellType, Flop, LeakageState, Pin, PowerArc, Table
from wattloop.gates.logic import Expr, parse
from wattloop.gates.netlist import Instance
from wattloop.power.cell_power import CellPower, Conditions, compile_cell

NETS = {"A": 0, "B": 1, "Z": 2}
DENSITY = np.array([[0.2, 0.4, 0.1]])
DUTY = np.array([[0.5, 0.25, 0.125]])


def constant(value: float) -> Table:
    return Table(None, None, np.array([[value]]))


def arc(
    related: str | None,
    energy_fj: float,
    when: str | None = None,
    supply: str | None = None,
    fall_fj: float | None = None,
) -> PowerArc:
    fall = energy_fj if fall_fj is None else fall_fj
    return PowerArc(related, parse(when) if when else None, constant(energy_fj), constant(fall), supply)


def compiled(
    *,
    output: tuple[PowerArc, ...] = (),
    hidden: tuple[PowerArc, ...] = (),
    function: str | None = "A & B",
    leakage: tuple[LeakageState, ...] = (),
) -> CellPower:
    logic: Expr | None = parse(function) if function else None
    pins = {name: Pin(name, "input", 1.0, 1.0, 1.0, None, hidden if name == "A" else (), ()) for name in "AB"}
    out = Pin("Z", "output", 0.0, 0.0, 0.0, logic, output, ())
    cell = CellType("CELL", 1.0, 100.0, leakage, pins, {"Z": out}, None)
    at = Conditions({edge: np.zeros(3) for edge in ("rise", "fall")}, np.zeros(3))
    return compile_cell(cell, [0], [Instance("u", "CELL", NETS)], at)


def output_fj(*arcs: PowerArc, function: str | None = "A & B", density: np.ndarray = DENSITY) -> float:
    return float(compiled(output=arcs, function=function).output_fj("Z", density, DUTY)[0, 0])


def test_related_pins_share_the_output_in_proportion_to_the_toggles_they_cause() -> None:
    shares = 0.2 * 0.25, 0.4 * 0.5  # density x duty of the Boolean difference
    assert output_fj(arc("A", 3), arc("B", 7)) == pytest.approx(0.1 * (shares[0] * 3 + shares[1] * 7) / sum(shares))


def test_an_edge_without_a_table_costs_nothing() -> None:
    only_rise = PowerArc("A", None, constant(6), None)
    assert output_fj(only_rise) == pytest.approx(0.1 * 3)


def test_each_supply_is_shared_on_its_own() -> None:
    assert output_fj(arc("A", 3, supply="VDD"), arc("B", 7, supply="VPP")) == pytest.approx(0.1 * (3 + 7))


def test_toggles_that_no_pin_can_have_caused_cost_nothing_and_are_no_nan() -> None:
    assert output_fj(arc("A", 3), arc("B", 7), density=np.array([[0.0, 0.0, 0.1]])) == 0


def test_open_pins_are_0_and_inner_states_are_what_is_stored() -> None:
    pins = {name: Pin(name, "input", 1.0, 1.0, 1.0, None, (), ()) for name in ("D", "CK")}
    pins["Q"] = Pin("Q", "output", 0.0, 0.0, 0.0, parse("IQ"), (), ())
    states = (LeakageState(parse("IQ & !QN"), 20.0), LeakageState(parse("IQN"), 40.0), LeakageState(parse("QN"), 999.0))
    outputs = {"Q": pins.pop("Q"), "QN": Pin("QN", "output", 0.0, 0.0, 0.0, parse("IQN"), (), ())}
    flop = Flop("IQ", "IQN", parse("!D"), "CK", True, None, None)
    cell = CellType("DFF", 1.0, 0.0, states, pins, outputs, flop)
    at = Conditions({edge: np.zeros(3) for edge in ("rise", "fall")}, np.zeros(3))
    found = compile_cell(cell, [0], [Instance("u", "DFF", {"D": 1, "CK": 0, "Q": 2})], at).leakage_pw(DUTY)
    assert found[0, 0] == pytest.approx(0.75 * 20 + 0.25 * 40)  # D is at 1 for a quarter of the time


def test_states_weigh_groups_of_a_pin_without_a_function() -> None:
    shares = 0.2 * 0.25, 0.2 * 0.75
    found = output_fj(arc("A", 3, when="B"), arc("A", 7, when="!B"), function=None)
    assert found == pytest.approx(0.1 * (shares[0] * 3 + shares[1] * 7) / sum(shares))


def test_hidden_power_of_an_input_goes_by_its_state_and_its_toggles() -> None:
    cell = compiled(hidden=(arc(None, 2, when="B", fall_fj=4), arc(None, 8, when="!B")))
    assert cell.input_fj("A", DENSITY, DUTY)[0, 0] == pytest.approx(0.2 * (0.25 * 3 + 0.75 * 8))
    assert cell.input_fj("B", DENSITY, DUTY)[0, 0] == 0


def test_hidden_power_in_a_state_of_the_output_takes_the_boolean_difference() -> None:
    cell = compiled(hidden=(arc(None, 10, when="!Z"),))
    assert cell.input_fj("A", DENSITY, DUTY)[0, 0] == pytest.approx(0.2 * 0.25 * 10)  # dZ/dA = B


@pytest.mark.parametrize(
    ("states", "expected"),
    [
        pytest.param((), 100.0, id="no states: the cell's figure"),
        pytest.param((LeakageState(None, 60.0),), 160.0, id="one that always holds, beside the cell's figure"),
        pytest.param(
            (LeakageState(None, 60.0), LeakageState(parse("A"), 20.0)), 60.0, id="one that always holds, beside states"
        ),
        pytest.param(
            (LeakageState(parse("A"), 20.0, "VDD"), LeakageState(parse("A"), 0.0, "VSS")),
            60.0,
            id="a ground pin that leaks nothing takes no time",
        ),
        pytest.param(
            (LeakageState(parse("A & B"), 20.0),), 0.125 * 20 + 0.875 * 100, id="the cell's figure in all other states"
        ),
        pytest.param(
            (LeakageState(parse("A"), 20.0), LeakageState(parse("!A"), 40.0)), 30.0, id="states that cover everything"
        ),
    ],
)
def test_leakage_goes_by_state(states: tuple[LeakageState, ...], expected: float) -> None:
    assert compiled(leakage=states).leakage_pw(DUTY)[0, 0] == pytest.approx(expected)
