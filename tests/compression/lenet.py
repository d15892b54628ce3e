"""The loop on a real quantised network (LeNet-5 on digits), with a made-up energy curve."""

from __future__ import annotations

from typing import Any

from tests.compression.fakes import FakeProfiler, energies_of

from wattloop.compression.campaign import Profilers
from wattloop.compression.config import CompressConfig
from wattloop.compression.energies import NetworkEnergies
from wattloop.compression.network import NetworkSubject
from wattloop.compression.result import CompressionResult
from wattloop.compression.run import compress
from wattloop.compression.subject import FREE
from wattloop.nn.datasets import Dataset
from wattloop.nn.network import QuantizedNetwork

FACTORS = {"conv1": 784.0, "conv2": 100.0, "fc1": 1.0, "fc2": 1.0, "fc3": 1.0}
QUICK = CompressConfig(
    ratios=(0.5, 0.7),
    set_sizes=(12, 8),
    k_init=12,
    k_limit=24,
    delta=2.0,
    batch_size=32,
    fisher_images=64,
    max_configurations=2,
)


def measured(network: QuantizedNetwork, mappings: object) -> NetworkEnergies:
    kinds = {name: layer.kind for name, layer in network.layers.items()}
    return energies_of({name: network.integer_weight(name) for name in kinds}, kinds, FACTORS)


def profilers() -> Profilers:
    return Profilers(FakeProfiler(FACTORS), FakeProfiler(FACTORS, "tiles/fake"))


def compressed(network: QuantizedNetwork, digits: Dataset, **options: Any) -> CompressionResult:
    return compress(network, digits, profilers(), QUICK, measure=measured, mac="array", **options)


def subject_of(network: QuantizedNetwork, digits: Dataset) -> NetworkSubject:
    subject = NetworkSubject(network, digits, QUICK)
    for name in subject.kinds:
        subject.constrain(name, FREE)
    return subject
