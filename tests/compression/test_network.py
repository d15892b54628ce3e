"""A real network as the methods see it."""

from __future__ import annotations

import copy
import dataclasses

import numpy as np
import torch
from tests.compression.lenet import QUICK, subject_of

from wattloop.compression.config import CompressConfig
from wattloop.compression.network import NetworkSubject
from wattloop.compression.pruning import magnitude_mask
from wattloop.compression.subject import Constraint
from wattloop.nn.datasets import Dataset
from wattloop.nn.network import QuantizedNetwork


def test_sensitivities_take_the_threads_of_the_settings(network: QuantizedNetwork, digits: Dataset) -> None:
    seen: list[int] = []
    before = torch.get_num_threads()
    subject = NetworkSubject(copy.deepcopy(network), digits, dataclasses.replace(QUICK, threads=before + 1))
    subject.network.register_forward_hook(lambda *_: seen.append(torch.get_num_threads()))
    subject.sensitivity("conv1")
    assert set(seen) == {before + 1}
    assert torch.get_num_threads() == before


def test_any_seed_of_a_campaign_can_train(network: QuantizedNetwork, digits: Dataset) -> None:
    subject = NetworkSubject(copy.deepcopy(network), digits, QUICK)
    subject.tune(0, CompressConfig(seed=(1 << 32) - 1).seed * 1_000_000 + 1)


def test_a_restored_network_scores_as_before(network: QuantizedNetwork, digits: Dataset) -> None:
    subject = subject_of(network, digits)
    before, start = subject.score(), subject.snapshot()
    subject.constrain("conv1", Constraint((-40, 0, 40), magnitude_mask(subject.latent("conv1"), 0.5)))
    subject.tune(1, seed=3)
    assert subject.score() != before
    constrained, moved = subject.score(), subject.snapshot()
    subject.restore(start)
    assert subject.score() == before
    assert subject.allowed("conv1") is None
    subject.restore(moved)
    assert subject.score() == constrained
    assert subject.allowed("conv1") == (-40, 0, 40)
    subject.restore(start)


def test_fisher_information_predicts_which_noise_hurts(network: QuantizedNetwork, digits: Dataset) -> None:
    """The loss rises more for noise on the weights that matter than for the same noise on those that do not."""
    subject = subject_of(network, digits)
    start, free = subject.snapshot(), subject.weight("conv2")
    information = subject.sensitivity("conv2")
    assert information.shape == free.shape
    assert (information >= 0).all()
    halves = information > np.median(information)
    noise = np.where(np.random.default_rng(0).random(free.shape) < 0.5, -12, 12)
    losses = []
    for half in (halves, ~halves):
        shaken = np.clip(free + noise * half, -127, 127).astype(np.int8)
        network.set_integer_weight("conv2", shaken)
        losses.append(subject.score().loss)
        subject.restore(start)
    assert losses[0] > losses[1]


def test_information_of_many_layers_is_that_of_each(network: QuantizedNetwork, digits: Dataset) -> None:
    subject = subject_of(network, digits)
    together = subject.sensitivities(["conv2", "fc1"])
    assert list(together) == ["conv2", "fc1"]
    for layer, information in together.items():
        np.testing.assert_allclose(information, subject.sensitivity(layer), rtol=1e-5, atol=1e-12)


def test_relocated_weights_are_what_the_network_computes_with(network: QuantizedNetwork, digits: Dataset) -> None:
    subject = subject_of(network, digits)
    start = subject.snapshot()
    wanted = np.where(subject.weight("conv2") > 5, 16, 0).astype(np.float32)
    subject.relocate("conv2", wanted)
    subject.constrain("conv2", Constraint((0, 16)))
    np.testing.assert_array_equal(subject.weight("conv2"), wanted)
    np.testing.assert_allclose(subject.latent("conv2"), wanted, rtol=1e-6)
    subject.restore(start)


def test_signs_that_nothing_takes_back_are_not_flipped(network: QuantizedNetwork, digits: Dataset) -> None:
    subject = subject_of(network, digits)
    before = subject.weight("conv1").copy()
    assert not subject.flip("conv1", np.ones(len(before), np.bool_))
    np.testing.assert_array_equal(subject.weight("conv1"), before)
