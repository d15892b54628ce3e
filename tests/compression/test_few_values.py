"""Networks on cells that hold few values."""

from __future__ import annotations

import numpy as np
import pytest
from tests.compression.lenet import profilers

from wattloop.compression.baselines.config import BaselinesConfig
from wattloop.compression.config import CompressConfig
from wattloop.compression.run import compress
from wattloop.compression.scales import least_squares_scale
from wattloop.nn.datasets import Dataset
from wattloop.nn.network import QuantizedNetwork

POWERS = (-64, -32, -16, -8, -4, -2, -1, 0, 1, 2, 4, 8, 16, 32, 64)
UNTRAINED = CompressConfig(methods=("int8",), batch_size=32, threads=1, baselines=BaselinesConfig(epochs=0))


def started(network: QuantizedNetwork, digits: Dataset, legal: tuple[int, ...]) -> QuantizedNetwork:
    return compress(network, digits, profilers(), UNTRAINED, legal=legal).networks[0]


def test_values_with_gaps_get_the_scale_that_serves_them(network: QuantizedNetwork, digits: Dataset) -> None:
    found = started(network, digits, POWERS)
    for name in network.layers:
        before = network.integer_weight(name).astype(np.float32)
        factor = least_squares_scale(before, POWERS)
        assert found.weight_scale(name) == pytest.approx(network.weight_scale(name) * factor, rel=0.05)
        assert set(found.integer_weight(name).ravel().tolist()) <= set(POWERS)


def test_values_without_gaps_keep_the_scale_of_int8(network: QuantizedNetwork, digits: Dataset) -> None:
    found = started(network, digits, tuple(range(-127, 128)))
    for name in network.layers:
        assert found.weight_scale(name) == network.weight_scale(name)
        assert np.array_equal(found.integer_weight(name), network.integer_weight(name).clip(-127, 127))
