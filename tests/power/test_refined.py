"""Energy by what really happened, by hand on three cells; and what of it the sign-off convention cannot see."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from tests.power.tiny import LIBRARY, netlist

from wattloop.activity.bitparallel.engine import Engine
from wattloop.activity.stimulus import Stimulus
from wattloop.gates.netlist import Netlist
from wattloop.power.energy import EnergyModel
from wattloop.power.refined import Refined, refine

# a, p -> n = !(a & p): 0, 1, 0, 1, 1, 0
A = (1, 0, 1, 1, 0, 1)
P = (1, 1, 1, 0, 0, 1)
# The NAND's A costs 4 fJ a rise of the output and 2 a fall, its B 8 and 6: A up, A down, B up, nothing, both down.
NAND_FJ = 4 + 2 + 8 + 0 + (2 + 6) / 2
# INV: 1 + 4 fJ + 30/50 a rise of its output, which a fall of n causes; 1 + 4 + 10/25 a fall.
INV_FJ = 5.4 + 5.6 + 5.4 + 0 + 5.6


def stimulus() -> Stimulus:
    signals = {"a_i": A, "p_i": P, "q": (0,) * 6}
    shaped = {name: np.array(values).reshape(1, 6, 1) for name, values in signals.items()}
    return Stimulus(shaped, dict.fromkeys(signals, 1), np.arange(6) > 0, 1, 6, 1)


def refined(cell: Netlist) -> Refined:
    return refine(EnergyModel(cell, clock_ps=500, context="alone"), Engine(cell).cell_moves([stimulus()]))


def test_outputs_by_the_pin_that_switched_and_its_edge(tmp_path: Path) -> None:
    assert refined(netlist(tmp_path)).output_fj == pytest.approx([(NAND_FJ + INV_FJ) / 5])


def test_leakage_by_the_state_of_each_cycle(tmp_path: Path) -> None:
    inverter = 10 + 30 + 10 + 10 + 30
    assert refined(netlist(tmp_path)).leakage_fj == pytest.approx([(40 + inverter / 5) * 500e-9])


def test_states_choose_among_groups(tmp_path: Path) -> None:
    old = 'internal_power () { related_pin : "A";\n        rise_power (scalar) { values ("4"); }'
    assert old in LIBRARY
    new = old.replace('"A";', '"A"; when : "B";')
    never = new.replace('when : "B"', 'when : "!B"').replace('"4"', '"400"') + " }\n"
    cell = netlist(tmp_path, LIBRARY.replace(old, never + new))
    assert refined(cell).output_fj == pytest.approx([(NAND_FJ + INV_FJ) / 5])


def test_hidden_energy_of_inputs_by_edge_and_state(tmp_path: Path) -> None:
    pin = "pin (A) { direction : input; capacitance : 2;"
    assert pin in LIBRARY
    tables = 'rise_power (scalar) { values ("0.3"); } fall_power (scalar) { values ("0.7"); }'
    cell = netlist(tmp_path, LIBRARY.replace(pin, f'{pin} internal_power () {{ when : "!B"; {tables} }}'))
    found = refined(cell)
    assert found.input_fj == pytest.approx([0.7 / 5])  # a falls once while p is 0, and rises once as p does
    plain = EnergyModel(cell, clock_ps=500, context="alone").combinational_fj(Engine(cell).measure([stimulus()]))
    assert plain["input"] == pytest.approx([4 / 5 * 0.4 * 0.5])  # 4 toggles, p at 0 for two cycles of 5, mean energy


def test_the_convention_is_what_the_model_sums(tmp_path: Path) -> None:
    cell = netlist(tmp_path)
    model, seen = EnergyModel(cell, clock_ps=500, context="alone"), Engine(cell).measure([stimulus()])
    plain, columns = model.combinational_fj(seen), model.columns_fj(seen)
    assert plain["output"] + plain["input"] == pytest.approx(columns["comb_internal_fj"])
    assert plain["leakage"] < columns["leakage_fj"]
