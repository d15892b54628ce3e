"""Random small networks: integers equal the fake-quantised network, which is close to the float one and trains."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import numpy as np
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.nn.networks import randomised
from torch import Tensor, nn
from torch.nn import functional

from wattloop.nn.evaluate import logits
from wattloop.nn.integer import IntegerNetwork
from wattloop.nn.models import Normalized
from wattloop.nn.quantize import quantize

NORMALISATION = ((0.48, 0.45, 0.40), (0.22, 0.25, 0.31))
CHANNELS = 8
ACTIVATIONS = (nn.Identity, nn.ReLU, nn.ReLU6, nn.Hardswish, nn.SiLU, nn.GELU, nn.LeakyReLU, nn.Tanh, nn.Sigmoid)


class _Gate(nn.Module):
    """Squeeze and excitation."""

    def __init__(self, *, keepdim: bool) -> None:
        super().__init__()
        self.conv = nn.Conv2d(CHANNELS, CHANNELS, 1)
        self.keepdim = keepdim

    def forward(self, x: Tensor) -> Tensor:
        mean = x.mean((2, 3), keepdim=self.keepdim)
        return x * self.conv(mean if self.keepdim else mean.reshape(-1, CHANNELS, 1, 1)).sigmoid()


class _Residual(nn.Module):
    def __init__(self, inner: nn.Module) -> None:
        super().__init__()
        self.inner = inner

    def forward(self, x: Tensor) -> Tensor:
        return x + self.inner(x)


class _Joined(nn.Module):
    """Half of the channels pass, the other half is computed, or all are doubled."""

    def __init__(self, *, half: bool) -> None:
        super().__init__()
        width = CHANNELS // 2 if half else CHANNELS
        self.conv = nn.Conv2d(width, CHANNELS // 2, 3, padding=1)
        self.half = half

    def forward(self, x: Tensor) -> Tensor:
        if self.half:
            first, second = x.split(CHANNELS // 2, 1)
            return torch.cat((second, self.conv(first)), 1)
        return torch.cat((self.conv(x), x[:, ::2]), 1)


class _ChannelsLast(nn.Module):
    """A layer norm and a linear layer over the channels of every pixel."""

    def __init__(self) -> None:
        super().__init__()
        self.norm, self.linear = nn.LayerNorm(CHANNELS), nn.Linear(CHANNELS, CHANNELS)

    def forward(self, x: Tensor) -> Tensor:
        return self.linear(self.norm(x.permute(0, 2, 3, 1))).permute(0, 3, 1, 2)


def _convolution(groups: int, kernel: int, dilation: int, *, bias: bool, norm: bool) -> nn.Module:
    padding = dilation * (kernel - 1) // 2
    conv = nn.Conv2d(CHANNELS, CHANNELS, kernel, 1, padding, dilation, groups, bias)
    return nn.Sequential(conv, nn.BatchNorm2d(CHANNELS)) if norm else conv


Maker = Callable[[], nn.Module]
# Makers, not modules: their weights follow from the seed.
blocks: st.SearchStrategy[Maker] = st.one_of(
    st.builds(
        partial,
        st.just(_convolution),
        groups=st.sampled_from([1, 2, 8]),
        kernel=st.sampled_from([1, 3]),
        dilation=st.integers(1, 2),
        bias=st.booleans(),
        norm=st.booleans(),
    ),
    st.builds(partial, st.just(_Gate), keepdim=st.booleans()),
    st.builds(partial, st.just(_Joined), half=st.booleans()),
    st.just(_ChannelsLast),
    st.just(partial(nn.BatchNorm2d, CHANNELS)),
    st.just(partial(nn.MaxPool2d, 3, 1, 1)),
    st.just(partial(nn.AvgPool2d, 3, 1, 1)),
    st.just(lambda: _Residual(_convolution(1, 3, 1, bias=True, norm=True))),
)
steps = st.lists(st.tuples(blocks, st.sampled_from(ACTIVATIONS)), min_size=1, max_size=3)


def _pixels(count: int, seed: int) -> np.ndarray:
    coarse = torch.from_numpy(np.random.default_rng(seed).uniform(0, 255, (count, 3, 4, 4)))
    return functional.interpolate(coarse, (8, 8), mode="bilinear").numpy().astype(np.uint8)


def _network(chosen: list[tuple[Maker, Maker]]) -> nn.Module:
    body = [part for block, activation in chosen for part in (block(), activation())]
    stem, head = nn.Conv2d(3, CHANNELS, 3, padding=1), nn.Linear(CHANNELS, 5)
    return nn.Sequential(stem, nn.ReLU(), *body, nn.AdaptiveAvgPool2d(1), nn.Flatten(), head)


@settings(max_examples=40)
@given(chosen=steps, seed=st.integers(0, 2**16))
def test_integers_equal_the_fake_quantised_network(chosen: list[tuple[Maker, Maker]], seed: int) -> None:
    model = randomised(lambda: _network(chosen), seed)
    network = quantize(model, _pixels(8, seed), normalisation=NORMALISATION)
    images = _pixels(5, seed + 1)
    with torch.inference_mode():
        fake = network.forward_levels(torch.from_numpy(images)).numpy()
    assert np.array_equal(fake, IntegerNetwork(network).forward(images, batch=2))

    seen = _pixels(8, seed)
    exact, found = logits(Normalized(model, *NORMALISATION), seen), logits(network, seen)
    error = np.sqrt(((found - exact) ** 2).mean() / (exact**2).mean())
    assert error < 0.15, f"relative error {error:.3f}"

    network.train()
    network(torch.from_numpy(images)).square().sum().backward()
    gradients = [layer.latent.grad for layer in network.layers.values()]
    assert all(gradient is not None and bool(gradient.isfinite().all()) for gradient in gradients)
