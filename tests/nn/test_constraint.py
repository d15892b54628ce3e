"""Masks and allowed sets: nearest values, masked zeros, straight-through gradients."""

from __future__ import annotations

import copy

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from wattloop.errors import ModelError
from wattloop.nn.config import TrainConfig
from wattloop.nn.constraint import AllowedWeights, constrain, constraint_of, release, rescale
from wattloop.nn.datasets import Dataset
from wattloop.nn.network import QuantizedNetwork
from wattloop.nn.train import fit

VALUES = (-64, -16, -3, 0, 3, 16, 64)


@given(
    st.sets(st.integers(-128, 127), max_size=20),
    st.lists(st.integers(-5120, 5120).map(lambda n: n / 40), min_size=1, max_size=30),
)
def test_each_weight_goes_to_its_nearest_allowed_value(values: set[int], levels: list[float]) -> None:
    """Distances of multiples of 1/40 are compared exactly, ties by magnitude; the scale is a power of two."""
    constraint = AllowedWeights(sorted(values), None, torch.tensor(0.25))
    got = (constraint(torch.tensor(levels) * 0.25) / 0.25).tolist()
    allowed = sorted(values | {0})
    as_float32 = np.float32(levels).astype(float)
    assert got == [min(allowed, key=lambda v: (abs(v - x), abs(v))) for x in as_float32]


def test_halfway_weights_go_to_the_smaller_magnitude() -> None:
    constraint = AllowedWeights([-4, -2, 2, 4], None, torch.tensor(1.0))
    weights = torch.tensor([-3.0, -1.0, 1.0, 3.0])
    assert constraint(weights).tolist() == [-2.0, 0.0, 0.0, 2.0]
    beyond = torch.nextafter(weights, torch.sign(weights) * 9)
    assert constraint(beyond).tolist() == [-4.0, -2.0, 2.0, 4.0]


def test_constrained_weights_are_allowed_and_masked_ones_zero(lenet: QuantizedNetwork) -> None:
    before = lenet.integer_weight("conv2").astype(int)
    mask = np.abs(before) > 10
    constrain(lenet, "conv2", VALUES, mask)
    after = lenet.integer_weight("conv2")
    assert set(after[mask].tolist()) <= set(VALUES)
    assert not after[~mask].any() and (~mask).any()
    got = constraint_of(lenet, "conv2")
    assert got is not None and got.values == VALUES and got.mask is not None and np.array_equal(got.mask, mask)


def test_zero_is_always_allowed(lenet: QuantizedNetwork) -> None:
    constrain(lenet, "conv2", [100])
    assert set(lenet.integer_weight("conv2").ravel().tolist()) == {0, 100}


def test_a_mask_alone_keeps_the_other_weights(lenet: QuantizedNetwork) -> None:
    before = lenet.integer_weight("fc1")
    mask = np.random.default_rng(0).random(before.shape) < 0.5
    constrain(lenet, "fc1", None, mask.reshape(lenet.layer("fc1").latent.shape))
    assert np.array_equal(lenet.integer_weight("fc1"), np.where(mask, before, 0))
    got = constraint_of(lenet, "fc1")
    assert got is not None and got.values is None


def test_a_new_constraint_replaces_the_old_one_and_release_brings_the_weights_back(lenet: QuantizedNetwork) -> None:
    before = lenet.integer_weight("conv1")
    latent = lenet.layer("conv1").latent
    constrain(lenet, "conv1", [0])
    constrain(lenet, "conv1", range(-128, 128))
    assert np.array_equal(lenet.integer_weight("conv1"), before)
    constrain(lenet, "conv1", VALUES)
    release(lenet, "conv1")
    assert constraint_of(lenet, "conv1") is None
    assert np.array_equal(lenet.integer_weight("conv1"), before)
    assert lenet.layer("conv1").latent is latent


def test_a_baked_constraint_stays_in_the_weights(lenet: QuantizedNetwork) -> None:
    constrain(lenet, "conv1", VALUES)
    constrained = lenet.integer_weight("conv1")
    release(lenet, "conv1", bake=True)
    assert constraint_of(lenet, "conv1") is None
    assert np.array_equal(lenet.integer_weight("conv1"), constrained)


def test_gradients_pass_straight_through_except_to_masked_weights(lenet: QuantizedNetwork, digits: Dataset) -> None:
    free = copy.deepcopy(lenet)
    mask = np.random.default_rng(1).random(lenet.integer_weight("conv2").shape) < 0.5
    values = sorted(set(lenet.integer_weight("conv2").ravel().tolist()))
    constrain(lenet, "conv2", values, np.ones_like(mask))
    images, labels = torch.from_numpy(digits.train.images[:32]), torch.from_numpy(digits.train.labels[:32])
    for network in (free, lenet):
        torch.nn.functional.cross_entropy(network.eval()(images), labels).backward()
    expected, got = free.layer("conv2").latent.grad, lenet.layer("conv2").latent.grad
    assert expected is not None and got is not None and expected.abs().max() > 0
    assert torch.allclose(got, expected, rtol=1e-4, atol=1e-7)

    constrain(lenet, "conv2", values, mask)
    lenet.zero_grad()
    torch.nn.functional.cross_entropy(lenet(images), labels).backward()
    masked = lenet.layer("conv2").latent.grad
    assert masked is not None and masked.abs().max() > 0
    assert not masked.flatten(1)[torch.from_numpy(~mask)].any()


def test_training_keeps_to_the_constraint_and_recovers(lenet: QuantizedNetwork, digits: Dataset) -> None:
    mask = np.abs(lenet.integer_weight("conv2").astype(int)) > 8
    constrain(lenet, "conv2", VALUES, mask)
    before = lenet.integer_weight("conv2")
    (report,) = fit(lenet, digits, TrainConfig(epochs=1, batch_size=32, learning_rate=0.02), validate=True)
    after = lenet.integer_weight("conv2")
    assert (after != before).any()
    assert set(after.ravel().tolist()) <= set(VALUES)
    assert not after[~mask].any()
    assert report.validation is not None and report.validation.accuracy > 0.9


@pytest.mark.parametrize(
    ("name", "values", "mask", "message"),
    [
        ("conv9", None, None, "no layer 'conv9'"),
        ("conv1", [128], None, "layer conv1.*-128..127"),
        ("conv1", None, np.ones((3, 3)), r"layer conv1: the mask has shape \(3, 3\)"),
    ],
)
def test_bad_constraints_are_refused(
    lenet: QuantizedNetwork, name: str, values: list[int] | None, mask: np.ndarray | None, message: str
) -> None:
    with pytest.raises(ModelError, match=message):
        constrain(lenet, name, values, mask)


def test_integer_weights_can_be_set(lenet: QuantizedNetwork) -> None:
    wanted = np.random.default_rng(2).integers(-128, 128, (16, 150)).astype(np.int8)
    lenet.set_integer_weight("conv2", wanted)
    assert np.array_equal(lenet.integer_weight("conv2"), wanted)


def test_copies_of_a_constrained_network_are_released_apart(lenet: QuantizedNetwork) -> None:
    constrain(lenet, "conv2", [-40, 0, 40])
    expected = lenet.integer_weight("conv2")
    twin = copy.deepcopy(lenet)
    release(twin, "conv2")
    assert len(np.unique(twin.integer_weight("conv2"))) > 3
    assert np.array_equal(lenet.integer_weight("conv2"), expected)
    constrain(twin, "conv2", [0, 9])
    release(lenet, "conv2", bake=True)
    assert np.array_equal(lenet.integer_weight("conv2"), expected)
    assert set(np.unique(twin.integer_weight("conv2"))) <= {0, 9}


def test_a_rescaled_layer_keeps_its_weights_and_counts_them_in_other_steps(lenet: QuantizedNetwork) -> None:
    constrain(lenet, "conv2", VALUES)
    layer = lenet.layer("conv2")
    real, steps, scale = layer.latent.detach().clone(), layer.latent / layer.weight_scale, float(layer.weight_scale)
    rescale(lenet, "conv2", 0.5)
    assert torch.equal(layer.latent, real)
    assert float(layer.weight_scale) == scale / 2
    expected = AllowedWeights(VALUES, None, torch.tensor(1.0))(2 * steps.detach().float())
    assert np.array_equal(lenet.integer_weight("conv2"), expected.flatten(1).numpy().astype(np.int8))


@pytest.mark.parametrize("factor", [0.0, -1.0, float("inf"), float("nan")])
def test_what_is_no_scale_is_refused(lenet: QuantizedNetwork, factor: float) -> None:
    with pytest.raises(ModelError, match="layer conv2: a scale is multiplied by a factor above 0"):
        rescale(lenet, "conv2", factor)
