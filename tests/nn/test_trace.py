"""Traces hold what the layers read."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from tests.nn.networks import NETWORKS, randomised

from wattloop.arith.im2col import convolve
from wattloop.errors import ModelError
from wattloop.nn.datasets import Dataset
from wattloop.nn.input_codes import constrain_inputs
from wattloop.nn.integer import IntegerNetwork
from wattloop.nn.network import QuantizedNetwork
from wattloop.nn.quantize import quantize
from wattloop.nn.trace import trace


def test_layers_come_in_order_with_their_kind_and_geometry(trained: QuantizedNetwork, digits: Dataset) -> None:
    traces = trace(trained, digits.test.images[:3])
    assert [(t.layer.name, t.layer.kind) for t in traces] == [
        ("conv1", "conv"),
        ("conv2", "conv"),
        ("fc1", "linear"),
        ("fc2", "linear"),
        ("fc3", "linear"),
    ]
    assert [t.layer.geometry.macs for t in traces] == [117_600, 240_000, 48_000, 10_080, 840]
    assert all(t.images == 3 and t.inputs.dtype == np.uint8 for t in traces)
    assert np.array_equal(traces[0].inputs, digits.test.images[:3])


def test_the_last_layers_trace_gives_the_logits(trained: QuantizedNetwork, digits: Dataset) -> None:
    images = digits.test.images[:5]
    (last,) = trace(trained, images, layers=["fc3"], batch=2)
    sums = convolve(last.inputs, last.layer.weight, last.layer.geometry)[:, :, 0, 0]
    bias = trained.layer("fc3").requantisation()[0].detach().numpy().astype(np.int64)
    assert np.array_equal(sums + bias, IntegerNetwork(trained).forward(images))


def test_signed_inputs_are_flagged_and_traced_as_int8() -> None:
    images = np.random.default_rng(0).integers(0, 256, (4, 3, 16, 16)).astype(np.uint8)
    network = quantize(randomised(NETWORKS["pool first"]), images)
    found = {t.layer.name: t for t in trace(network, images)}
    assert {name for name, t in found.items() if t.layer.activation_signed} == {"third"}
    assert found["third"].inputs.dtype == np.int8
    assert found["third"].inputs.min() < 0


def test_tracing_leaves_the_mode_alone(lenet: QuantizedNetwork, digits: Dataset) -> None:
    lenet.train()
    trace(lenet, digits.test.images[:1])
    assert lenet.training and lenet.layer("conv1").training


def test_unknown_layers_and_other_images_are_refused(trained: QuantizedNetwork, digits: Dataset) -> None:
    with pytest.raises(ModelError, match=r"no layer 'conv9'.*conv1, conv2"):
        trace(trained, digits.test.images[:1], layers=["conv9"])
    with pytest.raises(ModelError, match="uint8"):
        trace(trained, torch.zeros(1, 1, 32, 32).numpy())


def test_levels_of_the_other_sign_enter_an_array_moved_by_128() -> None:
    images = np.random.default_rng(0).integers(0, 256, (4, 3, 16, 16)).astype(np.uint8)
    network = quantize(randomised(NETWORKS["pool first"]), images)
    logits = IntegerNetwork(network).forward(images)
    before = {t.layer.name: t for t in trace(network, images)}
    for signed in (False, True):
        network.suit_array(signed=signed)
        for found in trace(network, images):
            plain, offset = before[found.layer.name], network.array_offset(found.layer.name)
            assert found.layer.activation_signed is signed
            assert found.inputs.dtype == (np.int8 if signed else np.uint8)
            assert np.array_equal(found.inputs.astype(int), plain.inputs.astype(int) + offset)
            assert offset == 128 * (int(plain.layer.activation_signed) - int(signed))
        third = next(t for t in trace(network, images) if t.layer.name == "third")
        constant = network.array_offset("third") * third.layer.weight.astype(np.int64).sum(1)
        sums = [convolve(t.inputs, t.layer.weight, t.layer.geometry) for t in (third, before["third"])]
        assert np.array_equal(sums[0] - constant[:, None, None], sums[1])
    assert np.array_equal(IntegerNetwork(network).forward(images), logits)
    with pytest.raises(ModelError, match="first: its levels enter the array moved by -128"):
        constrain_inputs(network, "first", [0, 1, 2])


def test_a_network_of_one_sign_stays_as_it_is(lenet: QuantizedNetwork) -> None:
    lenet.suit_array(signed=True)
    assert lenet.array_signed is None
