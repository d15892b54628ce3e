"""The verdict of a small network, from settings to report."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from wattloop.arith.kinds import KINDS
from wattloop.compression.one_shot import one_shot
from wattloop.errors import ConfigError
from wattloop.flow.oneshot import compressed_at_once
from wattloop.flow.settings import Settings
from wattloop.flow.training import trained_network
from wattloop.flow.verdict import VERDICT, Verdict, verdict_flow
from wattloop.power.verdict import load_verdict
from wattloop.runs import run_folder

LAYERS = ["conv2"]


@pytest.fixture(scope="module")
def made(settings: Settings, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Verdict]:
    out = tmp_path_factory.mktemp("verdict") / "run"
    chosen = replace(settings.characterize, precision=0.15, pairs=128, tiles=None)
    few = replace(settings, characterize=chosen, estimate=replace(settings.estimate, images=1, simulator="bitparallel"))
    with run_folder(out, command="verdict", settings=few, seeds=few.seeds) as run:
        found = verdict_flow(few, run, oneshot=(0.7, 16), layers=LAYERS)
    return out, found


def test_every_layer_is_judged_by_every_model_before_and_after(made: tuple[Path, Verdict]) -> None:
    _, found = made
    assert {(row.stage, row.layer, row.statistics) for row in found.layers} == {
        *((stage, layer, kind) for stage in ("int8", "compressed") for layer in LAYERS for kind in KINDS),
        *(("compressed", layer, "activity, stale") for layer in LAYERS),
    }
    assert [claim.stage for claim in found.claims] == ["int8", "compressed"]


def test_a_layers_own_joint_table_is_near_its_tiles(made: tuple[Path, Verdict]) -> None:
    errors = {(row.stage, row.layer): abs(row.error) for row in made[1].layers if row.statistics == "activity"}
    assert max(errors.values()) < 0.05
    for row in made[1].layers:
        if row.statistics == "activity":
            assert row.rank > 0.85  # energies are known to 15 % only


def test_stale_tables_tell_more_than_the_compressed_network_draws(made: tuple[Path, Verdict]) -> None:
    stale = {row.layer: row.error for row in made[1].layers if row.statistics == "activity, stale"}
    assert stale["conv2"] > 0.03


def test_the_run_keeps_rows_tables_and_a_report(made: tuple[Path, Verdict]) -> None:
    out, found = made
    assert tuple(load_verdict(out / VERDICT)) == found.layers
    assert json.loads((out / "verdict.json").read_text())["claims"][0]["stage"] == "int8"
    assert (out / "tables" / "compressed" / "rows" / "conv2.parquet").is_file()
    report = (out / "report.md").read_text()
    assert "## Tables against exact simulation" in report
    assert (out / "plots" / "errors_of_layers.png").is_file()


def test_compression_at_once_prunes_and_leaves_so_many_values(settings: Settings) -> None:
    network = trained_network(settings).network
    before = network.integer_weight("conv2").copy()
    found = compressed_at_once(network, 0.7, 16).integer_weight("conv2")
    np.testing.assert_array_equal(network.integer_weight("conv2"), before)  # the original is left alone
    wanted = one_shot(before, 0.7, 16)
    assert set(np.unique(found)) == set(np.unique(wanted))
    np.testing.assert_array_equal(found == 0, wanted == 0)
    # The network rounds latent weights, which lie a little off the integers: halfway it may go the other way.
    assert np.mean(found == wanted) > 0.98
    assert len(np.unique(found)) <= 16
    assert np.mean(found == 0) == pytest.approx(0.7, abs=0.02)
    with pytest.raises(ConfigError, match="values = 1"):
        compressed_at_once(network, 0.7, 1)
