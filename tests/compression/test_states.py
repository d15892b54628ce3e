"""States of a network as bytes, and the training that stands behind each."""

from __future__ import annotations

import numpy as np
import pytest

from wattloop.compression.config import CompressConfig
from wattloop.compression.network import NetworkSubject
from wattloop.compression.states import StateCodec
from wattloop.nn.datasets import Dataset
from wattloop.nn.network import QuantizedNetwork


@pytest.fixture
def subject(network: QuantizedNetwork, digits: Dataset) -> NetworkSubject:
    return NetworkSubject(network, digits, CompressConfig(threads=1, batch_size=32))


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
