"""The index of the checkpoints: what it must say, and what is told when it does not."""

from __future__ import annotations

from pathlib import Path

import pytest

from wattloop.compression.mapping.archive import save_mappings
from wattloop.errors import ConfigError, ModelError, StorageError
from wattloop.flow.models import Models
from wattloop.nn.float_weights import read_float_notes
from wattloop.power.oracle import HardwareMapping

INT8 = """
[[models]]
file = "a/int8.safetensors"
network = "resnet20"
dataset = "cifar10"
method = "int8"
mac = "array"
seed = 0
role = "int8"
accuracy = 0.9
validation = 0.8
command = "wattloop train"
"""
OURS = (
    INT8.replace("int8.safetensors", "ours.safetensors")
    .replace('"int8"', '"layerwise"')
    .replace('role = "layerwise"', 'role = "compressed"\nint8 = "a/int8.safetensors"\nexhibits = ["table1"]')
)


def written(folder: Path, text: str) -> Path:
    (folder / "a").mkdir(exist_ok=True)
    for name in ("int8", "ours"):
        (folder / "a" / f"{name}.safetensors").write_bytes(b"")
    (folder / "index.toml").write_text(text)
    return folder


def test_networks_are_found_by_exhibit_with_what_they_are_held_against(tmp_path: Path) -> None:
    found = Models.open(written(tmp_path, INT8 + OURS))
    (ours,) = found.of("table1")
    assert ours.labels.method == "layerwise"
    assert found.int8_of(ours).file == "a/int8.safetensors"
    assert found.on_array(ours) == found.baseline("resnet20", "cifar10") == found.entries[0]


def test_the_int8_network_of_the_default_cell_goes_before_those_of_others(tmp_path: Path) -> None:
    other = INT8.replace('"array"', '"shift"').replace("int8.safetensors", "ours.safetensors")
    found = Models.open(written(tmp_path, other + INT8))
    assert found.baseline("resnet20", "cifar10") == found.entries[1]


def test_an_exhibit_without_networks_is_told(tmp_path: Path) -> None:
    found = Models.open(written(tmp_path, INT8 + OURS))
    with pytest.raises(ModelError, match="lists no networks of table3"):
        found.of("table3")
    with pytest.raises(ModelError, match="lists no int8 lenet5 on digits"):
        found.baseline("lenet5", "digits")


@pytest.mark.parametrize(
    ("text", "error", "complaint"),
    [
        (OURS, StorageError, "held against a/int8.safetensors, no int8 network that it lists"),
        (INT8.replace("int8.saf", "gone.saf"), StorageError, "gone.safetensors is missing"),
        (INT8.replace("array", "magic"), ConfigError, "known templates: array, split"),
        (INT8 + OURS.replace('int8 = "a/int8.safetensors"\n', ""), ConfigError, "names its int8 network"),
        (INT8 + "colour = 1\n", ConfigError, "index.toml"),
    ],
)
def test_a_wrong_index_is_told_in_one_line(tmp_path: Path, text: str, error: type, complaint: str) -> None:
    with pytest.raises(error, match=complaint):
        Models.open(written(tmp_path, text))


def test_outside_of_a_checkout_the_folder_is_asked_for(tmp_path: Path) -> None:
    with pytest.raises(StorageError, match="--models"):
        Models.open(tmp_path / "models")


def test_a_mapping_lies_beside_its_network(tmp_path: Path) -> None:
    found = Models.open(written(tmp_path, INT8 + OURS))
    (ours,) = found.of("table1")
    assert found.mappings(ours) == {}
    laid = {"conv1": HardwareMapping(psum_offset=(3, 4), row_order=(1, 0))}
    save_mappings(tmp_path / "a" / "ours.mapping.json", laid)
    assert found.mappings(ours) == laid
    assert found.mappings(found.int8_of(ours)) == {}


def test_the_committed_checkpoints_load(repository: Path) -> None:
    folder = repository / "models"
    if not (folder / "index.toml").is_file():
        pytest.skip("no checkpoints are committed")
    models = Models.open(folder)
    listed = {entry.file for entry in models.entries}
    starts = {path for path in folder.rglob("float.safetensors") if read_float_notes(path)["command"]}
    assert listed == {str(path.relative_to(folder)) for path in {*folder.rglob("*.safetensors")} - starts}
    for entry in models.entries:
        network = models.load(entry)
        assert network.architecture is not None
        assert network.architecture.name == entry.network
        assert models.mappings(entry).keys() <= network.layers.keys()
        assert (folder / entry.file).stat().st_size < 1 << 20
        assert entry.command
