"""Quantised layers in training: batch norm with the output scale in its gain, gradients of roundings, memory layout."""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn

from wattloop.nn.config import TrainConfig
from wattloop.nn.constraint import constrain
from wattloop.nn.datasets import load
from wattloop.nn.fake import quantize_levels
from wattloop.nn.grid import RELU
from wattloop.nn.layers import QuantLayer
from wattloop.nn.models import Normalized, build
from wattloop.nn.quantize import quantize
from wattloop.nn.train import fit

NORMS: dict[str, Callable[[], nn.BatchNorm2d]] = {
    "plain": lambda: nn.BatchNorm2d(6),
    "another momentum": lambda: nn.BatchNorm2d(6, momentum=0.3, eps=1e-2),
    "cumulative": lambda: nn.BatchNorm2d(6, momentum=None),
    "without gain": lambda: nn.BatchNorm2d(6, affine=False),
    "without statistics": lambda: nn.BatchNorm2d(6, track_running_stats=False),
    "frozen": lambda: nn.BatchNorm2d(6).eval(),
}


@pytest.mark.parametrize("name", NORMS)
@pytest.mark.parametrize("narrow", [False, True])
def test_a_norm_trains_as_torchs_own_scaled_afterwards(name: str, narrow: bool) -> None:
    torch.manual_seed(0)
    norm = NORMS[name]()
    for parameter in norm.parameters():
        nn.init.uniform_(parameter, -2.0, 2.0)
    layer = QuantLayer(nn.Conv2d(3, 6, 3), norm, RELU, in_signed=False, wide=False)
    expected, factor = copy.deepcopy(norm), 1.0 / 0.037
    for _ in range(3):
        values = (3.0 * torch.randn(8, 6, 5, 5) + 1.0).to(torch.bfloat16 if narrow else torch.float32)
        ours, theirs = values.clone().requires_grad_(), values.clone().requires_grad_()
        found, wanted = layer._normalised(ours, factor), expected(theirs) * factor
        assert found.dtype == wanted.dtype
        close = {"rtol": 3e-2, "atol": 0.5} if narrow else {"rtol": 1e-5, "atol": 1e-4}
        torch.testing.assert_close(found, wanted, **close)
        slope = torch.randn(found.shape).to(found.dtype)
        found.backward(slope)
        wanted.backward(slope)
        torch.testing.assert_close(ours.grad, theirs.grad, **close)
        for buffer, other in zip(norm.buffers(), expected.buffers(), strict=True):
            assert torch.equal(buffer, other)  # running statistics, to the bit
    gradients = [(mine.grad, other.grad) for mine, other in zip(norm.parameters(), expected.parameters(), strict=True)]
    for mine, other in gradients:
        torch.testing.assert_close(mine, other, rtol=3e-2 if narrow else 1e-4, atol=1e-2)


def test_gradients_pass_roundings_inside_the_range_alone_whatever_their_layout() -> None:
    torch.manual_seed(0)
    for layout in (torch.contiguous_format, torch.channels_last):
        values = (200.0 * torch.randn(2, 4, 3, 3)).contiguous(memory_format=layout).requires_grad_()
        for slope in (torch.randn(2, 4, 3, 3), torch.randn(3, 3, 4, 2).permute(3, 2, 0, 1)):
            values.grad = None
            levels = quantize_levels(values, -128, 127)
            assert torch.equal(levels, values.detach().clamp(-128, 127).round())
            levels.backward(slope)
            inside = (values.detach() > -128) & (values.detach() < 127)
            assert torch.equal(values.grad, slope * inside)


@pytest.mark.parametrize("model", ["lenet5_wide", "resnet20"])
def test_training_does_not_depend_on_how_its_start_lies_in_memory(model: str) -> None:
    whole = load("digits")
    data = replace(whole, train=whole.train.take(64))
    network = quantize(Normalized(build(model, 10, 1, seed=0), *data.normalisation), data.train.images[:32])
    name = list(network.layers)[1]
    mask = np.random.default_rng(0).random(network.integer_weight(name).shape) < 0.5
    ends = []
    for layout in (torch.contiguous_format, torch.channels_last):
        start = copy.deepcopy(network).to(memory_format=layout)
        constrain(start, name, [-64, -16, -4, 0, 4, 16, 64], mask)
        fit(start, data, TrainConfig(max_steps=2, batch_size=32, threads=1, learning_rate=0.02))
        ends.append(start.state_dict())
    for key in ends[0]:
        assert torch.equal(ends[0][key], ends[1][key]), key
