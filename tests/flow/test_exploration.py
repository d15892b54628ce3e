"""The same layer on several cells: what is measured, what is remembered, what is refused."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from wattloop.errors import ModelError, SpecError
from wattloop.flow.exploration import EXPLORATION, explore_flow
from wattloop.flow.explore_settings import ExploreSettings
from wattloop.flow.settings import Settings, load
from wattloop.flow.simulator import Simulator
from wattloop.flow.training import trained_network
from wattloop.gates.spec import MacSpec
from wattloop.nn.trace import trace
from wattloop.power.exploration import Exploration
from wattloop.report.exploration import as_json
from wattloop.runs import run_folder

OWN = MacSpec(multiplier="shift", bypass_zero_weight=True)
CHOSEN = ExploreSettings(templates=("array", "shift"), cells={"own": OWN}, tiles=2, simulator="bitparallel-timed")


@pytest.fixture(scope="module")
def chosen(settings: Settings) -> Settings:
    return replace(settings, explore=CHOSEN)


def explored(settings: Settings, out: Path) -> Exploration:
    with run_folder(out, command="explore", settings=settings, seeds=settings.seeds) as made:
        return explore_flow(settings, made)


@pytest.fixture(scope="module")
def run(chosen: Settings, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("explore") / "run"
    explored(chosen, out)
    return out


@pytest.fixture(scope="module")
def found(run: Path) -> Exploration:
    return Exploration.load(run / EXPLORATION)


def test_templates_and_cells_of_ones_own_stand_side_by_side(found: Exploration) -> None:
    assert [cell.name for cell in found.templates] == ["array", "shift", "own"]
    assert [cell.module for cell in found.templates][2] == OWN.module_name
    assert found.templates[1].area_um2 < found.templates[0].area_um2
    assert {(row.template, row.stage) for row in found.energies} == {
        (name, stage) for name in ("array", "shift", "own") for stage in ("int8", "compressed", "mapped")
    }
    assert {row.layer for row in found.energies} == {"conv2"}


def test_energies_are_those_of_the_simulated_tiles(found: Exploration, chosen: Settings) -> None:
    trained = trained_network(chosen)
    (seen,) = trace(trained.network, trained.dataset.test.images[:1], layers=["conv2"])
    characterize = replace(chosen.characterize, simulator="bitparallel-timed")
    simulator = Simulator(chosen.hardware, characterize, replace(chosen.estimate, tiles=2, seed=0))
    energy = simulator.tiles([seen]).energy("conv2", seen.layer.weight)
    row = next(row for row in found.energies if (row.template, row.stage) == ("array", "int8"))
    assert row.datapath_fj == pytest.approx(energy.energy.dynamic_fj)
    assert row.clock_fj == pytest.approx(energy.energy.clock_fj)
    assert row.error_fj == pytest.approx(energy.standard_error_fj)


def test_glitches_idle_cells_and_compression_have_the_signs_they_must(found: Exploration) -> None:
    for row in found.energies:
        assert 0 < row.functional_fj < row.datapath_fj
        assert row.idle_fj > 0
    for name in ("array", "shift", "own"):
        stages = {row.stage: row.datapath_fj for row in found.energies if row.template == name}
        assert stages["compressed"] < stages["int8"]


def test_a_cell_says_which_share_of_the_weights_it_cannot_hold(found: Exploration) -> None:
    shares = {cell.name: cell.changed_weights for cell in found.templates}
    assert shares["array"] == 0
    assert 0 < shares["shift"] == shares["own"] < 1


def test_ranks_compare_what_both_cells_hold(found: Exploration) -> None:
    assert {(a, b) for a, b, _ in found.ranks} == {("array", "shift"), ("array", "own"), ("shift", "own")}
    assert all(-1 <= value <= 1 for _, _, value in found.ranks)


def test_programs_get_the_keys_that_they_were_promised(found: Exploration) -> None:
    for entry in as_json(found)["templates"]:
        assert {"name", "area_um2", "critical_path_ps", "datapath_fj", "total_fj"} <= entry.keys()
        assert np.isfinite(
            [entry["area_um2"], entry["critical_path_ps"], entry["datapath_fj"], entry["total_fj"]]
        ).all()
        assert entry["total_fj"] > entry["datapath_fj"] > 0


def test_the_report_shows_the_cells(run: Path) -> None:
    text = (run / "report.md").read_text()
    assert "## Cells" in text
    assert (run / "plots" / "pareto.png").is_file()


def test_the_second_time_nothing_is_simulated(
    chosen: Settings, found: Exploration, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("tiles were simulated again")

    monkeypatch.setattr("wattloop.power.tile_oracle.TileOracle.simulate", refuse)
    assert explored(chosen, tmp_path / "again") == found


def test_a_compressed_network_is_priced_as_it_is(settings: Settings, tmp_path: Path) -> None:
    from wattloop.nn.checkpoint import save

    trained = trained_network(settings)
    save(trained.network, tmp_path / "network.safetensors")
    same = ExploreSettings(
        templates=("array",), tiles=2, mapped=False, compressed=str(tmp_path / "network.safetensors")
    )
    found = explored(replace(settings, explore=same), tmp_path / "run")
    before, after = found.energies
    assert (before.stage, after.stage) == ("int8", "compressed")
    assert after.datapath_fj == before.datapath_fj


def test_what_does_not_exist_is_refused_by_name(settings: Settings, tmp_path: Path) -> None:
    with pytest.raises(SpecError, match="unknown template wallace"):
        explored(replace(settings, explore=ExploreSettings(templates=("wallace",))), tmp_path / "a")
    with pytest.raises(ModelError, match="no layer conv9"):
        explored(replace(settings, explore=ExploreSettings(layers=("conv9",))), tmp_path / "b")
    assert not (tmp_path / "a").exists()


def test_cells_are_spelled_out_in_the_settings(tmp_path: Path) -> None:
    path = tmp_path / "cells.toml"
    path.write_text(
        '[explore]\ntemplates = []\n[explore.cells.mine]\nmultiplier = "split"\nbypass_zero_weight = true\n'
    )
    assert load(path).explore.cells == {"mine": MacSpec(multiplier="split", bypass_zero_weight=True)}
