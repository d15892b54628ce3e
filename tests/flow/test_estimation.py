from __future__ import annotations

import math
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from wattloop.arith.layer import ConvGeometry, IntegerLayer
from wattloop.errors import ConfigError, StorageError
from wattloop.flow.estimation import ESTIMATE, estimate_flow
from wattloop.flow.settings import ParallelSettings, Settings, load
from wattloop.flow.simulator import Simulator
from wattloop.flow.training import trained_network
from wattloop.power.energy_table import EnergyTable
from wattloop.power.estimate import Estimate
from wattloop.power.oracle import EnergyBreakdown
from wattloop.power.weight_load import loading
from wattloop.runs import run_folder

LAYERS = ["conv1", "conv2", "fc1", "fc2", "fc3"]


@pytest.fixture(scope="module")
def run(settings: Settings, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("estimate") / "run"
    with run_folder(out, command="estimate", settings=settings, seeds=settings.seeds) as made:
        estimate_flow(settings, made)
    return out


@pytest.fixture(scope="module")
def estimate(run: Path) -> Estimate:
    return Estimate.load(run / ESTIMATE)


def test_every_layer_has_both_energies_with_their_errors(estimate: Estimate) -> None:
    assert [layer.layer for layer in estimate.layers] == LAYERS
    for layer in estimate.layers:
        assert layer.by_table.origin == "table/bitparallel"
        assert layer.by_tiles.origin == "tiles/bitparallel-timed"
        assert layer.by_table.accounting == layer.by_tiles.accounting == "datapath"
        assert layer.by_table.standard_error_fj > 0
        assert layer.by_tiles.energy.dynamic_fj > layer.by_tiles.standard_error_fj >= 0
        assert layer.by_table.macs == layer.by_tiles.macs


def test_shares_are_those_of_the_tiles_energy_within_a_kind(estimate: Estimate) -> None:
    for kind in ("conv", "linear"):
        rows = [layer for layer in estimate.layers if layer.kind == kind]
        assert sum(row.share for row in rows) == pytest.approx(1)
        for row in rows:
            assert row.share == pytest.approx(row.by_tiles.energy.dynamic_fj / estimate.dynamic_fj(kind))


def test_tiles_and_cycles_are_those_of_lenet5_on_64x64(estimate: Estimate) -> None:
    # conv1: K = 25, 28 x 28 pixels; conv2: K = 150, 10 x 10 pixels; linear layers: one pixel.
    tiles = {"conv1": 13, "conv2": 3 * 2, "fc1": 7 * 2, "fc2": 2 * 2, "fc3": 2}
    assert {layer.layer: layer.tiles for layer in estimate.layers} == tiles
    cycles = {"conv1": 12 * 254 + 206, "conv2": 3 * (254 + 226), "fc1": 14 * 191, "fc2": 4 * 191, "fc3": 2 * 191}
    assert {layer.layer: layer.cycles for layer in estimate.layers} == cycles
    assert {layer.layer: layer.paper_cycles for layer in estimate.layers} == {n: 128 * k for n, k in tiles.items()}


def test_the_papers_accounting_is_mean_power_over_its_cycles(estimate: Estimate) -> None:
    # All tiles of a linear layer take equally many cycles, so that one ratio links both accountings.
    fc2 = next(layer for layer in estimate.layers if layer.layer == "fc2")
    assert fc2.paper_fj == pytest.approx(fc2.by_tiles.energy.total_fj * fc2.paper_cycles / fc2.cycles)


def test_the_tables_energy_is_its_rows_times_the_histogram_of_the_weights(
    run: Path, estimate: Estimate, settings: Settings
) -> None:
    table = EnergyTable.load(run / "tables" / "conv2.parquet")
    weights = trained_network(settings).network.integer_weight("conv2").astype(int)
    energy, row_class = table.class_dynamic_fj, table.class_of_row[0]
    per_cycle = sum(energy[w + 128, row_class[k]] for channel in weights for k, w in enumerate(channel))
    # 100 pixels in two tiles: every tile has one transition more than pixels, and loads its weights.
    layer = IntegerLayer("conv2", "conv", ConvGeometry(6, 16, 14, 14, (5, 5)), weights.astype(np.int8))
    loaded = loading(layer, layer.weight, settings.hardware.array)
    timed = replace(settings, characterize=replace(settings.characterize, simulator=settings.estimate.simulator))
    extra = sum(Simulator.of(timed).loads.energy_fj(loaded, table.prices).values())
    assert estimate.layers[1].by_table.energy.dynamic_fj == pytest.approx(102 * per_cycle + extra)


def test_table_and_tiles_agree_on_convolutions(estimate: Estimate) -> None:
    """Within 3 standard errors, beside loading: tables leave it out, about 2 % of a layer like these."""
    for layer in estimate.layers[:2]:
        table, tiles = layer.by_table, layer.by_tiles
        error = 3 * math.hypot(table.standard_error_fj, tiles.standard_error_fj) / tiles.energy.dynamic_fj
        assert -0.03 - error < table.energy.dynamic_fj / tiles.energy.dynamic_fj - 1 < error


def test_accountings_nest(estimate: Estimate) -> None:
    for layer in estimate.layers:
        datapath = layer.by_tiles.energy.dynamic_fj
        assert 0 < layer.functional_fj < datapath < layer.by_tiles.energy.total_fj
        assert layer.array_fj == pytest.approx(datapath + layer.idle.dynamic_fj)
        assert layer.glitch_share == pytest.approx(1 - layer.functional_fj / datapath)
        # LeNet-5 fills 64 x 64 cells nowhere but in fc1.
        assert 0 < layer.idle_share < 1
        assert layer.idle.clock_fj > 0


def test_the_interval_is_that_of_the_layers_errors(estimate: Estimate) -> None:
    for kind in ("conv", "linear"):
        errors = [layer.by_tiles.standard_error_fj for layer in estimate.layers if layer.kind == kind]
        # Student's quantile lies above the normal one.
        assert estimate.half_widths_fj[kind] > 1.96 * math.hypot(*errors) > 0
        assert estimate.precision(kind) == estimate.half_widths_fj[kind] / estimate.dynamic_fj(kind)


def test_all_tiles_are_exact_and_a_precise_sample_agrees_with_them(settings: Settings, tmp_path: Path) -> None:
    found = {}
    for name, options in (("exact", {"tiles": "all"}), ("precise", {"precision": 0.05, "confidence": 0.99})):
        chosen = replace(settings, estimate=replace(settings.estimate, images=6, idle=False, **options))
        with run_folder(tmp_path / name, command="estimate", settings=chosen, seeds=chosen.seeds) as made:
            found[name] = estimate_flow(chosen, made)
    exact, precise = found["exact"], found["precise"]
    assert [layer.simulated for layer in exact.layers] == [6 * layer.tiles for layer in exact.layers]
    assert set(exact.half_widths_fj.values()) == {0.0}
    for kind in ("conv", "linear"):
        assert 0 <= precise.precision(kind) <= 0.05
        assert abs(precise.dynamic_fj(kind) - exact.dynamic_fj(kind)) <= precise.half_widths_fj[kind] * 1.000001
    assert precise.layers[0].simulated < exact.layers[0].simulated
    assert precise.layers[0].idle == EnergyBreakdown()


@pytest.mark.parametrize(
    ("key", "value", "complaint"),
    [
        ("estimate.tiles", "some", "estimate.tiles: 'some' is illegal"),
        ("estimate.tiles", "0", "estimate.tiles: tiles = 0 is illegal; legal: 1 or more, or"),
        ("estimate.precision", "1.5", "estimate.precision: precision = 1.5 is illegal"),
        ("estimate.confidence", "95", "estimate.confidence: confidence = 95.0 is illegal"),
        ("estimate.simulator", "spice", "estimate.simulator: simulator = 'spice' is illegal; legal: bitparallel"),
        ("parallel.workers", "cloud", "parallel.workers: 'cloud' is illegal; legal: serial, threads, processes, dask"),
        ("parallel.workers", "dask", "parallel.dask: dask = None is illegal; legal: tcp://HOST:PORT"),
    ],
)
def test_settings_that_mean_nothing_are_refused_by_their_names(key: str, value: str, complaint: str) -> None:
    with pytest.raises(ConfigError, match=re.escape(complaint)):
        load(None, {key: value})


def test_whoever_works_the_file_is_the_same(run: Path, settings: Settings, tmp_path: Path) -> None:
    chosen = replace(settings, parallel=ParallelSettings("processes", 2))
    with run_folder(tmp_path / "shared", command="estimate", settings=chosen, seeds=chosen.seeds) as made:
        estimate_flow(chosen, made)
        assert made.facts["workers"] == "2 processes"
    assert (tmp_path / "shared" / ESTIMATE).read_bytes() == (run / ESTIMATE).read_bytes()


def test_the_report_shows_it_with_its_provenance(run: Path) -> None:
    text = (run / "report.md").read_text()
    assert text.startswith("# run\n")
    assert "## Energy of the layers" in text
    assert "| all convolutions " in text
    assert "| library " in text
    for picture in ("energy_of_layers", "energy_by_value_datapath"):
        assert (run / "plots" / f"{picture}.png").read_bytes().startswith(b"\x89PNG")


def test_again_gives_the_same_bits(run: Path, settings: Settings, tmp_path: Path) -> None:
    with run_folder(tmp_path / "again", command="estimate", settings=settings, seeds=settings.seeds) as made:
        estimate_flow(settings, made)
    assert (tmp_path / "again" / ESTIMATE).read_bytes() == (run / ESTIMATE).read_bytes()


def test_it_loads_what_it_saved_and_refuses_what_is_damaged(run: Path, estimate: Estimate, tmp_path: Path) -> None:
    estimate.save(tmp_path / "copy.parquet")
    assert Estimate.load(tmp_path / "copy.parquet") == estimate
    (tmp_path / "cut.parquet").write_bytes((run / ESTIMATE).read_bytes()[:1000])
    with pytest.raises(StorageError, match="estimate again"):
        Estimate.load(tmp_path / "cut.parquet")
