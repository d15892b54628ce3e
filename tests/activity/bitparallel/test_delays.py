"""Delays of the library on a grid."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.activity.bitparallel.reference import reference_mac

from wattloop.activity.bitparallel.delays import Delays, liberty_delays, quantise, usual_step_ps
from wattloop.activity.bitparallel.engine import Engine, Timing

ARCS = {("A", "rise"): 3.0, ("A", "fall"): 5.0, ("B", "rise"): 4.4, ("B", "fall"): 4.0}


def test_activity_takes_the_mean_of_the_arcs_and_timing_their_maximum_rounded_up() -> None:
    delays = Delays({7: ARCS}, {1: 2.6})
    assert quantise(delays, 1.0).gates == {7: 4}
    assert quantise(delays, 1.0, "timing").gates == {7: 5}
    assert quantise(delays, 0.7, "timing").gates == {7: 8}
    assert quantise(delays, 1.0).sources == {1: 3}


def test_no_gate_is_quicker_than_one_step() -> None:
    assert quantise(Delays({7: {}, 8: {("A", "rise"): 0.1}}, {}), 1.0).gates == {7: 1, 8: 1}


@given(st.lists(st.floats(0.01, 1e4), min_size=1, max_size=9))
def test_the_usual_grid_is_near_a_sixth_of_the_median_and_never_above(values: list[float]) -> None:
    middle = sorted(values)[len(values) // 2] if len(values) % 2 else None
    step = usual_step_ps(Delays({k: {("A", "rise"): v} for k, v in enumerate(values)}, {}))
    assert f"{step:.0e}"[0] in "125"
    if middle is not None:
        assert middle / 6 / 2.5001 <= step <= middle / 6 * 1.0001


def test_a_netlist_without_delays_has_a_grid_all_the_same() -> None:
    assert usual_step_ps(Delays({3: {}}, {})) == 1.0


@pytest.mark.parametrize("name", ["nangate15-array", "nangate45-array", "osu018-booth"])
def test_at_the_usual_grid_a_gate_takes_six_steps_or_more(shared_folder: Path, name: str) -> None:
    steps = Engine(reference_mac(shared_folder, name), Timing()).steps
    assert steps is not None
    taken = sorted(steps.gates.values())
    assert 6 <= taken[len(taken) // 2] <= 16
    assert Engine(reference_mac(shared_folder, name), Timing(steps.step_ps)).steps == steps


def test_a_nominal_slew_gives_other_delays_than_propagated_ones(shared_folder: Path) -> None:
    netlist = reference_mac(shared_folder, "nangate15-array")
    circuit = Engine(netlist).circuit
    slow, fast = (liberty_delays(netlist, circuit, slew_ps=slew).gates for slew in (40.0, 2.0))
    assert set(slow) == set(fast) == set(liberty_delays(netlist, circuit).gates)
    arcs = [(net, arc) for net, found in slow.items() for arc in found]
    assert sum(slow[net][arc] > fast[net][arc] for net, arc in arcs) > 0.9 * len(arcs)
