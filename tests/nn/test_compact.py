"""Compact checkpoints compute the same, to the bit, in a quarter of the bytes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from wattloop.errors import ModelError
from wattloop.nn import checkpoint
from wattloop.nn.compact import packed, unpacked
from wattloop.nn.constraint import constrain, constraint_of
from wattloop.nn.datasets import Dataset
from wattloop.nn.evaluate import logits
from wattloop.nn.network import QuantizedNetwork


def test_the_loaded_network_is_the_same_to_the_bit(lenet: QuantizedNetwork, digits: Dataset, tmp_path: Path) -> None:
    mask = np.random.default_rng(0).random((16, 150)) < 0.7
    constrain(lenet, "conv2", [-9, 0, 9, 40], mask)
    constrain(lenet, "fc1", None, np.random.default_rng(1).random((120, 400)) < 0.5)
    constrain(lenet, "fc2", [-128, 127])
    small, large = tmp_path / "small.safetensors", tmp_path / "large.safetensors"
    checkpoint.save(lenet, small, compact=True)
    checkpoint.save(lenet, large)
    loaded, images = checkpoint.load(small), digits.test.images[:200]
    assert np.array_equal(logits(loaded, images), logits(lenet, images))
    for name in lenet.layers:
        assert np.array_equal(loaded.integer_weight(name), lenet.integer_weight(name))
        one, other = constraint_of(loaded, name), constraint_of(lenet, name)
        assert (one is None) == (other is None)
        if one is not None and other is not None:
            assert one.values == other.values
            assert np.array_equal(one.mask, other.mask) or (one.mask is None and other.mask is None)
    assert small.stat().st_size < 0.3 * large.stat().st_size


def test_a_compact_network_saves_as_itself(lenet: QuantizedNetwork, tmp_path: Path) -> None:
    constrain(lenet, "conv2", [-9, 0, 9], np.ones((16, 150)))
    first, again = tmp_path / "first.safetensors", tmp_path / "again.safetensors"
    checkpoint.save(lenet, first, compact=True)
    checkpoint.save(checkpoint.load(first), again, compact=True)
    assert first.read_bytes() == again.read_bytes()


def test_an_ordinary_state_stays_as_it_is(lenet: QuantizedNetwork) -> None:
    state = dict(lenet.state_dict())
    assert all(torch.equal(tensor, state[name]) for name, tensor in unpacked(state).items())


def test_weights_without_their_scale_are_told(lenet: QuantizedNetwork) -> None:
    state = packed(lenet)
    del state["net.conv2.weight_scale"]
    with pytest.raises(ModelError, match="conv2 lack their scale"):
        unpacked(state)
