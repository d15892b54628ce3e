"""What the ranks of `tests/nn/test_distributed.py` train; `torchrun rank_training.py FOLDER`."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

import torch
from torch import nn

from wattloop.nn.config import TrainConfig
from wattloop.nn.datasets import Dataset, load
from wattloop.nn.distributed import joined
from wattloop.nn.models import Normalized, build
from wattloop.nn.quantize import quantize
from wattloop.nn.train import fit
from wattloop.nn.training_state import Checkpoint, EpochReport

SHORT = TrainConfig(epochs=2, batch_size=32, learning_rate=0.02, threads=1, device="cpu")


def digits() -> Dataset:
    whole = load("digits")
    return replace(whole, train=whole.train.take(6 * 32), validation=whole.validation.take(40))


def plain(data: Dataset) -> Normalized:
    """No batch norm, no dropout."""
    return Normalized(build("lenet5", 10, 1, seed=0), *data.normalisation)


def normed(data: Dataset) -> Normalized:
    """Batch norms of both kinds."""
    torch.manual_seed(0)
    first = [nn.Conv2d(1, 8, 5, stride=3, bias=False), nn.BatchNorm2d(8), nn.ReLU(), nn.Flatten()]
    rest = [nn.Linear(800, 16, bias=False), nn.BatchNorm1d(16, momentum=None), nn.ReLU(), nn.Linear(16, 10)]
    return Normalized(nn.Sequential(*first, *rest), *data.normalisation)


def dropping(data: Dataset) -> Normalized:
    """Batch norm and dropout."""
    return Normalized(build("lenet5_wide", 10, 1, seed=0), *data.normalisation)


class StopTrainingError(Exception):
    """Ends a training in its middle."""


def stop(step: int, steps: int) -> None:
    """Interrupts in the second epoch."""
    if step == 9:
        raise StopTrainingError


def train_all(folder: Path, rank: int) -> dict[str, tuple[nn.Module, list[EpochReport]]]:
    """Every kind of training, by name: network and reports."""
    data, results = digits(), {}
    teacher = plain(data)
    for make in (plain, normed, dropping):
        network = make(data)
        results[make.__name__] = (network, fit(network, data, SHORT, validate=True))
    network = quantize(results["normed"][0], data.train.images[:64])
    results["int8"] = (network, fit(network, data, SHORT, teacher=teacher))
    # One step: later ones round the ranks' last bits to other levels.
    network = quantize(results["normed"][0], data.train.images[:64])
    results["int8 step"] = (network, fit(network, data, replace(SHORT, max_steps=1)))
    # Interrupted, and taken up from what was kept after step 8.
    kept, network = Checkpoint(folder / "state.safetensors", every=2), dropping(data)
    try:
        fit(network, data, SHORT, checkpoint=kept, before_step=stop)
    except StopTrainingError:
        network, seen = dropping(data), list[int]()
        reports = fit(network, data, SHORT, checkpoint=kept, progress=lambda done, _: seen.append(done))
        assert seen == ([9, 10, 11, 12] if rank == 0 else [])  # only the first speaks
        results["resumed"] = (network, reports)
    return results


def penalised(data: Dataset) -> Normalized:
    """With a term of its own in the loss."""
    network = plain(data)
    fit(network, data, SHORT, penalty=lambda net: sum(p.square().sum() for p in net.parameters()))
    return network


if __name__ == "__main__":
    torch.set_num_threads(1)
    place = Path(sys.argv[1])
    with joined("cpu") as where:
        trained = train_all(place, where.rank)
        states = {name: network.state_dict() for name, (network, _) in trained.items()}
        states["penalised"] = penalised(digits()).state_dict()
        losses = {name: [report.loss for report in reports] for name, (_, reports) in trained.items()}
        accuracies = {name: [report.accuracy for report in reports] for name, (_, reports) in trained.items()}
        torch.save((states, losses, accuracies), place / f"rank{where.rank}.pt")
