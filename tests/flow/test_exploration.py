"""The same layer on several cells: what is measured, what is remembered, what is refused."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from wattloop.arith.layer import LayerTrace
from wattloop.arith.representable import fitted, nearest
from wattloop.compression.mapping.filters import cheaper_signs, with_signs
from wattloop.compression.one_shot import one_shot
from wattloop.errors import ConfigError, LibertyError, ModelError, SpecError
from wattloop.flow.exploration import EXPLORATION, _cells, explore_flow
from wattloop.flow.explore_settings import ExploreSettings
from wattloop.flow.progress import Silent
from wattloop.flow.settings import Settings, load
from wattloop.flow.simulator import Simulator
from wattloop.flow.training import trained_network
from wattloop.gates.spec import MacSpec
from wattloop.nn.trace import trace
from wattloop.power.energy_table import DYNAMIC
from wattloop.power.exploration import Exploration, LayerOnTemplate
from wattloop.power.oracle import HardwareMapping
from wattloop.power.tile_energies import TileEnergies
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


@pytest.fixture(scope="module")
def seen(chosen: Settings) -> LayerTrace:
    trained = trained_network(chosen)
    (trace_,) = trace(trained.network, trained.dataset.test.images[:1], layers=["conv2"])
    return trace_


def priced(
    chosen: Settings, cell: MacSpec, seen: LayerTrace, weights: np.ndarray, offset: int = 0
) -> list[TileEnergies]:
    """The layer's tiles on a cell, idle PEs in, simulated here."""
    hardware = replace(chosen.hardware, array=replace(chosen.hardware.array, mac=cell))
    characterize = replace(chosen.characterize, simulator="bitparallel-timed")
    simulator = Simulator(hardware, characterize, replace(chosen.estimate, tiles=2, seed=0))
    oracle = replace(simulator.tiles([fitted(seen, cell).trace]), idle=True)
    return oracle.simulate("conv2", weights, HardwareMapping(psum_offset=offset))


def assert_row(row: LayerOnTemplate, measured: list[TileEnergies]) -> None:
    """Every figure of a row is that of the tiles."""
    sizes = [(tiles, tiles.stratum.size) for tiles in measured]
    # conv2 of LeNet-5: K = 150, 16 channels, 10 x 10 pixels; 190 cycles beside the pixels of a block.
    assert row.macs == 150 * 16 * 100
    assert row.pe_cycles == 150 * 16 * (2 * 190 + 100)

    def total(columns: Sequence[str]) -> float:
        return float(sum(size * tiles.columns[name].mean() for tiles, size in sizes for name in columns))

    assert row.datapath_fj == pytest.approx(total(DYNAMIC))
    assert row.functional_fj == pytest.approx(total([f"functional_{name}" for name in DYNAMIC]))
    assert row.idle_fj == pytest.approx(total([f"idle_{name}" for name in DYNAMIC]))
    assert (row.clock_fj, row.leakage_fj) == pytest.approx((total(["clock_fj"]), total(["leakage_fj"])))


def test_energies_are_those_of_the_simulated_tiles(found: Exploration, chosen: Settings, seen: LayerTrace) -> None:
    rows = {(row.template, row.stage): row for row in found.energies}
    weight = seen.layer.weight
    assert_row(rows["array", "int8"], priced(chosen, MacSpec(), seen, weight))
    less = one_shot(weight, chosen.explore.prune, chosen.explore.values)
    assert_row(rows["array", "compressed"], priced(chosen, MacSpec(), seen, less))
    assert_row(rows["own", "compressed"], priced(chosen, OWN, seen, nearest(less, OWN)))


def test_mapped_layers_run_negated_filters_on_an_offset(found: Exploration, chosen: Settings, seen: LayerTrace) -> None:
    rows = {(row.template, row.stage): row for row in found.energies}
    mapped, compressed = rows["array", "mapped"], rows["array", "compressed"]
    assert mapped.flipped_filters > 0
    assert mapped.psum_offset != 0
    assert mapped.datapath_fj < compressed.datapath_fj
    less = one_shot(seen.layer.weight, chosen.explore.prune, chosen.explore.values)
    characterize = replace(chosen.characterize, simulator="bitparallel-timed")
    curve = (
        Simulator(chosen.hardware, characterize, chosen.estimate).tables([_with(seen, less)]).value_energy_fj("conv2")
    )
    flipped = cheaper_signs(less, curve)
    assert flipped.sum() == mapped.flipped_filters
    assert_row(mapped, priced(chosen, MacSpec(), seen, with_signs(less, flipped), mapped.psum_offset))


def _with(seen: LayerTrace, weight: np.ndarray) -> LayerTrace:
    return replace(seen, layer=replace(seen.layer, weight=weight))


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


def test_a_decode_that_changes_outdates_what_was_measured(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    """One's own multiplier may mean other weights by the same gates."""
    before = Simulator.of(settings).key
    monkeypatch.setattr(MacSpec, "meaning", property(lambda self: (0, 2, 1)))
    assert Simulator.of(settings).key != before


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


def test_another_networks_checkpoint_is_refused(settings: Settings, tmp_path: Path) -> None:
    from wattloop.nn.checkpoint import save
    from wattloop.nn.models import build
    from wattloop.nn.quantize import quantize

    data = trained_network(settings).dataset
    other = quantize(build("lenet5_wide", data.classes, data.channels, seed=0), data.train.images[:16])
    save(other, tmp_path / "other.safetensors")
    wrong = ExploreSettings(templates=("array",), compressed=str(tmp_path / "other.safetensors"))
    with pytest.raises(ModelError, match="another network: its layer conv2 is missing or of another shape"):
        explored(replace(settings, explore=wrong), tmp_path / "run")


def test_a_simulator_without_glitches_is_refused(settings: Settings, tmp_path: Path) -> None:
    blind = ExploreSettings(templates=("array",), tiles=1, simulator="bitparallel")
    with pytest.raises(ConfigError, match="sees no glitches"):
        explored(replace(settings, explore=blind), tmp_path / "run")


def test_the_network_is_that_of_the_cell_that_holds_every_weight(
    chosen: Settings, found: Exploration, tmp_path: Path
) -> None:
    shifted = replace(chosen.hardware, array=replace(chosen.hardware.array, mac=MacSpec(multiplier="shift")))
    assert explored(replace(chosen, hardware=shifted), tmp_path / "run") == found


def test_cells_that_a_library_cannot_build_are_left_out_of_all_and_refused_by_name(settings: Settings) -> None:
    told: list[str] = []
    osu = replace(settings, hardware=replace(settings.hardware, library="osu018", clock_ps=4000.0))
    quiet = Silent()
    quiet.tell = told.append  # type: ignore[method-assign] # what would be shown
    cells = _cells(replace(osu, explore=ExploreSettings(templates=("all",))), quiet)
    assert "array" in cells
    assert not any(cell.gate_weight_clock for cell in cells.values())
    assert "array_gated" in told[0]
    with pytest.raises(LibertyError, match="no clock gating cell, which array_gated needs"):
        _cells(replace(osu, explore=ExploreSettings(templates=("array_gated",))), quiet)


def test_a_cell_of_ones_own_may_not_take_the_name_of_a_template(settings: Settings) -> None:
    with pytest.raises(ConfigError, match="array is the name of a template"):
        _cells(replace(settings, explore=ExploreSettings(cells={"array": OWN})), Silent())


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
