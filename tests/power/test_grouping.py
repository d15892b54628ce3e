"""What groups of partial sums tell of energies: the energies of single transitions, and the groupings."""

from __future__ import annotations

import numpy as np
import pytest

from wattloop.activity.bitparallel.engine import Engine, Timing
from wattloop.activity.sources import mac_pairs
from wattloop.arith.joint import JointStatistics, collect_joint
from wattloop.arith.layer import LayerTrace
from wattloop.arith.row_classes import one_class
from wattloop.gates.netlist import Netlist
from wattloop.gates.spec import ArraySpec, MacSpec
from wattloop.power.energy import EnergyModel
from wattloop.power.energy_table import DYNAMIC
from wattloop.power.grouping import GROUPINGS, WEIGHTS, Probe, bit_costs, grouping_quality


@pytest.fixture(scope="module")
def probe(mac_netlist: Netlist) -> Probe:
    return Probe(Engine(mac_netlist, Timing(1.0)), MacSpec(), EnergyModel(mac_netlist))


@pytest.fixture(scope="module")
def statistics(trace: LayerTrace, array: ArraySpec) -> JointStatistics:
    return collect_joint(trace, array, one_class(trace, array))


@pytest.mark.parametrize("weight", [0, -77])
def test_energies_of_single_transitions_add_up_to_the_conventions(
    probe: Probe, statistics: JointStatistics, weight: int
) -> None:
    pairs = statistics.sample(3000, np.random.default_rng(0))
    found = probe.energies_fj(weight, pairs)
    stimulus = mac_pairs(probe.mac, [weight], np.stack(pairs[:2])[None], np.stack(pairs[2:])[None])
    columns = probe.model.columns_fj(probe.engine.measure([stimulus]))
    assert found.mean() == pytest.approx(sum(columns[name][0] for name in DYNAMIC), rel=1e-4)
    still = (pairs[0] == pairs[1]) & (pairs[2] == pairs[3])
    assert not found[still].any()
    assert (found[~still] > 0).all()


def test_groupings_are_what_they_are_called() -> None:
    before, after = np.array([5, -1, 0]), np.array([4, 1, -1])
    assert GROUPINGS["Hamming"](before, after, 22).tolist() == [1, 21, 22]
    magnitude = GROUPINGS["by magnitude"](before, after, 22)
    assert magnitude.tolist() == GROUPINGS["50 groups"](np.abs(before), np.abs(after), 22).tolist()


def test_raw_groups_tell_more_than_magnitudes_and_more_of_weight_0(probe: Probe, statistics: JointStatistics) -> None:
    rows = list(grouping_quality(statistics, probe, transitions=6000))
    assert {(row.grouping, row.weight) for row in rows} == {(g, w) for g in GROUPINGS for w in WEIGHTS}
    explained = {(row.grouping, row.weight): row.explained for row in rows}
    assert explained["50 groups", 0] > 0.5
    assert explained["50 groups", 0] > explained["by magnitude", 0]
    assert explained["50 groups", 0] > explained["50 groups", 64]


def test_energy_grows_with_the_bits_that_change(probe: Probe, statistics: JointStatistics) -> None:
    rows = list(bit_costs(statistics, probe, weights=(0,), count=20_000))
    distance = {row.after: row for row in rows if row.view == "Hamming distance"}
    assert sum(row.transitions for row in distance.values()) == 20_000
    assert distance[1].mean_fj < distance[6].mean_fj < distance[12].mean_fj
    highest = {(row.before, row.after): row.mean_fj for row in rows if row.view == "MSB"}
    assert set(highest) == {(a, b) for a in range(23) for b in range(23)}
    assert highest[3, 3] < highest[20, 3]
