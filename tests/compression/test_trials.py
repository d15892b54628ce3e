"""Constraints tried side by side score as they do one by one, whoever works."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext

import numpy as np
import pytest
import torch

from wattloop.compression.config import CompressConfig
from wattloop.compression.network import NetworkSubject
from wattloop.compression.pruning import magnitude_mask
from wattloop.compression.subject import Constraint, Quality
from wattloop.nn.datasets import Dataset, load
from wattloop.nn.models import Normalized, build
from wattloop.nn.network import QuantizedNetwork
from wattloop.nn.quantize import quantize
from wattloop.parallel import SERIAL, Workers, processes, threads

LAYER = "conv2"


@pytest.fixture(scope="module")
def digits() -> Dataset:
    return load("digits")


@pytest.fixture
def network(digits: Dataset) -> QuantizedNetwork:
    plain = build("lenet5_wide", 10, 1, seed=0)
    return quantize(Normalized(plain, *digits.normalisation).eval(), digits.train.images[:64])


def subject_of(network: QuantizedNetwork, digits: Dataset, workers: Workers = SERIAL) -> NetworkSubject:
    subject = NetworkSubject(network, digits, CompressConfig(), workers=workers)
    subject.constrain("conv1", Constraint((-60, -20, 0, 7, 33), magnitude_mask(subject.latent("conv1"), 0.3)))
    subject.constrain("fc1", Constraint(None, magnitude_mask(subject.latent("fc1"), 0.5)))
    subject.constrain(LAYER, Constraint((-30, 0, 30)))
    return subject


def candidates(subject: NetworkSubject) -> list[Constraint]:
    mask = magnitude_mask(subject.latent(LAYER), 0.6)
    free = [Constraint(), Constraint(None, mask)]
    return [*free, *(Constraint((-step, 0, step, 2 * step), kept) for step in (9, 40) for kept in (None, mask))]


def one_by_one(subject: NetworkSubject, constraints: list[Constraint], images: int | None) -> list[Quality]:
    start, found = subject.snapshot(), []
    for constraint in constraints:
        subject.constrain(LAYER, constraint)
        found.append(subject.score(images))
    subject.restore(start)
    return found


@pytest.mark.parametrize(
    "start",
    [lambda: nullcontext(SERIAL), lambda: threads(2), lambda: processes(2)],
    ids=["serial", "threads", "processes"],
)
def test_scores_are_those_of_one_after_the_other(
    start: Callable[[], AbstractContextManager[Workers]], network: QuantizedNetwork, digits: Dataset
) -> None:
    with start() as workers:
        subject = subject_of(network, digits, workers)
        tried, before = candidates(subject), subject.network.state_dict()
        before = {name: tensor.clone() for name, tensor in before.items()}
        threads_before = torch.get_num_threads()
        found = subject.scores(LAYER, tried, 70)
        assert found == one_by_one(subject, tried, 70)
        assert len({quality.loss for quality in found}) > 3
        after = subject.network.state_dict()
        assert before.keys() == after.keys() and all(torch.equal(before[name], after[name]) for name in before)
        assert torch.get_num_threads() == threads_before


def test_all_validation_images_and_what_the_hardware_holds(network: QuantizedNetwork, digits: Dataset) -> None:
    legal = tuple(range(-64, 65, 4))
    subject = NetworkSubject(network, digits, CompressConfig(), legal)
    (free,) = subject.scores(LAYER, [Constraint()])
    subject.constrain(LAYER, Constraint())
    assert set(np.unique(subject.weight(LAYER))) <= set(legal)
    assert free == subject.score()
    assert free.images == len(digits.validation.labels)
