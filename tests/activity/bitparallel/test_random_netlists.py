"""Random netlists agree with a plain evaluation and, with random delays, with Icarus."""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.activity.bitparallel.random_netlists import delays, netlists, vectors
from tests.activity.bitparallel.reference import counts, net_values

from wattloop.activity.bitparallel import icarus
from wattloop.activity.bitparallel.engine import Engine, Timing
from wattloop.gates.netlist import Netlist

SLOW = [HealthCheck.too_slow, HealthCheck.data_too_large]


@settings(max_examples=25, deadline=None, suppress_health_check=SLOW)
@given(netlist=netlists(), seed=st.integers(0, 1000))
def test_zero_delay_counts_equal_a_plain_evaluation(netlist: Netlist, seed: int) -> None:
    stimulus = vectors(netlist, seed, (2, 9, 70))
    toggles, high = counts(netlist, stimulus)
    engine = Engine(netlist)
    found = engine.measure([stimulus])
    np.testing.assert_array_equal(found.toggles, toggles)
    np.testing.assert_array_equal(found.high, high)
    values = net_values(netlist, stimulus)
    probed = engine.values(stimulus, sorted(values))
    for k, net in enumerate(sorted(values)):
        np.testing.assert_array_equal(probed[..., k], values[net].astype(bool))


@settings(max_examples=15, deadline=None, suppress_health_check=SLOW)
@given(data=st.data(), netlist=netlists(most_cells=25), seed=st.integers(0, 1000), inertial=st.booleans())
def test_timed_changes_and_settling_equal_icarus(
    data: st.DataObject, netlist: Netlist, seed: int, inertial: bool
) -> None:
    circuit = Engine(netlist).circuit
    steps = data.draw(delays(circuit))
    stimulus = vectors(netlist, seed, (1, 12, 3))
    engine = Engine(netlist, Timing(1.0, inertial), delays=steps)
    with tempfile.TemporaryDirectory() as folder:
        seen = icarus.simulate(netlist, circuit, steps, stimulus, Path(folder), inertial=inertial)
    found = engine.measure([stimulus])
    assert found.glitches is not None
    np.testing.assert_array_equal(found.toggles + found.glitches, seen.changes)
    np.testing.assert_array_equal(engine.settling_steps(stimulus), seen.settling)
    np.testing.assert_array_equal(found.toggles, counts(netlist, stimulus)[0])
