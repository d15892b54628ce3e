"""A network comes into the folder compactly, scored, and with what its run says of it."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from tests.compression.test_rows import row

from wattloop.compression.row_files import to_json
from wattloop.errors import ConfigError
from wattloop.flow.model_adding import Wanted, add
from wattloop.flow.models import Models
from wattloop.flow.oneshot import compressed_at_once
from wattloop.flow.settings import Settings
from wattloop.flow.training import trained_network
from wattloop.nn.checkpoint import load, save
from wattloop.nn.evaluate import evaluate, logits

COMMAND = "wattloop compress --method naive"


@pytest.fixture(scope="module")
def run(settings: Settings, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What a compression leaves behind: points with their rows and mappings, and the int8 network."""
    folder = tmp_path_factory.mktemp("run")
    network = trained_network(settings).network
    save(network, folder / "int8.safetensors")
    points = folder / "compression" / "points"
    for number, values in enumerate((20, 16)):
        save(compressed_at_once(network, 0.5, values), points / f"{number:03}.safetensors")
    (points / "001.mapping.json").write_text(json.dumps({"conv1": {"psum_offset": 7}}))
    rows = [replace(row(), method="naive", setting=f"values={values}", seed=5) for values in (20, 16)]
    (folder / "compression" / "rows.json").write_text(to_json(rows))
    return folder


def test_a_point_of_a_run_brings_its_row_and_its_mapping(run: Path, settings: Settings, tmp_path: Path) -> None:
    data = trained_network(settings).dataset
    add(tmp_path, Wanted(run / "int8.safetensors", "lenet5/int8.safetensors", "wattloop train", "digits"))
    point = run / "compression" / "points" / "001.safetensors"
    wanted = Wanted(point, "lenet5/naive.safetensors", COMMAND, "digits", "lenet5/int8.safetensors")
    entry = add(tmp_path, replace(wanted, exhibits=("table4",)))
    models = Models.open(tmp_path)
    assert models.entries[1] == entry
    assert (entry.method, entry.setting, entry.seed, entry.mac) == ("naive", "values=16", 5, row().mac)
    assert entry.epochs == row().epochs > 0
    assert models.mappings(entry)["conv1"].psum_offset == 7
    network = models.load(entry)
    assert np.array_equal(logits(network, data.test.images[:50]), logits(load(point), data.test.images[:50]))
    assert entry.accuracy == evaluate(network, data.test.images, data.test.labels).accuracy
    assert entry.validation == evaluate(network, data.validation.images, data.validation.labels).accuracy
    assert (tmp_path / entry.file).stat().st_size < 0.5 * point.stat().st_size


def test_the_same_file_is_replaced(run: Path, tmp_path: Path) -> None:
    for command in ("first", "second"):
        add(tmp_path, Wanted(run / "int8.safetensors", "int8.safetensors", command, "digits"))
    assert [entry.command for entry in Models.open(tmp_path).entries] == ["second"]


def test_a_compressed_network_needs_its_int8_network(run: Path, tmp_path: Path) -> None:
    point = run / "compression" / "points" / "000.safetensors"
    with pytest.raises(ConfigError, match="--method naive and --int8 ''"):
        add(tmp_path, Wanted(point, "naive.safetensors", COMMAND, "digits"))


def test_a_mapping_does_not_outlive_its_network(run: Path, tmp_path: Path) -> None:
    add(tmp_path, Wanted(run / "int8.safetensors", "int8.safetensors", "wattloop train", "digits"))
    points = run / "compression" / "points"
    for number, laid in (("001", True), ("000", False)):
        entry = add(
            tmp_path,
            Wanted(points / f"{number}.safetensors", "ours.safetensors", COMMAND, "digits", "int8.safetensors"),
        )
        assert bool(Models.open(tmp_path).mappings(entry)) == laid


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        ({"int8": "nowhere.safetensors"}, r"--int8 nowhere.safetensors: .*add it first \(listed: int8.safetensors\)"),
        ({"exhibits": ("table1", "tabel4")}, "unknown exhibit 'tabel4'; known: table1"),
    ],
)
def test_an_index_that_could_not_be_read_is_not_written(
    run: Path, tmp_path: Path, changes: dict[str, object], complaint: str
) -> None:
    add(tmp_path, Wanted(run / "int8.safetensors", "int8.safetensors", "wattloop train", "digits"))
    point = run / "compression" / "points" / "000.safetensors"
    wanted = Wanted(point, "ours.safetensors", COMMAND, "digits", "int8.safetensors")
    with pytest.raises(ConfigError, match=complaint):
        add(tmp_path, replace(wanted, **changes))  # type: ignore[arg-type]
    assert [entry.file for entry in Models.open(tmp_path).entries] == ["int8.safetensors"]
