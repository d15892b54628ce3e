"""Checkpoints measured again: accuracy, every accounting, the int8 network on the same cell."""

from __future__ import annotations

import json
from dataclasses import fields, replace
from pathlib import Path

import numpy as np
import pytest
from tests.flow.reproduce.conftest import TINY, reproduced

from wattloop.compression.rows import Row
from wattloop.flow.measurement import measure
from wattloop.flow.models import Models
from wattloop.flow.progress import Silent
from wattloop.flow.reproduce.measured import Bench
from wattloop.flow.settings import Settings
from wattloop.flow.simulator import Simulator
from wattloop.flow.training import trained_network
from wattloop.gates.templates import templates
from wattloop.nn.evaluate import evaluate
from wattloop.parallel import SERIAL
from wattloop.report.reproduce.exhibit import Exhibit
from wattloop.store import Store

# What issue and documents promise to programs.
PROMISED = (
    *("network", "method", "mac", "accuracy_int8", "accuracy", "datapath_saving", "total_saving"),
    *("functional_saving", "array_saving", "max_values_per_layer", "bits_per_weight", "sparsity", "images"),
)


@pytest.fixture(scope="module")
def table1(measured: Settings, tmp_path_factory: pytest.TempPathFactory) -> tuple[Exhibit, Path]:
    out = tmp_path_factory.mktemp("table1") / "run"
    return reproduced("table1", measured, out), out


def rows(exhibit: Exhibit) -> dict[tuple[str, str], dict]:
    return {(row["method"], row["mac"]): dict(row) for row in exhibit.rows}


def test_the_json_holds_a_row_a_network_with_every_key(table1: tuple[Exhibit, Path]) -> None:
    found = json.loads((table1[1] / "table1.json").read_text())["rows"]
    assert len(found) == len(TINY) + 2  # int8 once a cell
    for row in found:
        assert set(PROMISED) <= row.keys()
        assert row.keys() == {f.name for f in fields(Row)}
        assert 0 <= row["accuracy"] <= 1
        assert row["images"] == 1


def test_a_cell_that_cannot_take_the_network_is_told_of(
    measured: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The accuracy is that of the network, the energy that of what the cell makes of it."""
    told: list[str] = []

    class Listening(Silent):
        def tell(self, text: str) -> None:
            told.append(text)

    monkeypatch.setattr("wattloop.flow.reproduce.measured.measure", lambda *_: None)
    bench = Bench(measured, Store(tmp_path), Listening(), SERIAL)
    network = trained_network(measured).network
    bench.energies(network, "digits", templates()["array"], {})
    assert told == []
    bench.energies(network, "digits", templates()["shift"], {})
    assert len(told) == 1 and "of the weights" in told[0] and "accuracy unknown" in told[0]


def test_accuracy_is_measured_on_test_images_and_validation_is_as_recorded(
    table1: tuple[Exhibit, Path], measured: Settings, models: Path
) -> None:
    folder = Models.open(models)
    test = trained_network(measured).dataset.test
    most = measured.reproduce.test_images
    found = rows(table1[0])
    for entry in folder.of("table3"):
        row = found[entry.method, entry.mac]
        score = evaluate(folder.load(entry), test.images[:most], test.labels[:most])
        assert row["accuracy"] == score.accuracy
        assert row["validation"] == 0.25
        assert row["accuracy_int8"] == found["int8", "array"]["accuracy"]


def test_energies_are_of_the_same_tiles_on_the_same_cell(
    table1: tuple[Exhibit, Path], measured: Settings, models: Path
) -> None:
    folder, images = Models.open(models), trained_network(measured).dataset.test.images[:1]
    for entry in [e for e in folder.of("table1") if e.method == "layerwise"]:
        array = replace(measured.hardware.array, mac=entry.cell)
        simulator = Simulator.of(replace(measured, hardware=replace(measured.hardware, array=array)))
        before = measure(folder.load(folder.int8_of(entry)), images, simulator, measured.measure)
        after = measure(folder.load(entry), images, simulator, measured.measure)
        row = rows(table1[0])[entry.method, entry.mac]
        for name in ("datapath", "total", "functional", "array"):
            assert row[f"{name}_saving"] == pytest.approx(1 - after.fj(name) / before.fj(name))
            assert row[f"{name}_int8_fj"] == before.fj(name)
    bypass, plain = rows(table1[0])["layerwise", "sign_magnitude"], rows(table1[0])["int8", "array"]
    assert bypass["datapath_saving_over_array"] == pytest.approx(1 - bypass["datapath_fj"] / plain["datapath_fj"])


def test_an_int8_network_saves_nothing_on_its_own_cell(table1: tuple[Exhibit, Path]) -> None:
    for mac in ("array", "sign_magnitude"):
        row = rows(table1[0])["int8", mac]
        assert row["datapath_saving"] == row["array_saving"] == 0.0
        assert row["max_values_per_layer"] == 256
        assert row["bits_per_weight"] == 8.0


def test_weights_are_counted_as_they_are(table1: tuple[Exhibit, Path], models: Path) -> None:
    folder = Models.open(models)
    for entry in folder.of("table3"):
        network = folder.load(entry)
        weights = [network.integer_weight(name) for name, q in network.layers.items() if q.kind == "conv"]
        row = rows(table1[0])[entry.method, entry.mac]
        assert row["sparsity"] == pytest.approx(np.mean(np.concatenate([w.ravel() for w in weights]) == 0))
        if "values" in entry.setting:
            assert row["max_values_per_layer"] == int(entry.setting.rpartition("=")[2])
    assert rows(table1[0])["prune", "array"]["max_values_per_layer"] == 256


def test_a_network_with_mappings_says_so(table1: tuple[Exhibit, Path]) -> None:
    assert {method for (method, _), row in rows(table1[0]).items() if row["mapped"]} == {"powerpruning"}


def test_what_made_a_network_stands_in_the_provenance(table1: tuple[Exhibit, Path]) -> None:
    assert "made set.safetensors" in (table1[1] / "table1.md").read_text()


@pytest.mark.parametrize("name", ["table2", "table3", "table4", "figure4", "powerpruning", "ablations"])
def test_every_table_is_made_from_the_same_checkpoints(measured: Settings, tmp_path: Path, name: str) -> None:
    exhibit = reproduced(name, measured, tmp_path / "run")
    assert exhibit.rows
    assert exhibit.findings
    assert (tmp_path / "run" / f"{name}.md").is_file()
