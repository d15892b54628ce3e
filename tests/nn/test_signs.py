"""Negated filters: the network computes the same, to the bit."""

import copy

import numpy as np
import pytest
import torch

from wattloop.nn.integer import IntegerNetwork
from wattloop.nn.models import build
from wattloop.nn.network import QuantizedNetwork
from wattloop.nn.quantize import quantize
from wattloop.nn.signs import negate_filters

IMAGES = np.random.default_rng(0).integers(0, 256, (16, 3, 32, 32), dtype=np.uint8)


def network(name: str) -> QuantizedNetwork:
    torch.manual_seed(0)
    model = build(name, 10, 3)
    for module in model.modules():
        if isinstance(module, torch.nn.BatchNorm2d):  # as training leaves them: any mean and gain
            torch.nn.init.normal_(module.running_mean)
            torch.nn.init.normal_(module.weight, 1.0, 0.3)
            torch.nn.init.normal_(module.bias)
    return quantize(model, IMAGES)


@pytest.mark.parametrize("layer", ["conv1", "conv2"])
def test_a_network_with_negated_filters_gives_the_same_integers(layer: str) -> None:
    first = network("lenet5_wide")
    second = copy.deepcopy(first)
    filters = np.arange(len(first.integer_weight(layer))) % 3 == 0
    assert negate_filters(second.layer(layer), filters)
    np.testing.assert_array_equal(
        second.integer_weight(layer), np.where(filters[:, None], -1, 1) * first.integer_weight(layer).astype(int)
    )
    np.testing.assert_array_equal(IntegerNetwork(second).forward(IMAGES), IntegerNetwork(first).forward(IMAGES))
    images = torch.from_numpy(IMAGES)
    with torch.no_grad():
        assert torch.equal(second(images), first(images))


def test_weights_beyond_the_greatest_value_stay_at_its_negative() -> None:
    """Training takes real weights past 127 steps, where they count as 127; negated they must not become -128."""
    first = network("lenet5_wide")
    layer = first.layer("conv2")
    with torch.no_grad():
        layer.latent[0, 0, 0, :3] = torch.tensor([127.4, 127.6, 140.0]) * layer.weight_scale
    second = copy.deepcopy(first)
    assert first.integer_weight("conv2")[0, :3].tolist() == [127, 127, 127]
    assert negate_filters(second.layer("conv2"), np.ones(48, np.bool_))
    assert second.integer_weight("conv2")[0, :3].tolist() == [-127, -127, -127]
    np.testing.assert_array_equal(IntegerNetwork(second).forward(IMAGES), IntegerNetwork(first).forward(IMAGES))


def test_training_starts_from_the_same_outputs() -> None:
    first = network("lenet5_wide")
    second = copy.deepcopy(first)
    negate_filters(second.layer("conv2"), np.ones(48, np.bool_))
    outputs = [each.train().layer("conv2")(torch.full((2, 24, 14, 14), 3.0)) for each in (first, second)]
    torch.testing.assert_close(outputs[0], outputs[1])


def test_a_layer_without_batch_norm_is_left_alone() -> None:
    plain = network("lenet5")
    before = plain.integer_weight("conv1").copy()
    assert not negate_filters(plain.layer("conv1"), np.ones(len(before), np.bool_))
    np.testing.assert_array_equal(plain.integer_weight("conv1"), before)
