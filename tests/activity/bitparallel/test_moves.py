"""Moves between input states are those of a plain evaluation, and every count of toggles follows from them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.activity.bitparallel.random_netlists import delays, netlists, vectors
from tests.activity.bitparallel.reference import mac_stimulus, net_values, reference_mac

from wattloop.activity.bitparallel.engine import Engine, Timing
from wattloop.activity.bitparallel.moves import CellMoves
from wattloop.activity.stimulus import Stimulus
from wattloop.errors import NetlistError, StimulusError
from wattloop.gates.netlist import Netlist

SLOW = [HealthCheck.too_slow, HealthCheck.data_too_large]


def plain_moves(netlist: Netlist, stimulus: Stimulus, found: CellMoves) -> dict[str, np.ndarray]:
    """Pairs of settled states of each cell over the counted transitions, shape (groups, states, states)."""
    values = net_values(netlist, stimulus)
    tables = {}
    for name, cell in found.cells.items():
        states = sum(values[net].astype(np.int64) << k for k, net in enumerate(cell.nets))
        table = np.zeros((stimulus.groups, 1 << len(cell.nets), 1 << len(cell.nets)), np.int64)
        group = np.broadcast_to(np.arange(stimulus.groups)[:, None, None], states[:, 1:].shape)
        counted = np.broadcast_to(stimulus.counted[1:, None], states[:, 1:].shape)
        np.add.at(table, (group[counted], states[:, :-1][counted], states[:, 1:][counted]), 1)
        tables[name] = table
    return tables


@settings(max_examples=15, deadline=None, suppress_health_check=SLOW)
@given(netlist=netlists(most_cells=25), seed=st.integers(0, 1000))
def test_without_delay_they_are_those_of_a_plain_evaluation(netlist: Netlist, seed: int) -> None:
    stimulus = vectors(netlist, seed, (2, 19, 70))
    found = Engine(netlist).cell_moves([stimulus])
    for name, table in plain_moves(netlist, stimulus, found).items():
        np.testing.assert_array_equal(found.settled(name), table.sum(axis=1))
        states = np.arange(table.shape[1])
        table[:, states, states] = 0
        np.testing.assert_array_equal(found.moves(name), table)


@settings(max_examples=15, deadline=None, suppress_health_check=SLOW)
@given(data=st.data(), netlist=netlists(most_cells=25), seed=st.integers(0, 1000))
def test_with_transport_delay_the_arcs_of_an_output_add_up_to_its_changes(
    data: st.DataObject, netlist: Netlist, seed: int
) -> None:
    steps = data.draw(delays(Engine(netlist).circuit))
    engine = Engine(netlist, Timing(1.0, inertial=False), delays=steps)
    stimulus = vectors(netlist, seed, (2, 9, 40))
    activity, found = engine.measure([stimulus]), engine.cell_moves([stimulus])
    assert activity.glitches is not None
    changes = activity.toggles + activity.glitches
    for instance in (i for i in netlist.instances if i.name in found.cells):
        pins = found.pins(instance.name)
        for place, pin in enumerate(pins):
            states = np.arange(1 << len(pins))
            moved = (states[:, None] ^ states) >> place & 1
            by_pin = (found.moves(instance.name) * moved).sum((1, 2))
            np.testing.assert_array_equal(by_pin, changes[:, instance.pins[pin]])
        for output, spec in netlist.cell(instance).outputs.items():
            if spec.function is not None:
                arcs = sum(found.arc(instance.name, pin, output).sum((1, 2)) for pin in pins)
                np.testing.assert_allclose(arcs, changes[:, instance.pins[output]], rtol=1e-12)


def test_an_arc_counts_where_its_side_inputs_let_it_through(shared_folder: Path) -> None:
    netlist = reference_mac(shared_folder, "nangate15-array")
    found = Engine(netlist).cell_moves([mac_stimulus((1, 9, 300), np.random.default_rng(1))])
    gate = next(i for i in netlist.instances if i.cell.startswith("AND2"))
    arc = found.arc(gate.name, "A1", "Z")
    rises_alone = found.moves(gate.name)[:, 0b10, 0b11]
    assert rises_alone.sum() > 0
    assert arc[0, 1, 0] == pytest.approx(rises_alone[0] + found.moves(gate.name)[0, 0b00, 0b11] / 2)
    assert arc[0, 0, 0] == 0  # no rise while the other input is 0


@pytest.mark.parametrize("timing", [None, Timing(1.0)], ids=["settled", "timed"])
def test_they_do_not_depend_on_threads_and_leave_the_toggles_alone(shared_folder: Path, timing: Timing | None) -> None:
    netlist = reference_mac(shared_folder, "nangate45-booth")
    stimulus = mac_stimulus((3, 8, 700), np.random.default_rng(2))
    alone, together = (Engine(netlist, timing, threads=n).cell_moves([stimulus]) for n in (1, 3))
    np.testing.assert_array_equal(alone.counts, together.counts)
    assert alone.transitions == stimulus.transitions
    settled = Engine(netlist).cell_moves([stimulus])
    for name in settled.cells:
        np.testing.assert_array_equal(alone.settled(name), settled.settled(name))


def test_a_cell_that_is_not_there_is_named(shared_folder: Path) -> None:
    netlist = reference_mac(shared_folder, "osu018-array")
    found = Engine(netlist).cell_moves([mac_stimulus((1, 2, 5), np.random.default_rng(3))])
    with pytest.raises(NetlistError, match="no combinational cell u_nobody"):
        found.moves("u_nobody")
    with pytest.raises(NetlistError, match="no function at pin"):
        found.arc(next(iter(found.cells)), found.pins(next(iter(found.cells)))[0], "Q9")


@pytest.mark.parametrize("timing", [None, Timing(1.0), Timing(1.0, inertial=False)], ids=["settled", "timed", "all"])
def test_weighted_changes_of_every_vector_add_up_to_those_of_the_nets(
    shared_folder: Path, timing: Timing | None
) -> None:
    netlist = reference_mac(shared_folder, "nangate15-booth")
    rng = np.random.default_rng(4)
    stimulus = mac_stimulus((3, 19, 70), rng)
    engine = Engine(netlist, timing)
    weights = {net: float(w) for net, w in enumerate(rng.uniform(0, 3, len(netlist.nets)))}
    found = engine.weighted_changes(stimulus, weights)
    assert found.shape == stimulus.shape
    assert not found[:, 0].any()
    activity = engine.measure([stimulus])
    changes = activity.toggles if activity.glitches is None else activity.toggles + activity.glitches
    expected = changes @ np.array(list(weights.values()))
    np.testing.assert_allclose(found.astype(np.float64).sum((1, 2)), expected, rtol=1e-5)


def test_weighted_changes_of_each_vector_are_those_of_a_plain_evaluation(shared_folder: Path) -> None:
    netlist = reference_mac(shared_folder, "nangate15-array")
    rng = np.random.default_rng(5)
    stimulus = mac_stimulus((2, 40, 65), rng, pairs=True)
    weights = {net: float(w) for net, w in enumerate(rng.integers(0, 65536, len(netlist.nets)))}
    weights[0] = 65535.0  # the unit is 1: sums are exact
    expected = np.zeros(stimulus.shape)
    for net, values in net_values(netlist, stimulus).items():
        expected[:, 1:] += (values[:, 1:] ^ values[:, :-1]) * stimulus.counted[1:, None] * weights[net]
    np.testing.assert_array_equal(Engine(netlist).weighted_changes(stimulus, weights), expected.astype(np.float32))


def test_a_negative_weight_is_refused(shared_folder: Path) -> None:
    netlist = reference_mac(shared_folder, "nangate15-array")
    with pytest.raises(StimulusError, match="net 3 is negative"):
        Engine(netlist).weighted_changes(mac_stimulus((1, 2, 5), np.random.default_rng(6)), {3: -1.0})
