"""Tables made by compressing here and now: which campaigns they take, and what becomes of their networks."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path

import pytest
from tests.flow.reproduce.conftest import reproduced

from wattloop.compression.config import CompressConfig
from wattloop.flow.reproduce import campaigns
from wattloop.flow.reproduce.tasks import TASKS
from wattloop.flow.settings import Settings
from wattloop.report.reproduce import paper

Made = Callable[[str], tuple]


def changed(exhibit: str) -> list[CompressConfig]:
    return [task.change(CompressConfig()) for task in TASKS[exhibit]]


def test_table_3_matches_ratio_and_values_of_the_paper() -> None:
    asked = [(*config.ratios, *config.set_sizes) for config in changed("table3")]
    rivals = [(*c.baselines.global_ratios, *c.baselines.global_values) for c in changed("table3")]
    assert asked == rivals == [(0.5, 32), (0.5, 16), (0.7, 32)]
    assert {task.setting for task in TASKS["table3"]} == {
        "ratio=0.5 values=32",
        "ratio=0.5 values=16",
        "ratio=0.7 values=32",
    }
    assert {config.methods for config in changed("table3")} == {("global", "layerwise")}


def test_table_4_takes_as_many_cheapest_values_as_the_paper() -> None:
    (config,) = changed("table4")
    assert config.baselines.naive_values == tuple(row.values for row in paper.TABLE4[:2])
    assert config.methods == ("naive", "layerwise")


def test_table_1_is_by_the_methods_of_the_settings() -> None:
    own = CompressConfig(methods=("prune", "set"))
    (task,) = TASKS["table1"]
    assert task.change(own) == own


def test_a_campaign_that_ended_early_is_not_taken_for_one_with_more_hours(
    quick: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is found out on the way is the same for both; what they end with is not."""
    monkeypatch.setattr(campaigns, "progress_folder", lambda *_: Path("course"))
    hours = [replace(quick, compress=replace(quick.compress, max_hours=hours)) for hours in (0.0, 1.0)]
    assert len({campaigns._key(settings, None, None) for settings in hours}) == 2  # type: ignore[arg-type]


def test_quick_table_1_measures_what_every_method_offers(made: Made, quick: Settings) -> None:
    exhibit, out = made("table1")
    rows = json.loads((out / "table1.json").read_text())["rows"]
    assert [row["method"] for row in rows].count("layerwise") == 1  # of one a layer the last
    assert {row["method"] for row in rows} == {"int8", *quick.compress.methods}
    for row in rows:
        assert row["images"] == quick.measure.images
        assert (row["datapath_saving"] == 0) == (row["method"] == "int8")
    assert len(exhibit.paper) == len(paper.TABLE1)


def test_quick_table_3_pairs_what_was_matched(quick: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(campaigns.TASKS, "table3", TASKS["table3"][1:2])
    exhibit = reproduced("table3", quick, tmp_path / "run")
    assert [row["setting"] for row in exhibit.rows] == ["", "ratio=0.5 values=16", "ratio=0.5 values=16"]
    assert exhibit.findings[0].startswith("lenet5, ratio=0.5 values=16: a choice for each layer saves")
    assert {claim.agrees for claim in exhibit.claims} == {None}  # the paper speaks of another network


def test_a_campaign_that_is_done_is_not_done_again(
    made: Made, quick: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, _ = made("table1")

    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("compressed again")

    monkeypatch.setattr(campaigns, "compress_flow", refuse)
    again = reproduced("table1", replace(quick, reproduce=replace(quick.reproduce, transitions=5000)), tmp_path / "run")
    assert list(again.rows) == list(first.rows)


def test_each_ablation_differs_from_the_whole_in_one_part() -> None:
    def parts(config: CompressConfig) -> set[tuple[str, object]]:
        own = asdict(config)
        nested = own.pop("rate_distortion")
        return {(name, repr(value)) for name, value in (own | nested).items()}

    whole, *others, last = TASKS["ablations"]
    start = parts(whole.change(CompressConfig(distill_weight=0.5)))
    differences = [start ^ parts(task.change(CompressConfig(distill_weight=0.5))) for task in others]
    assert [{name for name, _ in found} for found in differences] == [
        {"distill_weight"},
        {"hold_zeros"},
        {"signs"},
        {"trust"},
        {"energy_share"},
        {"rounds"},
    ]
    own = CompressConfig(methods=("rate-distortion", "four-bit"))
    assert last.change(own).methods == ("four-bit",)
    assert all(task.change(own).methods == ("rate-distortion",) for task in (whole, *others))
