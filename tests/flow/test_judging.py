"""What a delay bound is worth to a real network: its row, its supply, and transitions that come too late."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from wattloop import config
from wattloop.compression.bound_facts import Judged
from wattloop.compression.energies import LayerEnergies, NetworkEnergies
from wattloop.compression.powerpruning.config import TimingConfig
from wattloop.compression.result import CompressionResult
from wattloop.errors import ConfigError
from wattloop.flow.compression import laying
from wattloop.flow.judging import Judge
from wattloop.flow.settings import Settings, load
from wattloop.flow.simulator import Simulator
from wattloop.flow.supply_settings import SupplySettings
from wattloop.flow.timed import timed_cell
from wattloop.flow.timing import CellTimer
from wattloop.gates.timing import critical_path
from wattloop.nn.datasets import load as load_dataset
from wattloop.nn.input_codes import input_codes_of
from wattloop.power.delay_laws import AlphaPower, Corners
from wattloop.power.oracle import EnergyBreakdown, HardwareMapping, LayerEnergy
from wattloop.timing.profiler import Profiler
from wattloop.timing.tiles import COLUMNS

from .conftest import BOUND_PS


@pytest.fixture
def settings(bounded_settings: Settings) -> Settings:
    return bounded_settings


@pytest.fixture
def result(bounded_result: CompressionResult) -> CompressionResult:
    return bounded_result


def test_the_row_says_what_was_kept_and_that_no_transition_is_late(result: CompressionResult) -> None:
    (row,) = result.rows
    codes = [input_codes_of(result.networks[0], name) for name in ("conv1", "conv2")]
    assert row.activation_codes == max(len(found) for found in codes if found is not None)
    assert (row.delay_bound_ps, row.late_transitions) == (BOUND_PS, 0)
    assert row.timed_tiles >= 4
    assert row.settling_ps is not None and 0.9 * BOUND_PS < row.settling_ps <= BOUND_PS
    assert result.checks[0].late.is_empty() and result.checks[0].by_pe.is_empty()


def test_the_supply_just_fits_the_period_by_the_law_that_stands_beside_it(
    settings: Settings, result: CompressionResult
) -> None:
    (row,) = result.rows
    timer = CellTimer(settings)
    assert row.needed_ps is not None and row.settling_ps is not None
    static = critical_path(timer.cell.netlist, load="signoff").arrival_ps
    raised = static / Profiler(timer.engine, settings.hardware.array.mac).longest_ps
    assert raised > 1.0
    assert row.needed_ps == pytest.approx(row.settling_ps * raised + timer.setup_ps)
    law = AlphaPower()
    assert row.supply_v is not None and row.unselected_supply_v is not None
    assert law.delay_factor(row.supply_v) * row.needed_ps <= settings.hardware.clock_ps
    assert law.delay_factor(row.supply_v - 0.01) * row.needed_ps > settings.hardware.clock_ps
    assert row.supply_v <= row.unselected_supply_v < law.nominal_v
    assert law.origin in row.supply_origin and f"{row.needed_ps:.1f} ps needed of 200 ps" in row.supply_origin


def test_savings_at_the_supply_are_against_int8_at_the_nominal_one(result: CompressionResult) -> None:
    (row,) = result.rows
    assert row.supply_v is not None
    ratio = row.supply_v / 0.8
    for name in ("datapath", "functional", "array"):
        left = getattr(row, f"{name}_fj") / getattr(row, f"{name}_int8_fj")
        assert getattr(row, f"{name}_saving_at_supply") == pytest.approx(1 - ratio**2 * left)
    layers = [layer.tiles_after for layer in result.layers if layer.kind == "conv"]
    # The layers stand for those of the row where that is the best network.
    assert result.best == 0 and all(found is not None for found in layers)
    leakage_fj = sum(found.energy.leakage_fj for found in layers if found is not None)
    dynamic_fj = row.total_fj - leakage_fj
    expected = 1 - (ratio**2 * dynamic_fj + ratio * leakage_fj) / row.total_int8_fj
    assert row.total_saving_at_supply == pytest.approx(expected)


def judge(settings: Settings, bound_ps: float, **supply: Any) -> Judge:
    timed = timed_cell(settings.compress, Simulator.of(settings), settings.timing)
    assert timed is not None
    images = load_dataset("digits").test.images
    return Judge(timed, bound_ps, False, SupplySettings(**supply), images, settings.measure)


def judged(found: Judge, result: CompressionResult, mappings: Mapping[str, HardwareMapping] | None = None) -> Judged:
    return found(result.networks[0], mappings or {}, *energies())


def energies() -> tuple[NetworkEnergies, NetworkEnergies]:
    parts = EnergyBreakdown(4.0, 3.0, 2.0, 1.0, 10.0)
    fj = {"datapath": 9.0, "total": 20.0, "functional": 5.0, "array": 12.0}
    layer = LayerEnergies(
        LayerEnergy("conv1", parts, 1, 0.0, "tiles", "datapath"), "conv", fj, dict.fromkeys(fj, 0.0), 1
    )
    whole = NetworkEnergies((layer,), 1, True, 0.0, "bitparallel-timed")
    return whole, whole


def test_late_transitions_are_counted_by_pe_and_listed_with_their_values(
    settings: Settings, result: CompressionResult
) -> None:
    """The same network against a bound that it was not held to."""
    found = judged(judge(settings, 150.0), result)
    late, by_pe = found.check.late, found.check.by_pe
    assert found.facts.late_transitions == by_pe["late"].sum() > 0
    assert late.columns == ["layer", *COLUMNS]
    assert late["settling_ps"].min() > 150 and late["settling_ps"].is_sorted(descending=True)
    assert late["settling_ps"][0] == by_pe["latest_ps"].max()
    network = result.networks[0]
    for name in by_pe["layer"].unique():
        here = late.filter(layer=name)
        assert set(here["weight"]) <= {0, *np.unique(network.integer_weight(name)).tolist()}
        assert set(here["activation_to"]) <= set(input_codes_of(network, name) or range(256))
        places = set(zip(here["row"], here["col"], strict=True))
        known = by_pe.filter(layer=name)
        assert places <= set(zip(known["row"], known["col"], strict=True))
    # The supply rests on what is sure, and not on the bound that was asked for.
    assert found.facts.supply_v == result.rows[0].supply_v


def test_negated_filters_bring_weights_that_were_not_kept(settings: Settings, result: CompressionResult) -> None:
    """Such a layout is never chosen under a bound; whoever makes one gets the supply that it needs."""
    plain = judged(judge(settings, BOUND_PS), result).facts
    weight = result.networks[0].integer_weight("conv2")
    flipped = tuple(np.flatnonzero((weight != -128).all(axis=1)).tolist())
    laid = judged(judge(settings, BOUND_PS), result, {"conv2": HardwareMapping(flipped_filters=flipped)}).facts
    assert laid.settling_ps is not None and plain.settling_ps is not None
    assert laid.settling_ps > BOUND_PS >= plain.settling_ps
    mapped = replace(settings.compress, mapped=True)
    chosen = laying(mapped)
    assert chosen is not None and chosen.options.signs == "none"
    free = laying(replace(mapped, timing=TimingConfig()))
    assert free is not None and free.options.signs == "tiles"


def test_a_margin_beyond_the_slack_leaves_everything_at_the_nominal_supply(
    settings: Settings, result: CompressionResult
) -> None:
    facts = judged(judge(settings, BOUND_PS, margin_ps=30.0), result).facts
    assert facts.supply_v == facts.unselected_supply_v == 0.8
    assert facts.total_saving_at_supply == facts.datapath_saving_at_supply == 0.0
    assert facts.supply_origin.endswith("181.9 ps needed of 170 ps; no slack: nominal supply")


def test_corners_and_leakage_come_from_the_settings(settings: Settings, result: CompressionResult) -> None:
    corners = ((0.6, 300.0), (0.8, 190.0))
    facts = judged(judge(settings, BOUND_PS, law="corners", corners=corners, leakage_per_v=3.0), result).facts
    law = Corners(0.8, corners)
    assert facts.supply_v is not None and facts.needed_ps is not None
    assert (
        law.delay_factor(facts.supply_v) * facts.needed_ps
        <= 200
        < law.delay_factor(facts.supply_v - 0.01) * facts.needed_ps
    )
    ratio = facts.supply_v / 0.8
    left = (ratio**2 * 10 + 10 * ratio * math.exp(3 * (facts.supply_v - 0.8))) / 20
    assert facts.total_saving_at_supply == pytest.approx(1 - left)
    assert law.origin in facts.supply_origin


def test_a_library_of_another_supply_needs_a_law_of_its_own_before_anything_begins(settings: Settings) -> None:
    hardware = replace(settings.hardware, library="nangate45", clock_ps=1000.0)
    with pytest.raises(ConfigError, match=r"1\.1 V, for which no threshold is assumed: set supply\.vt_v"):
        _ = judge(replace(settings, hardware=hardware), BOUND_PS).law
    assert judge(replace(settings, hardware=hardware), BOUND_PS, vt_v=0.4).law.nominal_v == 1.1


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"law": "corners"}, "corners = "),
        ({"corners": ((0.6, 300.0),)}, "none otherwise"),
        ({"law": "corners", "corners": ((0.6,), (0.8, 1.0))}, "pairs of supply"),
        ({"minimum_v": 0.0}, "minimum_v"),
        ({"margin_ps": -1.0}, "margin_ps"),
    ],
)
def test_wrong_settings_of_the_supply_are_refused(wrong: dict[str, Any], said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        SupplySettings(**wrong)
    with pytest.raises(ConfigError, match=r"minimum_v = 0\.9 is above the library's 0\.8 V"):
        SupplySettings(minimum_v=0.9).delay_law(0.8)


def test_settings_of_the_supply_are_read_and_written(tmp_path: Path) -> None:
    path = tmp_path / "a.toml"
    path.write_text('[supply]\nlaw = "corners"\ncorners = [[0.6, 300.0], [0.8, 190.0]]\nminimum_v = 0.6\n')
    found = load(path)
    assert found.supply == SupplySettings(law="corners", corners=((0.6, 300.0), (0.8, 190.0)), minimum_v=0.6)
    path.write_text(config.dump(found))
    assert load(path) == found
