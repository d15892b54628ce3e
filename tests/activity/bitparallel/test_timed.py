"""Timed activity is what Icarus sees with the same delays, net by net, and so are the settling times."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from tests.activity.bitparallel.reference import MACS, mac_stimulus, reference_mac

from wattloop.activity.bitparallel import icarus
from wattloop.activity.bitparallel.delays import Steps
from wattloop.activity.bitparallel.engine import Engine, Timing

GRID_PS = {"nangate15": 1.0, "nangate45": 5.0, "osu018": 10.0}


@pytest.mark.parametrize("inertial", [True, False], ids=["inertial", "transport"])
@pytest.mark.parametrize("name", MACS)
def test_changes_and_settling_equal_icarus(shared_folder: Path, tmp_path: Path, name: str, inertial: bool) -> None:
    netlist = reference_mac(shared_folder, name)
    engine = Engine(netlist, Timing(GRID_PS[name.split("-", maxsplit=1)[0]], inertial))
    assert engine.steps is not None
    stimulus = mac_stimulus((2, 4, 33), np.random.default_rng(1))
    seen = icarus.simulate(netlist, engine.circuit, engine.steps, stimulus, tmp_path, inertial=inertial)
    found = engine.measure([stimulus])
    assert found.glitches is not None
    assert found.glitches.sum() > 10_000
    np.testing.assert_array_equal(found.toggles + found.glitches, seen.changes)
    np.testing.assert_array_equal(engine.settling_steps(stimulus), seen.settling)


def test_one_assign_a_gate_differs_by_phantom_changes_only(shared_folder: Path, tmp_path: Path) -> None:
    """The form that is quickest in Icarus; a function of several operators may be evaluated in halves there."""
    netlist = reference_mac(shared_folder, "nangate15-booth")
    engine = Engine(netlist, Timing(1.0))
    assert engine.steps is not None
    stimulus = mac_stimulus((1, 11, 200), np.random.default_rng(2))
    seen = icarus.simulate(netlist, engine.circuit, engine.steps, stimulus, tmp_path, one_assign=True)
    found = engine.measure([stimulus])
    assert found.glitches is not None
    changes = found.toggles + found.glitches
    assert np.abs(changes - seen.changes).sum() <= 1e-4 * seen.changes.sum()


def test_functional_toggles_are_those_without_delay(shared_folder: Path) -> None:
    netlist = reference_mac(shared_folder, "nangate15-array")
    stimulus = mac_stimulus((3, 40, 300), np.random.default_rng(3))
    timed = Engine(netlist, Timing(2.0)).measure([stimulus])
    settled = Engine(netlist).measure([stimulus])
    np.testing.assert_array_equal(timed.toggles, settled.toggles)
    np.testing.assert_array_equal(timed.high, settled.high)


@pytest.mark.parametrize("pairs", [False, True], ids=["streams", "pairs"])
def test_any_number_of_threads_gives_the_same_glitches(shared_folder: Path, pairs: bool) -> None:
    netlist = reference_mac(shared_folder, "nangate15-array")
    stimulus = mac_stimulus((3, 24, 700), np.random.default_rng(4), pairs=pairs)
    alone, together = (Engine(netlist, Timing(1.0), threads=n).measure([stimulus]) for n in (1, 3))
    assert alone.glitches is not None
    assert together.glitches is not None
    np.testing.assert_array_equal(together.glitches, alone.glitches)


@pytest.mark.parametrize("spread", [40, 150], ids=["up to 40 steps a gate", "up to 150"])
def test_long_delays_need_windows_of_many_changes_and_still_equal_icarus(
    shared_folder: Path, tmp_path: Path, spread: int
) -> None:
    netlist = reference_mac(shared_folder, "nangate15-booth")
    rng = np.random.default_rng(spread)
    circuit = Engine(netlist).circuit
    steps = Steps(
        1.0,
        {gate.output: int(rng.integers(1, spread)) for gate in circuit.gates},
        {net: int(rng.integers(0, 30)) for net in circuit.sources},
    )
    engine = Engine(netlist, Timing(1.0), delays=steps)
    assert engine.program().levels >= 3
    stimulus = mac_stimulus((1, 4, 40), rng)
    seen = icarus.simulate(netlist, circuit, steps, stimulus, tmp_path)
    found = engine.measure([stimulus])
    assert found.glitches is not None
    np.testing.assert_array_equal(found.toggles + found.glitches, seen.changes)
    np.testing.assert_array_equal(engine.settling_steps(stimulus), seen.settling)
