"""A killed training goes on and ends in the bits of an undisturbed one; foreign states are not taken up."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from tests.nn import killed_training
from tests.nn.killed_training import FLOAT, Clock, digits, train
from torch import nn

from wattloop.nn.config import TrainConfig
from wattloop.nn.datasets import Dataset
from wattloop.nn.models import Normalized, build
from wattloop.nn.train import fit
from wattloop.nn.training_state import Checkpoint, EpochReport

STATES = ("0.safetensors", "1.safetensors")


def in_a_process(folder: Path, kill_at: int) -> int:
    command = [sys.executable, killed_training.__file__, str(folder), str(kill_at)]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    return subprocess.run(command, env=environment, check=False, timeout=300).returncode


def test_a_training_killed_again_and_again_ends_in_the_same_bits(tmp_path: Path) -> None:
    expected = train(None, Clock(0))
    for kill_at in (12, 17):  # in the middle of the second float epoch (11 are kept), then of the second int8 one
        assert in_a_process(tmp_path, kill_at) == -signal.SIGKILL
        assert not (tmp_path / "end.pt").exists()
    assert in_a_process(tmp_path, 0) == 0
    assert int((tmp_path / "steps").read_text()) == 5  # it did not begin again
    for network, end in zip(expected, torch.load(tmp_path / "end.pt", weights_only=True), strict=False):
        wanted = network.state_dict()
        assert wanted.keys() == end.keys()
        assert all(torch.equal(wanted[name], end[name]) for name in wanted)
    assert {path.name for path in tmp_path.iterdir()} == {"float.pt", "end.pt", "steps", *STATES}
    assert in_a_process(tmp_path, 0) == 0  # what came of it is kept, for whoever was killed before it was safe
    assert int((tmp_path / "steps").read_text()) == 0
    for network, end in zip(expected, torch.load(tmp_path / "end.pt", weights_only=True), strict=False):
        assert all(torch.equal(tensor, end[name]) for name, tensor in network.state_dict().items())


class StopTrainingError(Exception):
    """Ends a training where a test wants it to."""


def fresh(seed: int = 0) -> Normalized:
    return Normalized(build("lenet5", 10, 1, seed=seed), *digits().normalisation)


def interrupt_at(step: int) -> Callable[[int, int], None]:
    def progress(done: int, total: int) -> None:
        if done == step:
            raise StopTrainingError

    return progress


def begun(
    path: Path, network: nn.Module, dataset: Dataset, config: TrainConfig, facts: str, teacher: nn.Module | None
) -> int:
    """The step after which a training continues that finds the state in `path`."""
    first: list[int] = []
    kept = Checkpoint(path, 3, facts)
    fit(network, dataset, config, checkpoint=kept, teacher=teacher, progress=lambda done, _: first.append(done))
    return first[0] - 1


DATA = digits()
OTHER_IMAGES = replace(DATA, train=replace(DATA.train, images=DATA.train.images[::-1].copy()))
OTHER_LABELS = replace(DATA, train=replace(DATA.train, labels=(DATA.train.labels + 1) % 10))


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({}, 6),
        ({"config": replace(FLOAT, learning_rate=0.03)}, 0),
        ({"config": replace(FLOAT, seed=1)}, 0),
        ({"dataset": OTHER_IMAGES}, 0),
        ({"dataset": OTHER_LABELS}, 0),
        ({"network": fresh(1)}, 0),
        ({"teacher": fresh(1)}, 0),
        ({"facts": "another penalty"}, 0),
    ],
    ids=["same", "rate", "seed", "images", "labels", "start", "teacher", "facts"],
)
def test_only_a_state_of_the_same_training_is_taken_up(
    change: dict[str, object], expected: int, tmp_path: Path
) -> None:
    path = tmp_path / "state.safetensors"
    with pytest.raises(StopTrainingError):
        fit(fresh(), DATA, FLOAT, checkpoint=Checkpoint(path, 3, "facts"), progress=interrupt_at(7))
    assert path.is_file()
    same = {"network": fresh(), "dataset": DATA, "config": FLOAT, "facts": "facts", "teacher": None}
    assert begun(path, **{**same, **change}) == expected  # type: ignore[arg-type]


@pytest.mark.parametrize("damage", [b"", b"\x08\0\0\0\0\0\0\0{}", None])
def test_a_damaged_state_begins_again(damage: bytes | None, tmp_path: Path) -> None:
    path = tmp_path / "state.safetensors"
    with pytest.raises(StopTrainingError):
        fit(fresh(), DATA, FLOAT, checkpoint=Checkpoint(path, 3), progress=interrupt_at(7))
    path.write_bytes(path.read_bytes()[:-9] if damage is None else damage)
    assert begun(path, fresh(), DATA, FLOAT, "", None) == 0


def test_reports_are_whole_and_epochs_are_told_once(tmp_path: Path) -> None:
    undisturbed = fit(fresh(), DATA, FLOAT, validate=True)
    path, told = tmp_path / "state.safetensors", list[EpochReport]()
    with pytest.raises(StopTrainingError):
        fit(fresh(), DATA, FLOAT, validate=True, checkpoint=path, on_epoch=told.append, progress=interrupt_at(12))
    reports = fit(fresh(), DATA, FLOAT, validate=True, checkpoint=path, on_epoch=told.append)
    assert [replace(r, seconds=0.0) for r in reports] == [replace(r, seconds=0.0) for r in undisturbed]
    assert [report.epoch for report in told] == [1, 2]
    assert all(np.isfinite(report.seconds) and report.seconds > 0 for report in reports)
