"""Weights that others saved: taken as they are, refused where they do not fit, never executed."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from pathlib import Path

import pytest
import safetensors.torch
import torch
from torch import nn

from wattloop.errors import ModelError, StorageError
from wattloop.nn.float_weights import load_float_weights, save_float_weights
from wattloop.nn.models import build

State = dict[str, torch.Tensor]


def lenet(seed: int) -> nn.Module:
    return build("lenet5", 10, 1, seed=seed)


WAYS: dict[str, Callable[[State], object]] = {
    "a bare state dict": lambda state: state,
    "a training script's dictionary": lambda state: {"state_dict": state, "best_prec1": 91.7},
    "a parallel wrapper's names": lambda state: {"model": {f"module.{name}": value for name, value in state.items()}},
}


@pytest.mark.parametrize("way", WAYS)
def test_weights_arrive_from_what_torch_saves(way: str, tmp_path: Path) -> None:
    theirs, ours = lenet(1), lenet(2)
    torch.save(WAYS[way](theirs.state_dict()), tmp_path / "weights.th")
    load_float_weights(ours, tmp_path / "weights.th")
    assert all(torch.equal(ours.state_dict()[name], value) for name, value in theirs.state_dict().items())


def test_weights_arrive_from_safetensors(tmp_path: Path) -> None:
    theirs, ours = lenet(1), lenet(2)
    safetensors.torch.save_file(theirs.state_dict(), tmp_path / "weights.safetensors")
    load_float_weights(ours, tmp_path / "weights.safetensors")
    assert all(torch.equal(ours.state_dict()[name], value) for name, value in theirs.state_dict().items())


def test_weights_of_another_network_are_refused_by_the_tensor_that_differs(tmp_path: Path) -> None:
    torch.save(build("lenet5", 7, 1, seed=0).state_dict(), tmp_path / "weights.th")
    before = {name: value.clone() for name, value in lenet(2).state_dict().items()}
    model = lenet(2)
    with pytest.raises(ModelError, match=r"has \[7\], the network \[10\]"):
        load_float_weights(model, tmp_path / "weights.th")
    assert all(torch.equal(model.state_dict()[name], value) for name, value in before.items())


class Hostile:
    """Writes a file when it is unpickled."""

    def __init__(self, target: Path) -> None:
        self.target = target

    def __reduce__(self) -> tuple[Callable[..., object], tuple[object, ...]]:
        return Path.write_text, (self.target, "executed")


def test_a_hostile_file_is_refused_and_not_executed(tmp_path: Path) -> None:
    (tmp_path / "weights.th").write_bytes(pickle.dumps(Hostile(tmp_path / "proof")))
    with pytest.raises(StorageError, match="cannot read the weights"):
        load_float_weights(lenet(0), tmp_path / "weights.th")
    assert not (tmp_path / "proof").exists()


@pytest.mark.parametrize("content", [b"", b"no weights", pickle.dumps({"state_dict": {"a": 1}}), pickle.dumps([1])])
def test_a_damaged_file_is_one_clear_error(content: bytes, tmp_path: Path) -> None:
    for name in ("weights.th", "weights.safetensors"):
        (tmp_path / name).write_bytes(content)
        with pytest.raises(StorageError, match="cannot read the weights"):
            load_float_weights(lenet(0), tmp_path / name)
    with pytest.raises(StorageError, match="cannot read the weights"):
        load_float_weights(lenet(0), tmp_path / "missing.th")


def test_tied_parameters_are_written(tmp_path: Path) -> None:
    tied = nn.Sequential(nn.Linear(3, 3), nn.Linear(3, 3))
    tied[1].weight = tied[0].weight
    save_float_weights(tied, tmp_path / "tied.safetensors")
    load_float_weights(nn.Sequential(nn.Linear(3, 3), nn.Linear(3, 3)), tmp_path / "tied.safetensors")


def test_a_part_called_module_keeps_its_name(tmp_path: Path) -> None:
    wrapped = nn.ModuleDict({"module": nn.Linear(2, 2)})
    save_float_weights(wrapped, tmp_path / "wrapped.safetensors")
    load_float_weights(wrapped, tmp_path / "wrapped.safetensors")
    load_float_weights(nn.Linear(2, 2), tmp_path / "wrapped.safetensors")
