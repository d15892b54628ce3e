"""Networks that others wrote: five of timm's pass through quantisation, integers, training and energy tables."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional

from wattloop import ArraySpec, CharacterizeSettings, HardwareSettings, Simulator, characterize, quantize
from wattloop.nn.integer import IntegerNetwork
from wattloop.nn.models import Normalized
from wattloop.nn.network import QuantizedNetwork
from wattloop.nn.trace import trace

NORMALISATION = ((0.48, 0.45, 0.40), (0.22, 0.25, 0.31))
SIZE = 64


@dataclass(frozen=True)
class Case:
    """A network and what is known of it.

    Attributes:
        layers: convolutions and linear layers.
        signed: of these, layers that read signed levels: no ReLU comes before.
        decibels: least ratio of the logits to their error. Tables of another function, products off by half, sums
            without their second term or norms without their means leave less than 16 of 30, or 9 of 14 and 25.
        of_each_kind: a layer of each kind: plain and depthwise convolution, linear layer.
        float_parts: how many.
    """

    layers: int
    signed: int
    decibels: float
    of_each_kind: tuple[str, ...]
    float_parts: int = 0


CASES = {
    "resnet18": Case(21, 0, 26, ("layer1.0.conv1", "fc")),
    "mobilenetv2_100": Case(53, 17, 12, ("blocks.1.0.conv_pw", "blocks.1.0.conv_dw", "classifier")),
    "mobilenetv3_small_100": Case(54, 38, 30, ("blocks.1.1.conv_pw", "blocks.2.0.conv_dw", "classifier")),
    "efficientnet_lite0": Case(50, 16, 24, ("blocks.1.0.conv_pw", "blocks.1.0.conv_dw", "classifier")),
    "vit_tiny_patch16_224": Case(50, 49, 22, ("patch_embed.proj", "blocks.0.attn.qkv", "head"), 38),
}


@pytest.fixture(scope="module")
def create_model() -> Iterator[Callable[..., nn.Module]]:
    with torch.library._scoped_library("torchvision", "FRAGMENT") as library:
        # torchvision's wheel is made for CUDA; where torch's is not, its operators are missing at import.
        for name in ("nms", "qnms"):
            if not hasattr(torch.ops.torchvision, name):
                library.define(f"{name}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
        yield importlib.import_module("timm").create_model


def images(count: int, seed: int) -> np.ndarray:
    """Smooth random pixels."""
    coarse = torch.from_numpy(np.random.default_rng(seed).uniform(0, 255, (count, 3, 4, 4)))
    return functional.interpolate(coarse, (SIZE, SIZE), mode="bilinear").numpy().astype(np.uint8)


@pytest.fixture(scope="module", params=CASES)
def case(request: pytest.FixtureRequest) -> str:
    name: str = request.param
    return name


@pytest.fixture(scope="module")
def floats(case: str, create_model: Callable[..., nn.Module]) -> Normalized:
    """The network with random weights; norms and tokens as if it had been trained a little."""
    torch.manual_seed(0)
    size = {"img_size": SIZE} if case.startswith("vit") else {}
    model = create_model(case, pretrained=False, num_classes=10, **size).eval()
    for module in model.modules():
        if isinstance(module, nn.BatchNorm2d):
            assert module.running_mean is not None and module.running_var is not None
            module.running_mean.normal_(0, 0.1)
            module.running_var.uniform_(0.8, 1.25)
            nn.init.uniform_(module.weight, 0.8, 1.25)
            nn.init.normal_(module.bias, 0, 0.1)
    for name, parameter in model.named_parameters():
        if name in ("cls_token", "pos_embed"):
            nn.init.normal_(parameter, 0, 0.5)
    return Normalized(model, *NORMALISATION).eval()


@pytest.fixture(scope="module")
def network(floats: Normalized) -> QuantizedNetwork:
    return quantize(floats, images(8, seed=0))


def test_every_convolution_and_linear_layer_is_found(case: str, network: QuantizedNetwork) -> None:
    assert len(network.layers) == CASES[case].layers
    assert sum(layer.in_signed for layer in network.layers.values()) == CASES[case].signed
    assert len(network.float_parts) == CASES[case].float_parts


def test_integers_equal_the_fake_quantised_network(network: QuantizedNetwork) -> None:
    fresh = images(3, seed=1)
    with torch.inference_mode():
        fake = network.eval().forward_levels(torch.from_numpy(fresh)).numpy()
    assert np.array_equal(fake, IntegerNetwork(network).forward(fresh, batch=2))


def test_eight_bits_are_close_to_the_float_network(case: str, floats: Normalized, network: QuantizedNetwork) -> None:
    fresh = torch.from_numpy(images(4, seed=2))
    with torch.inference_mode():
        exact, found = floats(fresh), network.eval()(fresh)
    decibels = 10 * float(torch.log10(exact.square().mean() / (found - exact).square().mean()))
    assert decibels > CASES[case].decibels


def test_layers_of_each_kind_have_traces_and_energy_tables(case: str, network: QuantizedNetwork) -> None:
    """On one array of unsigned activations, whatever the signs of the layers."""
    layers = CASES[case].of_each_kind
    found = trace(network, images(1, seed=3), layers=layers)
    assert all(len(np.unique(each.inputs)) > 4 for each in found)
    settings = CharacterizeSettings(simulator="bitparallel", pairs=32, tiles=2)
    simulator = Simulator(HardwareSettings(array=ArraySpec(16, 8)), settings)
    tables = characterize(network, images(1, seed=3), layers=layers, simulator=simulator)
    assert tuple(tables) == layers
    assert all(table.weights.tolist() == list(range(-128, 128)) for table in tables.values())
    assert all(table.batch_fj.max() > 0 for table in tables.values())


def test_a_step_of_training_gives_every_layer_a_finite_gradient(network: QuantizedNetwork) -> None:
    network.train()
    loss = functional.cross_entropy(network(torch.from_numpy(images(4, seed=4))), torch.arange(4))
    loss.backward()
    before = {name: layer.latent.detach().clone() for name, layer in network.layers.items()}
    torch.optim.SGD(network.parameters(), lr=0.01).step()
    network.eval()
    for name, layer in network.layers.items():
        assert layer.latent.grad is not None and bool(layer.latent.grad.isfinite().all()), name
        assert not torch.equal(layer.latent, before[name]), name


def test_each_token_is_a_row_of_the_matrix_product(create_model: Callable[..., nn.Module]) -> None:
    """A linear layer on tokens is traced as a 1x1 convolution of an image with a row for each token."""
    torch.manual_seed(1)
    model = create_model("vit_tiny_patch16_224", pretrained=False, num_classes=10, img_size=32, depth=1)
    network = quantize(model, images(2, seed=5)[:, :, :32, :32])
    (found,) = trace(network, images(2, seed=6)[:, :, :32, :32], layers=["blocks.0.attn.qkv"])
    assert found.layer.kind == "linear"
    assert found.inputs.shape == (2, 192, 5, 1)
    assert found.layer.geometry.pixels == 5
    assert found.layer.geometry.macs == 5 * 192 * 576
