"""`wattloop timing` in this process: profiles, figures by weight, the report, and tiles against the bound."""

from __future__ import annotations

import json
from pathlib import Path
from unittest.mock import MagicMock

import numpy as np
import polars as pl
import pytest

from wattloop import config
from wattloop.activity.bitparallel.array_contract import random_tiles
from wattloop.arith.layer import ConvGeometry, IntegerLayer, LayerTrace
from wattloop.errors import ConfigError, ToolError
from wattloop.flow import timing
from wattloop.flow.settings import Settings, load
from wattloop.flow.timing import CellTimer, TimingSummary, timing_flow
from wattloop.gates.spec import ArraySpec
from wattloop.gates.timing import critical_path
from wattloop.runs import run_folder
from wattloop.timing.profile import METHODS, DelayProfile

SMALL = {
    f"hardware.array.mac.{name}": value
    for name, value in (("weight_bits", "3"), ("activation_bits", "3"), ("psum_bits", "7"))
}


def settings(**more: str) -> Settings:
    return load(None, SMALL | {name.replace("__", "."): value for name, value in more.items()})


def test_a_run_holds_profiles_figures_by_weight_and_the_report(tmp_path: Path) -> None:
    chosen = settings(timing__bound_ps="60", timing__samples="2")
    with run_folder(tmp_path / "run", command="timing", settings=chosen, seeds=chosen.seeds) as run:
        found = timing_flow(chosen, run)
    folder = tmp_path / "run" / "timing"
    weights = pl.read_parquet(folder / "weights.parquet")
    histogram = pl.read_parquet(folder / "histogram.parquet")
    assert tuple(one.method for one in found.methods) == METHODS
    for one in found.methods:
        profile = DelayProfile.load(folder / f"{one.method}.npz")
        assert profile.settling_ps.shape == (8, 8, 8)
        assert one.late == (profile.settling_ps > 60).sum() == weights.filter(method=one.method)["late"].sum()
        assert one.latest_ps == profile.latest_ps <= one.longest_ps
        assert histogram.filter(method=one.method)["transitions"].sum() == 512
    assert 0 < found.methods[1].late < 512
    report = (tmp_path / "run" / "report.md").read_text()
    assert "| multiplier |" in report
    assert "settling_by_weight.png" in report


def summarised(tmp_path: Path, **more: str) -> TimingSummary:
    chosen = settings(timing__methods='["worst"]', **more)
    with run_folder(tmp_path / "run", command="timing", settings=chosen, seeds=chosen.seeds) as run:
        return timing_flow(chosen, run)


def test_opensta_finds_the_arrival_that_static_timing_finds(tmp_path: Path) -> None:
    found = summarised(tmp_path)
    if found.opensta_ps is None:
        pytest.skip("needs OpenSTA: apt-get install opensta")
    assert found.opensta_ps == pytest.approx(found.sta_ps, rel=1e-6)
    assert found.sta_over_opensta == pytest.approx(0, abs=1e-6)
    assert found.longest_over_opensta == pytest.approx(found.longest_ps / found.opensta_ps - 1)
    assert found.longest_over_opensta == pytest.approx(found.longest_over_sta, abs=1e-5)
    facts = json.loads((tmp_path / "run" / "provenance.json").read_text())
    assert facts["opensta_ps"] == f"{found.opensta_ps:.2f}" and facts["opensta"] == found.opensta


def test_without_opensta_the_rest_is_told_and_why_it_is_missing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(timing, "opensta_slack", lambda *_, **__: None)
    found = summarised(tmp_path)
    assert (found.opensta_ps, found.sta_over_opensta, found.longest_over_opensta) == (None, None, None)
    assert found.opensta == "not installed (Debian's package opensta)"
    assert abs(found.longest_over_sta) < 0.2
    assert "opensta_ps" not in json.loads((tmp_path / "run" / "provenance.json").read_text())


def test_an_opensta_that_fails_costs_nothing_but_its_figure(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object, **__: object) -> None:
        raise ToolError("sta gave up")

    monkeypatch.setattr(timing, "opensta_slack", broken)
    found = summarised(tmp_path)
    assert (found.opensta_ps, found.opensta) == (None, "no answer: sta gave up")


def test_opensta_is_not_asked_about_other_loads_than_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(timing, "opensta_slack", lambda *_, **__: pytest.fail("it is asked"))
    found = summarised(tmp_path, timing__load='"typical"')
    assert found.opensta_ps is None and found.opensta.startswith("not asked: it takes sign-off loads")


def test_the_bound_is_the_period_less_the_longest_set_up_time() -> None:
    timer = CellTimer(settings())
    static = critical_path(timer.cell.netlist, load="signoff")
    assert timer.setup_ps >= static.setup_ps > 0
    assert timer.bound_ps == 200 - timer.setup_ps
    assert CellTimer(settings(timing__bound_ps="90")).bound_ps == 90


def test_tiles_are_timed_with_the_delays_of_the_profile() -> None:
    timer = CellTimer(settings())
    array = ArraySpec(rows=4, cols=5, mac=timer.settings.hardware.array.mac)
    small = CellTimer(load(None, SMALL | {"hardware.array.rows": "4", "hardware.array.cols": "5"}))
    found = small.tiles(random_tiles(array, [(4, 5, 6)], seed=0))
    assert found.safe
    assert found.bound_ps == small.bound_ps
    assert 30 < found.latest_ps <= timer.profile("worst").static_ps


def test_the_slowest_arcs_are_never_faster_than_their_mean() -> None:
    mean, slowest = (CellTimer(settings(timing__delays=f'"{name}"')).profile("worst") for name in ("mean", "slowest"))
    assert (mean.settling_ps <= slowest.settling_ps).all()
    assert mean.latest_ps < slowest.latest_ps


def test_a_bypass_does_not_keep_the_multiplier_from_being_timed() -> None:
    timer = CellTimer(settings(hardware__array__mac__bypass_zero_weight="true"))
    assert not timer.apart.settings.array.mac.bypass_zero_weight
    assert timer.profile("multiplier").latest_ps > 0


def test_partial_sums_of_a_layer_are_sampled_where_one_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(0)
    weight = rng.integers(-9, 10, (4, 18)).astype(np.int8)
    layer = IntegerLayer("conv2", "conv", ConvGeometry(2, 4, 12, 12, kernel=(3, 3)), weight)
    seen = LayerTrace(layer, rng.integers(0, 20, (1, 2, 12, 12)).astype(np.uint8))
    monkeypatch.setattr(timing, "trained_network", lambda *_, **__: MagicMock())
    monkeypatch.setattr(timing, "tracer", lambda *_: lambda images: [seen])
    psums = CellTimer(load(None, {"timing.layer": "conv2", "timing.samples": "2"}))._psums
    assert psums.shape == (2, 2, 1 << 16)
    # Its sums are far from filling the register, and a sum and its successor are not the same.
    assert 0 < np.abs(psums).max() < 18 * 9 * 20
    assert (psums[:, 0] != psums[:, 1]).mean() > 0.1


@pytest.mark.parametrize(
    ("key", "value", "said"),
    [
        ("methods", '["guess"]', "guess"),
        ("methods", "[]", "multiplier, sampled, worst"),
        ("delay_step_ps", "0", "above 0"),
        ("bound_ps", "-1", "above 0 ps"),
        ("samples", "0", "1 to 1000"),
        ("delays", '"fast"', "mean"),
    ],
)
def test_illegal_settings_are_refused_by_name(key: str, value: str, said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        config.read(Settings, None, {f"timing.{key}": value})
