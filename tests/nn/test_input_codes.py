"""Restricted activations: nearest codes, straight-through gradients, the same integers on every path."""

from __future__ import annotations

import copy
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from tests.nn.networks import NETWORKS, randomised

from wattloop.errors import ModelError
from wattloop.nn import checkpoint
from wattloop.nn.codes import AllowedCodes, nearest_codes
from wattloop.nn.config import TrainConfig
from wattloop.nn.constraint import constrain
from wattloop.nn.datasets import Dataset
from wattloop.nn.evaluate import logits
from wattloop.nn.input_codes import constrain_inputs, input_codes_of, release_inputs
from wattloop.nn.integer import IntegerNetwork
from wattloop.nn.models import build
from wattloop.nn.network import QuantizedNetwork
from wattloop.nn.quantize import quantize
from wattloop.nn.trace import trace
from wattloop.nn.train import fit

CODES = (0, 1, 2, 5, 8, 16, 31, 64, 100, 190)


@given(st.sets(st.integers(0, 255), max_size=20))
def test_each_code_goes_to_its_nearest_allowed_one(codes: set[int]) -> None:
    allowed = codes | {0}
    expected = [min(allowed, key=lambda c: (abs(c - x), c)) for x in range(256)]
    assert nearest_codes(sorted(codes), signed=False).tolist() == expected


@given(st.sets(st.integers(-128, 127), max_size=20))
def test_signed_codes_go_to_the_nearest_of_smaller_magnitude(codes: set[int]) -> None:
    found = nearest_codes(sorted(codes), signed=True)
    for x, y in enumerate(found.tolist(), -128):
        best = min(abs(c - x) for c in codes | {0})
        assert abs(y - x) == best
        assert abs(y) == min(abs(c) for c in codes | {0} if abs(c - x) == best)


def test_gradients_pass_straight_through() -> None:
    levels = torch.tensor([0.0, 3.0, 200.0, 255.0], requires_grad=True)
    out = AllowedCodes(CODES, signed=False)(levels)
    (out * torch.tensor([1.0, 2.0, 3.0, 4.0])).sum().backward()
    assert out.tolist() == [0.0, 2.0, 190.0, 190.0]
    assert levels.grad is not None and levels.grad.tolist() == [1.0, 2.0, 3.0, 4.0]


def _agree(network: QuantizedNetwork, images: np.ndarray) -> None:
    with torch.inference_mode():
        fake = network.eval().forward_levels(torch.from_numpy(images)).numpy()
    assert np.array_equal(fake, IntegerNetwork(network).forward(images))


def _restrict_all(network: QuantizedNetwork) -> None:
    for name, layer in network.layers.items():
        constrain_inputs(network, name, [c - 90 if layer.in_signed else c for c in CODES])


def test_a_restricted_lenet_computes_the_same_integers_and_reads_only_allowed_codes(
    lenet: QuantizedNetwork, digits: Dataset
) -> None:
    images = digits.test.images[:60]
    free = logits(lenet, images)
    _restrict_all(lenet)
    constrain(lenet, "conv2", [-9, 0, 9, 40])
    assert not np.array_equal(logits(lenet, images), free)
    _agree(lenet, images)
    for seen in trace(lenet, images[:4]):
        assert set(np.unique(seen.inputs)) <= set(CODES)


@pytest.mark.parametrize("name", ["resnet20", *NETWORKS])
def test_any_restricted_network_computes_the_same_integers(name: str) -> None:
    model = build(name, 10, seed=3) if name == "resnet20" else randomised(NETWORKS[name])
    side = 32 if name == "resnet20" else 16
    images = np.random.default_rng(0).integers(0, 256, (3, 3, side, side)).astype(np.uint8)
    network = quantize(model, images)
    _restrict_all(network)
    _agree(network, images)
    for seen in trace(network, images):
        allowed = input_codes_of(network, seen.layer.name)
        assert allowed is not None and set(np.unique(seen.inputs).tolist()) <= set(allowed)


def test_a_shortcut_keeps_all_codes() -> None:
    images = np.random.default_rng(1).integers(0, 256, (2, 3, 32, 32)).astype(np.uint8)
    network = quantize(build("resnet20", 10, seed=3), images)
    free = {t.layer.name: t.inputs for t in trace(network, images)}
    constrain_inputs(network, "layer1.0.conv1", [0])
    seen = {t.layer.name: t.inputs for t in trace(network, images)}
    assert not seen["layer1.0.conv1"].any() and free["layer1.0.conv1"].any()
    # What comes out of the block is the shortcut plus what the biases alone give.
    assert len(np.unique(seen["layer1.1.conv1"])) > 20


def test_all_codes_allowed_change_nothing(lenet: QuantizedNetwork, digits: Dataset) -> None:
    free, batch = copy.deepcopy(lenet), digits.train.images[:64]
    for name in lenet.layers:
        constrain_inputs(lenet, name, range(256))
    config = TrainConfig(epochs=1, batch_size=64, learning_rate=0.01, threads=1)
    small = copy.copy(digits.train).take(256)
    for network in (free, lenet):
        fit(network, Dataset(**(vars(digits) | {"train": small})), config)
    assert np.array_equal(logits(free, batch), logits(lenet, batch))
    assert all(torch.equal(lenet.state_dict()[name], tensor) for name, tensor in free.state_dict().items())


def test_training_recovers_what_the_restriction_costs(lenet: QuantizedNetwork, digits: Dataset) -> None:
    coarse = (0, 60, 120, 250)
    for name in lenet.layers:
        constrain_inputs(lenet, name, coarse)
    constrain(lenet, "fc1", [-64, -16, -3, 0, 3, 16, 64])
    images, labels = digits.validation.images, digits.validation.labels
    before = (logits(lenet, images).argmax(1) == labels).mean()
    fit(lenet, digits, TrainConfig(epochs=1, batch_size=32, learning_rate=0.01, threads=1))
    after = (logits(lenet, images).argmax(1) == labels).mean()
    assert after > max(before, 0.9)
    assert {code for t in trace(lenet, images[:8]) for code in np.unique(t.inputs).tolist()} <= set(coarse)


def test_a_restriction_is_replaced_and_lifted(lenet: QuantizedNetwork, digits: Dataset) -> None:
    images = digits.test.images[:20]
    free, keys = logits(lenet, images), set(lenet.state_dict())
    assert input_codes_of(lenet, "conv2") is None
    constrain_inputs(lenet, "conv2", [7])
    constrain_inputs(lenet, "conv2", [9, 40, 40])
    assert input_codes_of(lenet, "conv2") == (0, 9, 40)
    release_inputs(lenet, "conv2")
    release_inputs(lenet, "conv2")
    assert input_codes_of(lenet, "conv2") is None
    assert np.array_equal(logits(lenet, images), free) and set(lenet.state_dict()) == keys


def test_a_copy_has_its_own_restriction(lenet: QuantizedNetwork) -> None:
    constrain_inputs(lenet, "conv2", [9])
    twin = copy.deepcopy(lenet)
    constrain_inputs(twin, "conv2", [3])
    release_inputs(lenet, "conv2")
    assert input_codes_of(lenet, "conv2") is None
    assert input_codes_of(twin, "conv2") == (0, 3)


@pytest.mark.parametrize("compact", [False, True])
def test_a_saved_network_comes_back_with_its_restrictions(
    lenet: QuantizedNetwork, digits: Dataset, tmp_path: Path, compact: bool
) -> None:
    constrain_inputs(lenet, "conv1", range(0, 256, 3))
    constrain_inputs(lenet, "fc1", CODES)
    constrain(lenet, "fc1", [-9, 0, 9])
    path = tmp_path / "net.safetensors"
    checkpoint.save(lenet, path, compact=compact)
    loaded, images = checkpoint.load(path), digits.test.images[:20]
    assert np.array_equal(logits(loaded, images), logits(lenet, images))
    found = [input_codes_of(loaded, name) for name in ("conv1", "conv2", "fc1")]
    assert found == [tuple(range(0, 256, 3)), None, CODES]


def test_restoring_brings_restrictions_and_lifts_others(lenet: QuantizedNetwork) -> None:
    constrain_inputs(lenet, "conv1", [5])
    kept = {name: tensor.clone() for name, tensor in lenet.state_dict().items()}
    constrain_inputs(lenet, "conv1", [7, 90])
    constrain_inputs(lenet, "conv2", [7])
    checkpoint.restore(lenet, kept)
    assert (input_codes_of(lenet, "conv1"), input_codes_of(lenet, "conv2")) == ((0, 5), None)


@pytest.mark.parametrize("entry", [3.0, 300.0, float("nan"), float("inf")])
def test_a_damaged_table_is_refused(lenet: QuantizedNetwork, entry: float) -> None:
    constrain_inputs(lenet, "conv1", [5, 90])
    kept = {name: tensor.clone() for name, tensor in lenet.state_dict().items()}
    kept["net.conv1.input_codes.table"][100] = entry
    with pytest.raises(ModelError, match="conv1"):
        checkpoint.restore(lenet, kept)


@pytest.mark.parametrize(("name", "codes"), [("conv9", [0]), ("conv2", [256]), ("conv2", [-1, 5])])
def test_bad_restrictions_are_refused(lenet: QuantizedNetwork, name: str, codes: list[int]) -> None:
    with pytest.raises(ModelError, match="no layer" if name == "conv9" else r"conv2.*0\.\.255"):
        constrain_inputs(lenet, name, codes)
