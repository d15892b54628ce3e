"""A trained, quantised LeNet-5 on the digits, made once."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator

import hypothesis
import pytest
import torch

from wattloop.nn import datasets
from wattloop.nn.config import TrainConfig
from wattloop.nn.models import Normalized, build
from wattloop.nn.network import QuantizedNetwork
from wattloop.nn.quantize import quantize
from wattloop.nn.train import fit

hypothesis.settings.register_profile("wattloop", deadline=None)  # a busy machine is no falsifying example
hypothesis.settings.load_profile("wattloop")


@pytest.fixture(autouse=True)
def _one_thread() -> Iterator[None]:
    """Small tensors, and other tests on the other cores: more threads would only wait for each other."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="session")
def digits() -> datasets.Dataset:
    return datasets.load("digits")


@pytest.fixture(scope="session")
def float_lenet(digits: datasets.Dataset) -> Normalized:
    network = Normalized(build("lenet5", digits.classes, digits.channels, seed=1), *digits.normalisation)
    fit(network, digits, TrainConfig(epochs=10, batch_size=32, learning_rate=0.05, threads=1))
    return network


@pytest.fixture(scope="session")
def trained(float_lenet: Normalized, digits: datasets.Dataset) -> QuantizedNetwork:
    network = quantize(float_lenet, digits.train.images[:256])
    fit(network, digits, TrainConfig(epochs=2, batch_size=32, learning_rate=0.005, threads=1))
    return network


@pytest.fixture
def lenet(trained: QuantizedNetwork) -> QuantizedNetwork:
    """A copy that the test may change."""
    return copy.deepcopy(trained)


@pytest.fixture
def snapshot() -> Callable[[torch.nn.Module], dict[str, torch.Tensor]]:
    return lambda network: {name: tensor.clone() for name, tensor in network.state_dict().items()}
