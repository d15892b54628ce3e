"""Energy of a netlist: by hand on three cells, and against a sign-off tool on six MACs."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.activity.bitparallel.reference import MACS, reference_mac
from tests.power.saif import read_saif
from tests.power.tiny import A, N, P, Q, Y, activity, netlist

from wattloop.activity.result import Activity
from wattloop.errors import ConfigError
from wattloop.power.energy import EnergyModel
from wattloop.power.energy_table import ORIGINS
from wattloop.power.oracle import EnergyBreakdown

# 100 cycles. INV: 1 + 4 + 30/50 fJ a rise of its output, 1 + 4 + 10/25 a fall.
# The NAND's output toggles are shared by its inputs' as 20 * 0.25 : 40 * 0.5 = 1 : 4.
TOGGLES = {A: 20, P: 40, N: 10, Y: 10, Q: 8}
HIGH = {A: 50, P: 25, N: 80, Y: 20, Q: 30}
SEEN = activity(TOGGLES, HIGH)
NAND_FJ, INV_FJ, Q_FJ, D_FJ, CLOCK_PIN_FJ = 10 * (3 + 4 * 7) / 5, 10 * 5.5, 8 * 4, 10 * 1, 100 * 2 * 5
LEAKAGE_FJ = (40 + 0.8 * 10 + 0.2 * 30 + 50) * 500 * 1e-9 * 100


def test_one_cell_alone_by_hand(tmp_path: Path) -> None:
    (found,) = EnergyModel(netlist(tmp_path), clock_ps=500, context="alone").breakdown(SEEN)
    assert found.comb_switching_fj == pytest.approx(2 * (10 * 1 + 10 * 4))  # n drives INV, y drives D
    assert found.comb_internal_fj == pytest.approx(NAND_FJ + INV_FJ)
    assert found.register_fj == pytest.approx(Q_FJ + D_FJ)  # q drives nothing
    assert found.clock_fj == pytest.approx(CLOCK_PIN_FJ)
    assert found.leakage_fj == pytest.approx(LEAKAGE_FJ)


def test_in_the_array_ports_clock_and_the_neighbours_pins_count_by_hand(tmp_path: Path) -> None:
    (found,) = EnergyModel(netlist(tmp_path), clock_ps=500, context="array").breakdown(SEEN)
    assert found.comb_switching_fj == pytest.approx(2 * (10 * 1 + 10 * 4 + 20 * 2))  # a_i drives A
    assert found.register_fj == pytest.approx(Q_FJ + D_FJ + 2 * 8 * 3)  # q drives the next cell's B through p_o
    assert found.clock_fj == pytest.approx(CLOCK_PIN_FJ + 2 * 200 * 5)
    assert found.leakage_fj == pytest.approx(LEAKAGE_FJ)


def test_each_instance_by_hand(tmp_path: Path) -> None:
    found = EnergyModel(netlist(tmp_path), clock_ps=500, context="alone").instances(SEEN)
    np.testing.assert_allclose(found.internal_fj, [[NAND_FJ / 100, INV_FJ / 100, (Q_FJ + D_FJ) / 100]])
    np.testing.assert_allclose(found.clock_fj, [[0, 0, 10]])
    np.testing.assert_allclose(found.switching_fj, [[0.2, 0.8, 0]])
    np.testing.assert_allclose(found.leakage_fj, np.array([[40, 14, 50]]) * 500e-9)


def test_a_standing_netlist_costs_its_clock_and_leakage(tmp_path: Path) -> None:
    (found,) = EnergyModel(netlist(tmp_path), clock_ps=500).breakdown(activity({}, HIGH))
    assert found.dynamic_fj == 0
    assert found.clock_fj == pytest.approx(CLOCK_PIN_FJ + 2000)
    assert found.leakage_fj == pytest.approx(LEAKAGE_FJ)


def test_glitches_cost_what_other_toggles_cost(tmp_path: Path) -> None:
    model = EnergyModel(netlist(tmp_path))
    quiet = activity({net: 3 * count // 4 for net, count in TOGGLES.items()}, HIGH)
    glitching = replace(quiet, glitches=SEEN.toggles - quiet.toggles)
    assert model.breakdown(glitching) == model.breakdown(SEEN)
    assert model.breakdown(quiet) != model.breakdown(SEEN)


def test_energy_of_glitches_and_of_functional_toggles_adds_up(tmp_path: Path) -> None:
    model = EnergyModel(netlist(tmp_path))
    glitching = replace(SEEN, glitches=SEEN.toggles // 5)
    found = model.by_toggle_kind(glitching)
    assert found["functional"] == model.breakdown(SEEN)
    assert vars(found["functional"][0] + found["glitch"][0]) == pytest.approx(vars(model.breakdown(glitching)[0]))
    assert found["glitch"][0].comb_switching_fj == pytest.approx(found["functional"][0].comb_switching_fj / 5)
    assert found["glitch"][0].clock_fj == found["glitch"][0].leakage_fj == 0


def test_every_net_by_hand_and_all_of_them_as_the_breakdown(tmp_path: Path) -> None:
    model = EnergyModel(netlist(tmp_path))
    (found,) = model.nets_fj(SEEN)
    load_ff = {A: 2, P: 3, N: 1, Y: 4, Q: 3}  # q drives the neighbour's p_i
    assert {net: found[net] for net in load_ff} == pytest.approx(
        {n: 2 * c * TOGGLES[n] / 100 for n, c in load_ff.items()}
    )
    columns = model.columns_fj(SEEN)
    inner = found[[A, N, Y]].sum()  # p_i counts as the neighbour's q
    assert inner == pytest.approx(columns["comb_switching_fj"][0])


def test_leakage_alone_depends_on_the_clock_period(tmp_path: Path) -> None:
    (slow,), (fast,) = (EnergyModel(netlist(tmp_path), clock_ps=ps).breakdown(SEEN) for ps in (1000, 500))
    assert slow.leakage_fj == pytest.approx(2 * fast.leakage_fj)
    assert replace(slow, leakage_fj=0) == replace(fast, leakage_fj=0)


COUNTS = st.lists(st.integers(0, 100), min_size=5, max_size=5)


@settings(max_examples=50, deadline=None)
@given(toggles=st.lists(COUNTS, min_size=2, max_size=4), factor=st.integers(2, 9))
def test_equal_groups_add_up_and_scale(
    tmp_path_factory: pytest.TempPathFactory, toggles: list[list[int]], factor: int
) -> None:
    model = EnergyModel(netlist(tmp_path_factory.mktemp("tiny")))
    rows = np.array([[0, *row] for row in toggles])
    high = np.full_like(rows, 30)
    groups = Activity(SEEN.nets, SEEN.annotated, rows, high, 100, "groups")
    found = model.breakdown(groups)
    for k, group in enumerate(found):  # a group does not see the others
        (alone,) = model.breakdown(replace(groups, toggles=rows[k : k + 1], high=high[k : k + 1]))
        assert vars(alone) == pytest.approx(vars(group))
    (long,) = model.breakdown(
        replace(groups, toggles=factor * rows[:1], high=factor * high[:1], transitions=100 * factor)
    )
    assert vars(long) == pytest.approx(vars(factor * found[0]))


def test_many_groups_are_summed_in_parts_without_a_seam(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    rows = rng.integers(0, 100, (600, 6))
    many = replace(SEEN, toggles=rows, high=rng.integers(0, 101, (600, 6)))
    model = EnergyModel(netlist(tmp_path))
    whole = model.columns_fj(many)
    for k in (0, 255, 256, 511, 512, 599):
        one = model.columns_fj(replace(many, toggles=rows[k : k + 1], high=many.high[k : k + 1]))
        assert {name: one[name][0] for name in ORIGINS} == pytest.approx({name: whole[name][k] for name in ORIGINS})


def test_an_unknown_convention_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="not a load convention"):
        EnergyModel(netlist(tmp_path), load="wires").breakdown(SEEN)


@pytest.mark.parametrize("name", MACS)
def test_power_is_that_of_the_sign_off_tool(shared_folder: Path, name: str) -> None:
    cell = reference_mac(shared_folder, name)
    folder = shared_folder / "oracle" / name
    report = json.loads((folder / "opensta.json").read_text())
    model = EnergyModel(cell, report["clock_period_ps"], "signoff", "alone")
    found = model.instances(read_saif(folder / "activity.saif.gz", cell, report["clock_period_ps"]))
    watt = 1e-3 / report["clock_period_ps"]  # fJ / ps = mW
    ours = watt * np.stack([found.internal_fj[0] + found.clock_fj[0], found.switching_fj[0], found.leakage_fj[0]], 1)
    rows = report["instances_w"]
    assert rows.pop("columns") == ["internal", "switching", "leakage", "total"]
    assert set(rows) == {instance.name for instance in cell.instances}
    # The tool computes in single precision, and so prints.
    theirs = np.array([rows[instance.name][:3] for instance in cell.instances])
    np.testing.assert_allclose(ours.sum(1), theirs.sum(1), rtol=1e-6)
    np.testing.assert_allclose(ours.sum(0), theirs.sum(0), rtol=1e-6)
    total = report["groups"]["total"]  # summed up in single precision
    np.testing.assert_allclose(
        ours.sum(0), [total[f"{kind}_w"] for kind in ("internal", "switching", "leakage")], rtol=5e-6
    )
    flops = np.array([cell.cell(instance).flop is not None for instance in cell.instances])
    np.testing.assert_allclose(ours[flops].sum(), report["groups"]["sequential"]["total_w"], rtol=5e-6)


def test_the_breakdown_is_the_sum_of_the_instances(shared_folder: Path) -> None:
    cell = reference_mac(shared_folder, "nangate15-booth")
    seen = read_saif(shared_folder / "oracle" / "nangate15-booth" / "activity.saif.gz", cell, 1000)
    model = EnergyModel(cell, 1000, "signoff", "alone")
    (found,), parts = model.breakdown(seen), model.instances(seen)
    whole = sum(part.sum() for part in vars(parts).values()) * seen.transitions
    assert found.total_fj == pytest.approx(whole)
    assert isinstance(found, EnergyBreakdown)
