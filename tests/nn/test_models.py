"""The networks of the paper: shapes, counts, the shared weights."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from wattloop.errors import ModelError
from wattloop.nn.models import MODELS, Normalized, build, load_float
from wattloop.nn.quantize import quantize
from wattloop.nn.trace import trace

IMAGENET = ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))


@pytest.mark.parametrize(
    ("name", "classes", "parameters", "conv_macs", "convolutions"),
    [
        ("lenet5", 10, 62_006, 592_800, 2),
        ("resnet20", 10, 269_722, 40_550_400, 19),
        ("resnet50", 100, 23_705_252, 1_297_809_408, 53),
    ],
)
def test_sizes_are_those_of_the_literature(
    name: str, classes: int, parameters: int, conv_macs: int, convolutions: int
) -> None:
    model = build(name, classes, seed=0)
    assert sum(p.numel() for p in model.parameters()) == parameters
    images = np.zeros((1, 3, 32, 32), np.uint8)
    layers = [t.layer for t in trace(quantize(model, images), images)]
    convs = [layer for layer in layers if layer.kind == "conv"]
    assert len(convs) == convolutions
    assert sum(layer.geometry.macs for layer in convs) == conv_macs


@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize("channels", [1, 3])
def test_every_network_takes_one_or_three_channels(name: str, channels: int) -> None:
    with torch.no_grad():
        assert build(name, 7, channels, seed=0).eval()(torch.zeros(2, channels, 32, 32)).shape == (2, 7)


def test_a_seed_fixes_the_weights_and_leaves_torch_alone() -> None:
    torch.manual_seed(1)
    expected = torch.rand(2)
    torch.manual_seed(1)
    first, second = build("lenet5", 10, seed=4), build("lenet5", 10, seed=4)
    assert torch.equal(torch.rand(2), expected)
    assert all(torch.equal(a, b) for a, b in zip(first.parameters(), second.parameters(), strict=True))


def test_an_unknown_network_is_refused() -> None:
    with pytest.raises(ModelError, match="unknown network 'vgg'; known: lenet5"):
        build("vgg", 10)


def test_the_shared_resnet20_weights_fit_and_quantise_without_loss(shared_folder: Path) -> None:
    """On 200 real test images: the float network is near its published 91.7 %, and int8 decides alike."""
    image_module = pytest.importorskip("PIL.Image")
    model = build("resnet20", 10)
    load_float(model, shared_folder / "weights" / "resnet20-cifar10-fp32.th")
    strip = np.asarray(image_module.open(shared_folder / "data" / "cifar10" / "test_000.webp").convert("RGB"))
    images = np.ascontiguousarray(strip.reshape(-1, 32, 32, 3)[:200].transpose(0, 3, 1, 2))
    labels = np.load(shared_folder / "data" / "cifar10" / "labels.npz")["test_y"][:200]
    network = quantize(model, images[:100], normalisation=IMAGENET)
    with torch.inference_mode():
        batch = torch.from_numpy(images)
        exact, quantised = Normalized(model, *IMAGENET).eval()(batch).argmax(1), network(batch).argmax(1)
    assert (exact.numpy() == labels).mean() > 0.87
    assert (exact == quantised).float().mean() > 0.97
