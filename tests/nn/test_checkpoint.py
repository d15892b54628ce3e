"""Saved networks come back to the bit; damaged or hostile files are one clear error."""

from __future__ import annotations

import json
import pickle
from pathlib import Path

import numpy as np
import pytest
import safetensors
import safetensors.torch
import torch
from tests.nn.networks import NETWORKS, randomised

from wattloop.errors import ModelError, StorageError
from wattloop.nn import checkpoint
from wattloop.nn.constraint import constrain, constraint_of
from wattloop.nn.datasets import Dataset
from wattloop.nn.evaluate import logits
from wattloop.nn.models import build, load_float
from wattloop.nn.network import QuantizedNetwork
from wattloop.nn.quantize import quantize


def test_a_network_comes_back_with_its_constraints(lenet: QuantizedNetwork, digits: Dataset, tmp_path: Path) -> None:
    mask = np.random.default_rng(0).random((16, 150)) < 0.7
    constrain(lenet, "conv2", [-9, 0, 9, 40], mask)
    constrain(lenet, "fc1", None, np.ones((120, 400)))
    path = tmp_path / "lenet.safetensors"
    checkpoint.save(lenet, path, metadata={"seed": "5"})
    loaded = checkpoint.load(path)
    images = digits.test.images[:40]
    assert np.array_equal(logits(loaded, images), logits(lenet, images))
    assert all(torch.equal(loaded.state_dict()[name], tensor) for name, tensor in lenet.state_dict().items())
    got = constraint_of(loaded, "conv2")
    assert got is not None and got.values == (-9, 0, 9, 40) and np.array_equal(got.mask, mask)
    assert constraint_of(loaded, "conv1") is None
    assert loaded.architecture == lenet.architecture and loaded.normalisation == lenet.normalisation
    assert checkpoint.read_metadata(path) == {"seed": "5"}


def test_a_network_of_ones_own_needs_its_float_model(tmp_path: Path) -> None:
    images = np.random.default_rng(0).integers(0, 256, (4, 3, 16, 16)).astype(np.uint8)
    network = quantize(randomised(NETWORKS["residual"]), images)
    path = tmp_path / "own.safetensors"
    checkpoint.save(network, path)
    with pytest.raises(ModelError, match="pass it as `model`"):
        checkpoint.load(path)
    with pytest.raises(ModelError, match=r"own\.safetensors.*another network"):
        checkpoint.load(path, NETWORKS["pool first"]())
    loaded = checkpoint.load(path, NETWORKS["residual"]())
    assert np.array_equal(logits(loaded, images), logits(network, images))


def test_restoring_brings_constraints_and_lifts_others(lenet: QuantizedNetwork) -> None:
    constrain(lenet, "conv1", [0, 5])
    kept = {name: tensor.clone() for name, tensor in lenet.state_dict().items()}
    weight = lenet.integer_weight("conv1")
    constrain(lenet, "conv1", [0, 7])
    constrain(lenet, "conv2", [0, 7])
    checkpoint.restore(lenet, kept)
    assert np.array_equal(lenet.integer_weight("conv1"), weight)
    assert constraint_of(lenet, "conv2") is None


@pytest.mark.parametrize("damage", ["missing", "truncated", "text", "foreign", "header"])
def test_damaged_networks_are_one_clear_error(lenet: QuantizedNetwork, tmp_path: Path, damage: str) -> None:
    path = tmp_path / "net.safetensors"
    checkpoint.save(lenet, path)
    if damage == "missing":
        path.unlink()
    elif damage == "truncated":
        path.write_bytes(path.read_bytes()[:-100])
    elif damage == "text":
        path.write_text("no tensors")
    elif damage == "foreign":
        from safetensors.torch import save_file

        save_file({"a": torch.zeros(1)}, path)
    else:
        path.write_bytes(path.read_bytes().replace(b"input_shape", b"xnput_shape"))
    with pytest.raises(StorageError, match=r"net\.safetensors") as caught:
        checkpoint.load(path)
    assert "\n" not in str(caught.value)


class _Hostile:
    def __reduce__(self) -> tuple[object, tuple[str]]:
        return exec, ("raise SystemExit('code from a checkpoint ran')",)


def test_a_hostile_checkpoint_runs_no_code(tmp_path: Path) -> None:
    path = tmp_path / "hostile.th"
    torch.save({"state_dict": _Hostile()}, path)
    with pytest.raises(ModelError, match=r"hostile\.th"):
        load_float(build("resnet20", 10, seed=0), path)
    path.write_bytes(pickle.dumps(_Hostile()))
    with pytest.raises(ModelError, match=r"hostile\.th"):
        load_float(build("resnet20", 10, seed=0), path)


def test_weights_of_another_network_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "lenet.th"
    torch.save(build("lenet5", 10, seed=0).state_dict(), path)
    with pytest.raises(ModelError, match=r"lenet\.th"):
        load_float(build("resnet20", 10, seed=0), path)
    with pytest.raises(ModelError, match=r"none\.th"):
        load_float(build("resnet20", 10, seed=0), tmp_path / "none.th")


def test_equal_networks_are_equal_files(lenet: QuantizedNetwork, tmp_path: Path) -> None:
    notes = {"seed": "5", "command": "train", "author": "me"}
    for k in range(8):
        checkpoint.save(lenet, tmp_path / f"{k}.safetensors", metadata=notes)
    assert len({path.read_bytes() for path in tmp_path.iterdir()}) == 1


@pytest.mark.parametrize("change", [{"classes": "10"}, {"classes": 10**13}, {"classes": -1}, {"name": ["a"]}])
def test_a_damaged_architecture_is_one_clear_error(
    lenet: QuantizedNetwork, tmp_path: Path, change: dict[str, object]
) -> None:
    path = tmp_path / "net.safetensors"
    checkpoint.save(lenet, path)
    with safetensors.safe_open(path, "pt") as file:
        header = json.loads(file.metadata()["wattloop"])
    header["architecture"] |= change
    header["notes"] = 3
    path.write_bytes(safetensors.torch.save(safetensors.torch.load_file(path), {"wattloop": json.dumps(header)}))
    with pytest.raises(StorageError, match="header"):
        checkpoint.load(path)
    with pytest.raises(StorageError, match="notes"):
        checkpoint.read_metadata(path)
