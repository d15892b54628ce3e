"""States of a network as bytes, and the training that stands behind each."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import torch

from wattloop.compression.config import CompressConfig
from wattloop.compression.network import NetworkSubject
from wattloop.compression.states import StateCodec
from wattloop.nn.datasets import Dataset, load
from wattloop.nn.models import Normalized, build
from wattloop.nn.quantize import quantize


@pytest.fixture(scope="module")
def digits() -> Dataset:
    whole = load("digits")
    return dataclasses.replace(whole, train=whole.train.take(64), validation=whole.validation.take(20))


@pytest.fixture
def subject(digits: Dataset) -> NetworkSubject:
    torch.manual_seed(0)
    model = Normalized(build("lenet5", digits.classes, digits.channels), *digits.normalisation)
    return NetworkSubject(quantize(model, digits.train.images[:32]), digits, CompressConfig(threads=1, batch_size=32))


def test_a_state_knows_the_training_behind_it_and_no_other(subject: NetworkSubject) -> None:
    start = subject.snapshot()
    subject.tune(2, 0)
    subject.tune(1, 1)
    assert subject.epochs == 3
    trained = subject.snapshot()
    subject.restore(start)
    assert subject.epochs == 0
    subject.restore(trained)
    assert subject.epochs == 3


def test_a_state_survives_bytes(subject: NetworkSubject) -> None:
    subject.tune(1, 0)
    weights, state = subject.weight("conv2"), StateCodec().encode(subject.snapshot())
    subject.tune(1, 1)
    assert not np.array_equal(subject.latent("conv2"), weights)
    subject.restore(StateCodec().decode(state))
    assert StateCodec().encode(subject.snapshot()) == state
    assert np.array_equal(subject.weight("conv2"), weights)
    assert subject.epochs == 1
