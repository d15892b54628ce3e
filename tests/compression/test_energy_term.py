"""Energy in the objective: exact at allowed values, the right slope between them, and it moves training."""

from __future__ import annotations

import copy

import numpy as np
import pytest
import torch
from tests.compression.fakes import CURVE

from wattloop.compression.config import CompressConfig
from wattloop.compression.energy_term import LayerPrice, energy_penalty
from wattloop.compression.network import NetworkSubject
from wattloop.compression.remap import histogram
from wattloop.compression.subject import Constraint, EnergyTerm
from wattloop.nn.datasets import Dataset, load
from wattloop.nn.models import Normalized, build
from wattloop.nn.network import QuantizedNetwork
from wattloop.nn.quantize import quantize

QUICK = CompressConfig(batch_size=64, fisher_images=64, threads=1)
VALUES = (-60, -20, -5, 0, 3, 10, 40, 70)


@pytest.fixture(scope="module")
def digits() -> Dataset:
    return load("digits")


@pytest.fixture(scope="module")
def teacher(digits: Dataset) -> Normalized:
    return Normalized(build("lenet5", 10, 1, seed=0), *digits.normalisation).eval()


@pytest.fixture
def network(teacher: Normalized, digits: Dataset) -> QuantizedNetwork:
    return quantize(teacher, digits.train.images[:64])


def energy(network: QuantizedNetwork, layer: str) -> float:
    return float(histogram(network.integer_weight(layer)) @ CURVE)


@pytest.mark.parametrize("values", [None, VALUES])
def test_the_price_at_allowed_values_is_the_curves(network: QuantizedNetwork, values: tuple[int, ...] | None) -> None:
    rng = np.random.default_rng(0)
    layer = network.layer("conv2")
    mask = rng.random((16, 150)) < 0.6
    levels = rng.choice(np.arange(-128, 128) if values is None else values, (16, 150)).astype(np.int8)
    network.set_integer_weight("conv2", levels)
    price = float(LayerPrice(layer, CURVE, values, None)().detach())
    assert price == pytest.approx(float(histogram(levels) @ CURVE), rel=1e-5)
    pruned = float(LayerPrice(layer, CURVE, values, mask)().detach())
    assert pruned == pytest.approx(float(histogram(levels * mask) @ CURVE), rel=1e-5)


def test_the_gradient_is_the_slope_to_the_neighbouring_value(network: QuantizedNetwork) -> None:
    layer = network.layer("conv1")
    curve = CURVE.copy()
    curve[128 + 127] = np.inf  # the hardware does not have it
    levels = np.zeros((6, 25), np.float32)
    levels[0, :4] = (-4, 1, 39, 80)
    with torch.no_grad():
        layer.latent.copy_(torch.from_numpy(levels).reshape(layer.latent.shape) * layer.weight_scale.float())
    mask = np.ones((6, 25), bool)
    mask[0, 1] = False
    LayerPrice(layer, curve, VALUES, mask)().backward()
    assert layer.latent.grad is not None
    slopes = layer.latent.grad.flatten(1)[0, :4] * layer.weight_scale
    between = [(CURVE[128] - CURVE[123]) / 5, 0.0, (CURVE[168] - CURVE[138]) / 30, 0.0]
    assert slopes.numpy() == pytest.approx(np.array(between), rel=1e-4)


def test_the_term_starts_at_its_weight(network: QuantizedNetwork) -> None:
    penalty = energy_penalty(network, EnergyTerm({"conv1": CURVE, "conv2": 3.0 * CURVE}, 0.7))
    assert float(penalty(network).detach()) == pytest.approx(0.7, rel=1e-5)


def test_the_term_follows_the_network_to_another_device(network: QuantizedNetwork) -> None:
    """Training moves the network after the term was made."""
    mask = np.ones((16, 150), bool)
    price = LayerPrice(network.layer("conv2"), CURVE, VALUES, mask)
    network.to("meta")  # a device that every machine has
    assert price().device.type == "meta"


def test_training_with_energy_spends_less(network: QuantizedNetwork, digits: Dataset) -> None:
    ends = []
    for term in (None, EnergyTerm({"conv2": CURVE}, 3.0)):
        subject = NetworkSubject(copy.deepcopy(network), digits, QUICK)
        subject.constrain("conv2", Constraint(VALUES))
        subject.tune(2, seed=0, energy=term)
        assert set(np.unique(subject.weight("conv2"))) <= set(VALUES)
        ends.append(energy(subject.network, "conv2"))
    assert ends[1] < 0.97 * ends[0]


def test_fine_tuning_follows_the_float_network_or_else_its_own_start(
    network: QuantizedNetwork, teacher: Normalized, digits: Dataset
) -> None:
    ends = []
    for weight, known in ((0.0, teacher), (0.5, None), (0.5, teacher)):
        config = CompressConfig(batch_size=64, threads=1, distill_weight=weight)
        subject = NetworkSubject(copy.deepcopy(network), digits, config, teacher=known)
        subject.tune(1, seed=0)
        ends.append(subject.latent("fc1"))
    assert not any(np.array_equal(ends[a], ends[b]) for a, b in ((0, 1), (0, 2), (1, 2)))


def test_rate_and_schedule_are_those_asked_for(network: QuantizedNetwork, digits: Dataset) -> None:
    def moved(config: CompressConfig, rate: float | None) -> float:
        subject = NetworkSubject(copy.deepcopy(network), digits, config)
        before = subject.latent("fc1")
        subject.tune(1, seed=0, learning_rate=rate)
        return float(np.abs(subject.latent("fc1") - before).mean())

    slow = moved(QUICK, 1e-4)
    assert slow < 0.3 * moved(QUICK, None)
    constant = CompressConfig(batch_size=64, threads=1, schedule="constant")
    assert slow < moved(constant, 1e-4)  # a cosine falls from the same start


def test_all_layers_at_once_have_the_information_of_each(network: QuantizedNetwork, digits: Dataset) -> None:
    subject = NetworkSubject(network, digits, QUICK)
    together = subject.sensitivities(subject.kinds)
    assert list(together) == list(subject.kinds)
    for name, information in together.items():
        assert np.array_equal(information, subject.sensitivity(name))
