"""A checkpoint under a delay bound, measured again: the same supply, the same savings at it, the same tiles timed."""

from __future__ import annotations

from dataclasses import fields, replace
from pathlib import Path

import pytest
import tomli_w
from tests.flow.conftest import BOUND_PS
from tests.flow.reproduce.conftest import entry, reproduced

from wattloop.compression.bound_facts import BoundFacts
from wattloop.compression.result import CompressionResult
from wattloop.flow.reproduce.tasks import TASKS
from wattloop.flow.settings import Settings
from wattloop.flow.training import trained_network
from wattloop.nn.checkpoint import save

FACTS = tuple(field.name for field in fields(BoundFacts))


@pytest.fixture
def folder(bounded_settings: Settings, bounded_result: CompressionResult, tmp_path: Path) -> Path:
    save(trained_network(bounded_settings).network, tmp_path / "int8.safetensors")
    save(bounded_result.networks[0], tmp_path / "bounded.safetensors")
    listed = [
        entry("int8.safetensors", "int8", "", "array"),
        entry("bounded.safetensors", "powerpruning", "values=32", "array")
        | {"exhibits": ["powerpruning"], "delay_bound_ps": BOUND_PS},
    ]
    (tmp_path / "index.toml").write_text(tomli_w.dumps({"models": listed}))
    return tmp_path


def test_what_the_campaign_said_of_bound_and_supply_is_found_again(
    folder: Path, bounded_settings: Settings, bounded_result: CompressionResult
) -> None:
    own = replace(bounded_settings.reproduce, from_models=True, models=str(folder), test_images=50)
    made = reproduced("powerpruning", replace(bounded_settings, reproduce=own), folder / "run")
    int8, found = made.rows
    (row,) = bounded_result.rows
    assert {name: found[name] for name in FACTS} == {name: getattr(row, name) for name in FACTS}
    assert found["late_transitions"] == 0 and found["timed_tiles"] > 0
    assert found["datapath_saving"] == row.datapath_saving
    assert {name: int8[name] for name in FACTS} == vars(BoundFacts())
    assert "Under a delay bound" in made.tables and row.supply_origin in made.findings[-1]


def test_the_exhibit_compresses_without_a_bound_first_and_then_within_the_users(bounded_settings: Settings) -> None:
    free, within = (task.change(bounded_settings.compress) for task in TASKS["powerpruning"])
    assert (free.timing.bound_ps, free.methods) == (0.0, ("powerpruning",))
    assert within.timing.bound_ps == BOUND_PS
    assert set(within.methods) == {"powerpruning", "layerwise", "rate-distortion"}
    usual = replace(bounded_settings.compress, timing=replace(bounded_settings.compress.timing, bound_ps=0.0))
    assert TASKS["powerpruning"][1].change(usual).timing.bound_ps == 168.0
