"""What the loop tries out beside the network is what the network does."""

from __future__ import annotations

import numpy as np
from tests.compression.fakes import FakeOracle
from tests.compression.lenet import FACTORS, subject_of

from wattloop.compression.layerwise.bench import Bench
from wattloop.compression.pruning import magnitude_mask
from wattloop.compression.subject import FREE, Constraint
from wattloop.nn.datasets import Dataset
from wattloop.nn.network import QuantizedNetwork


def test_the_bench_remaps_as_the_network_does(network: QuantizedNetwork, digits: Dataset) -> None:
    subject = subject_of(network, digits)
    rng = np.random.default_rng(0)
    for layer in ("conv1", "conv2", "fc1"):
        mask = magnitude_mask(subject.latent(layer), 0.4)
        bench = Bench(subject, FakeOracle(FACTORS), layer, Constraint(None, mask))
        assert np.array_equal(bench.weights(None), subject.weight(layer))
        values = {0, *rng.choice(np.arange(-90, 90), 12, replace=False).tolist()}
        bench.allow(values)
        assert np.array_equal(bench.weights(values), subject.weight(layer))
        assert not subject.weight(layer)[~mask].any()
        subject.constrain(layer, FREE)
