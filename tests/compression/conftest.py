"""A trained network and what the loop makes of it, once a session."""

from __future__ import annotations

import copy
import dataclasses
from collections.abc import Iterator

import pytest
import torch
from tests.compression.lenet import compressed

from wattloop.compression.result import CompressionResult
from wattloop.nn.config import TrainConfig
from wattloop.nn.datasets import Dataset, load
from wattloop.nn.models import Normalized, build
from wattloop.nn.network import QuantizedNetwork
from wattloop.nn.quantize import quantize
from wattloop.nn.train import fit


@pytest.fixture(autouse=True)
def _one_thread() -> Iterator[None]:
    """Two workers of a test run with two threads each would wait for each other on two cores."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture(scope="session")
def digits() -> Dataset:
    whole = load("digits")
    return dataclasses.replace(whole, train=whole.train.take(640), validation=whole.validation.take(200))


@pytest.fixture(scope="session")
def trained(digits: Dataset) -> QuantizedNetwork:
    torch.manual_seed(0)
    model = Normalized(build("lenet5", digits.classes, digits.channels), *digits.normalisation)
    fit(model, digits, TrainConfig(epochs=4, batch_size=32))
    found = quantize(model, digits.train.images[:128])
    fit(found, digits, TrainConfig(epochs=1, batch_size=32, learning_rate=0.01))
    return found


@pytest.fixture
def network(trained: QuantizedNetwork) -> QuantizedNetwork:
    """A copy that the test may change."""
    return copy.deepcopy(trained)


@pytest.fixture(scope="session")
def result(trained: QuantizedNetwork, digits: Dataset) -> CompressionResult:
    return compressed(trained, digits)
