"""Longest paths bound what the engine sees, whatever stands still."""

from __future__ import annotations

import numpy as np
import pytest
from tests.activity.bitparallel.random_netlists import LIBRARY, cells

from wattloop.activity.bitparallel.engine import Engine, Timing
from wattloop.activity.bitparallel.random_netlist import random_netlist
from wattloop.activity.stimulus import Stimulus
from wattloop.gates.libraries import resolve
from wattloop.timing.paths import Paths, boundary, cone


def engine_of(rng: np.random.Generator, inertial: bool = True) -> Engine:
    netlist = random_netlist(resolve(LIBRARY), cells(), lambda low, high: int(rng.integers(low, high + 1)))
    return Engine(netlist, Timing(5.0, inertial), threads=1)


def longest(engine: Engine, still: dict[int, np.ndarray], cases: int = 1) -> np.ndarray:
    assert engine.steps is not None
    paths = Paths(engine.netlist, engine.circuit, engine.steps, still, cases)
    return paths.longest(engine.circuit.sources, paths.tails(engine.circuit.ends))


@pytest.mark.parametrize("inertial", [True, False], ids=["inertial", "transport"])
@pytest.mark.parametrize("seed", range(8))
def test_settling_stays_within_the_longest_path_while_inputs_are_held(seed: int, inertial: bool) -> None:
    rng = np.random.default_rng(seed)
    engine, cases, lanes = engine_of(rng, inertial), 16, 256
    nets = engine.netlist.inputs["x"]
    held, value = rng.integers(0, 1 << len(nets), (2, cases))
    values = rng.integers(0, 1 << len(nets), (cases, 2, lanes))
    values = (values & ~held[:, None, None]) | (value & held)[:, None, None]
    stimulus = Stimulus({"x": values}, {"x": len(nets)}, np.array([False, True]), cases, 2, lanes)
    latest = engine.settling_steps(stimulus).max(axis=(1, 2))
    free = longest(engine, {})[0]
    for case in range(cases):
        bits = [bit for bit in range(len(nets)) if held[case] >> bit & 1]
        bound = longest(engine, {nets[bit]: np.array([bool(value[case] >> bit & 1)]) for bit in bits})[0]
        assert latest[case] <= bound <= free


def test_cases_side_by_side_are_those_alone() -> None:
    engine = engine_of(np.random.default_rng(1))
    nets = engine.netlist.inputs["x"]
    both = longest(engine, {nets[0]: np.array([False, True])}, 2)
    assert both.tolist() == [longest(engine, {nets[0]: np.array([bit])})[0] for bit in (False, True)]


@pytest.mark.parametrize("seed", range(4))
def test_a_boundary_is_all_that_leads_into_a_cone_from_outside(seed: int) -> None:
    engine = engine_of(np.random.default_rng(seed))
    circuit = engine.circuit
    inside = cone(circuit, engine.netlist.inputs["x"][:1])
    entering = boundary(circuit, inside)
    assert not inside & set(entering)
    for gate in circuit.gates:
        assert (gate.output in inside) == any(net in inside for net in gate.inputs)
        if gate.output in inside:
            assert set(gate.inputs) <= {*inside, *entering, *circuit.constants}
