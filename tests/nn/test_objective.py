"""Distillation, terms of the caller's own, and what is done between steps."""

from __future__ import annotations

import copy
import dataclasses
import itertools
from collections.abc import Callable

import numpy as np
import pytest
import torch
from scipy.special import softmax
from torch import nn

from wattloop.errors import ConfigError
from wattloop.nn.config import TrainConfig
from wattloop.nn.constraint import constrain
from wattloop.nn.datasets import Dataset
from wattloop.nn.models import Normalized
from wattloop.nn.network import QuantizedNetwork
from wattloop.nn.objective import divergence
from wattloop.nn.train import fit, steps_per_epoch

Snapshot = Callable[[nn.Module], dict[str, torch.Tensor]]
SHORT = TrainConfig(max_steps=6, batch_size=32, learning_rate=0.01, threads=1)


def equal(a: dict[str, torch.Tensor], b: dict[str, torch.Tensor]) -> bool:
    return all(torch.equal(a[name], b[name]) for name in a.keys() | b.keys())


def relabelled(dataset: Dataset) -> Dataset:
    train = dataclasses.replace(dataset.train, labels=(dataset.train.labels + 1) % dataset.classes)
    return dataclasses.replace(dataset, train=train)


def test_divergence_is_that_of_the_definition() -> None:
    rng = np.random.default_rng(0)
    ours, theirs = rng.normal(0, 5, (2, 7, 4))
    p, q = softmax(theirs / 3.0, axis=1), softmax(ours / 3.0, axis=1)
    expected = 9.0 * np.mean(np.sum(p * np.log(p / q), axis=1))
    assert float(divergence(torch.from_numpy(ours), torch.from_numpy(theirs), 3.0)) == pytest.approx(expected)
    assert float(divergence(torch.from_numpy(ours), torch.from_numpy(ours), 3.0)) == pytest.approx(0.0, abs=1e-12)


@pytest.mark.parametrize(("weight", "matter"), [(1.0, False), (0.5, True), (0.0, True)])
def test_labels_matter_as_far_as_the_teacher_does_not(
    weight: float, matter: bool, lenet: QuantizedNetwork, float_lenet: Normalized, digits: Dataset, snapshot: Snapshot
) -> None:
    config = dataclasses.replace(SHORT, distill_weight=weight)
    ends = []
    for dataset in (digits, relabelled(digits)):
        network = copy.deepcopy(lenet)
        fit(network, dataset, config, teacher=float_lenet)
        ends.append(snapshot(network))
    assert equal(*ends) is not matter


def test_a_teacher_without_weight_and_a_penalty_of_nothing_change_no_bit(
    lenet: QuantizedNetwork, float_lenet: Normalized, digits: Dataset, snapshot: Snapshot
) -> None:
    plain, taught, fined = (copy.deepcopy(lenet) for _ in range(3))
    fit(plain, digits, SHORT)
    fit(taught, digits, dataclasses.replace(SHORT, distill_weight=0.0), teacher=float_lenet)
    fit(fined, digits, dataclasses.replace(SHORT, distill_temperature=2.0), penalty=lambda network: torch.zeros(()))
    assert equal(snapshot(plain), snapshot(taught))
    assert equal(snapshot(plain), snapshot(fined))


@pytest.mark.parametrize("bfloat16", [False, True])
def test_the_teacher_is_followed_and_left_as_it_was(
    bfloat16: bool, lenet: QuantizedNetwork, float_lenet: Normalized, digits: Dataset, snapshot: Snapshot
) -> None:
    images = torch.from_numpy(digits.validation.images)

    def distance(network: nn.Module) -> float:
        with torch.no_grad():
            return float(divergence(network.eval()(images), float_lenet.eval()(images), 4.0))

    constrain(lenet, "conv2", [-40, 0, 40])
    before, theirs = distance(lenet), snapshot(float_lenet)
    float_lenet.zero_grad(set_to_none=True)
    config = dataclasses.replace(SHORT, max_steps=40, distill_weight=1.0, bfloat16=bfloat16)
    fit(lenet, relabelled(digits), config, teacher=float_lenet)
    assert distance(lenet) < 0.5 * before
    assert equal(snapshot(float_lenet), theirs)
    assert all(parameter.grad is None for parameter in float_lenet.parameters())


def test_the_teacher_keeps_its_mode(lenet: QuantizedNetwork, float_lenet: Normalized, digits: Dataset) -> None:
    for mode in (True, False):
        float_lenet.train(mode)
        fit(lenet, digits, dataclasses.replace(SHORT, max_steps=1), teacher=float_lenet)
        assert float_lenet.training is mode
    assert not float_lenet.training  # as other tests know it


def test_a_penalty_pulls_where_it_points(lenet: QuantizedNetwork, digits: Dataset) -> None:
    def size(network: nn.Module) -> torch.Tensor:
        assert isinstance(network, QuantizedNetwork)
        return network.layer("conv1").latent.square().mean()

    free, fined = copy.deepcopy(lenet), copy.deepcopy(lenet)
    (plain,) = fit(free, digits, SHORT)
    (report,) = fit(fined, digits, SHORT, penalty=lambda network: 50.0 * size(network))
    assert float(size(fined).detach()) < 0.9 * float(size(free).detach())
    assert report.loss > plain.loss  # it is part of the loss that is reported


def test_constraints_may_change_between_steps(lenet: QuantizedNetwork, digits: Dataset) -> None:
    """The parameters below go on being trained, and the last constraint holds."""
    seen: list[tuple[int, int]] = []
    latents: list[torch.Tensor] = []

    def tighten(step: int, steps: int) -> None:
        seen.append((step, steps))
        latents.append(lenet.layer("conv2").latent.detach().clone())
        if step in (0, 3):
            constrain(lenet, "conv2", [-30, 0, 30] if step == 0 else [-50, 0, 60])

    fit(lenet, digits, SHORT, before_step=tighten)
    assert seen == [(step, 6) for step in range(6)]
    assert all(not torch.equal(a, b) for a, b in itertools.pairwise(latents))
    assert set(np.unique(lenet.integer_weight("conv2"))) <= {-50, 0, 60}


def test_epochs_have_whole_batches_only(digits: Dataset) -> None:
    images = len(digits.train.images)
    assert steps_per_epoch(digits, TrainConfig(batch_size=images)) == 1
    assert steps_per_epoch(digits, TrainConfig(batch_size=images // 2)) == 2
    assert steps_per_epoch(digits, TrainConfig(batch_size=images // 2 + 1)) == 1


@pytest.mark.parametrize("change", [{"distill_weight": 1.1}, {"distill_weight": -0.1}, {"distill_temperature": 0.0}])
def test_illegal_settings_are_named(change: dict[str, float]) -> None:
    (name,) = change
    with pytest.raises(ConfigError, match=f"training: {name} = "):
        TrainConfig(**change)  # type: ignore[arg-type]
