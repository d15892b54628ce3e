"""Training by two processes under torchrun: equal weights on both, and those of one process up to rounding."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest
import torch
from tests.nn import rank_training
from tests.nn.rank_training import SHORT, digits, normed, penalised, plain, train_all

from wattloop.errors import ModelError
from wattloop.nn import train
from wattloop.nn.config import TrainConfig
from wattloop.nn.distributed import Place, device_of, joined
from wattloop.nn.train import fit

States = dict[str, dict[str, torch.Tensor]]
Figures = dict[str, list[float]]


@pytest.fixture(scope="module")
def ranks(tmp_path_factory: pytest.TempPathFactory) -> list[tuple[States, Figures, Figures]]:
    folder = tmp_path_factory.mktemp("ranks")
    launcher = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), "OMP_NUM_THREADS": "1"}
    command = [*launcher, rank_training.__file__, str(folder)]
    subprocess.run(command, env=environment, check=True, timeout=600)
    return [torch.load(folder / f"rank{rank}.pt", weights_only=True) for rank in range(2)]


@pytest.fixture(scope="module")
def alone(tmp_path_factory: pytest.TempPathFactory) -> tuple[States, Figures, Figures]:
    results = train_all(tmp_path_factory.mktemp("alone"), 0)
    states = {name: network.state_dict() for name, (network, _) in results.items()}
    states["penalised"] = penalised(digits()).state_dict()
    losses = {name: [report.loss for report in reports] for name, (_, reports) in results.items()}
    return states, losses, {name: [r.accuracy for r in reports] for name, (_, reports) in results.items()}


@pytest.mark.parametrize("name", ["plain", "normed", "dropping", "int8", "int8 step", "resumed", "penalised"])
def test_all_ranks_end_with_the_same_bits(name: str, ranks: list[tuple[States, Figures, Figures]]) -> None:
    first, second = (states[name] for states, _, _ in ranks)
    assert first.keys() == second.keys()
    assert all(torch.equal(first[key], second[key]) for key in first)


@pytest.mark.parametrize("name", ["plain", "normed", "int8 step", "penalised"])
def test_two_processes_compute_what_one_does(
    name: str, ranks: list[tuple[States, Figures, Figures]], alone: tuple[States, Figures, Figures]
) -> None:
    """Up to the order of float32 sums, after 12 steps (int8: one); batch norms see the whole batch."""
    ours, theirs = ranks[0][0][name], alone[0][name]
    assert ours.keys() == theirs.keys()
    for key in ours:
        assert torch.allclose(ours[key], theirs[key], rtol=1e-4, atol=1e-5), key


def test_losses_and_accuracies_are_those_of_the_whole_batch(
    ranks: list[tuple[States, Figures, Figures]], alone: tuple[States, Figures, Figures]
) -> None:
    for name in ("plain", "normed"):
        assert ranks[1][1][name] == ranks[0][1][name] == pytest.approx(alone[1][name], rel=1e-4)
        assert ranks[1][2][name] == ranks[0][2][name] == pytest.approx(alone[2][name], abs=1.5 / 192)


def test_an_interrupted_training_of_two_goes_on_to_the_same_bits(
    ranks: list[tuple[States, Figures, Figures]],
) -> None:
    """Dropout included: each rank's generator is kept."""
    undisturbed, resumed = ranks[0][0]["dropping"], ranks[0][0]["resumed"]
    assert all(torch.equal(undisturbed[key], resumed[key]) for key in undisturbed)
    assert ranks[0][1]["dropping"] == ranks[0][1]["resumed"]


def test_parts_make_up_the_batch() -> None:
    batch = torch.arange(12).reshape(6, 2)
    parts = [Place(rank, 3).part(batch) for rank in range(3)]
    assert torch.equal(torch.cat(parts), batch)
    assert torch.equal(Place().part(batch), batch)


def test_a_batch_that_ranks_cannot_share_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(train, "place", lambda: Place(0, 3))
    data = digits()
    with pytest.raises(ModelError, match="batch_size = 32 cannot be shared by 3 processes"):
        fit(plain(data), data, SHORT)


def test_without_torchrun_one_is_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("TORCHELASTIC_RUN_ID", raising=False)
    with joined() as where:
        assert (where, where.first, where.answer(True)) == (Place(0, 1), True, True)


def test_a_network_is_trained_where_the_settings_say_and_goes_back(monkeypatch: pytest.MonkeyPatch) -> None:
    cpu = torch.device("cpu")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert device_of("auto", cpu) == device_of("cpu", cpu) == cpu
    assert device_of("auto", torch.device("meta")) == torch.device("meta")
    with pytest.raises(ModelError, match="torch finds no GPU"):
        fit(plain(digits()), digits(), TrainConfig(max_steps=1, device="cuda"))
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setenv("LOCAL_RANK", "1")
    assert device_of("auto", cpu) == device_of("cuda", cpu) == torch.device("cuda", 1)
    assert device_of("cpu", torch.device("cuda", 0)) == cpu
    assert device_of("auto", torch.device("cuda", 0)) == torch.device("cuda", 0)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU here")
def test_a_gpu_trains_to_the_same_bits_twice_and_near_those_of_a_cpu() -> None:
    data = digits()
    ends = []
    for device in ("cuda", "cuda", "cpu"):
        network = normed(data)
        fit(network, data, TrainConfig(**{**SHORT.__dict__, "device": device}))
        assert next(network.parameters()).device.type == "cpu"
        ends.append(network.state_dict())
    assert all(torch.equal(ends[0][key], ends[1][key]) for key in ends[0])
    assert all(torch.allclose(ends[0][key], ends[2][key], rtol=0.05, atol=0.01) for key in ends[0])
