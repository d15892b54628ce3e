"""Quantised networks: integers equal on every path, close to the float network, errors that name the layer."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch
from tests.nn.networks import NETWORKS, randomised
from torch import Tensor, nn
from torch.nn import functional

from wattloop.errors import ModelError
from wattloop.nn.datasets import Dataset
from wattloop.nn.evaluate import logits
from wattloop.nn.integer import IntegerNetwork
from wattloop.nn.models import Normalized, build
from wattloop.nn.network import QuantizedNetwork
from wattloop.nn.quantize import quantize

NORMALISATION = ((0.48, 0.45, 0.40), (0.22, 0.25, 0.31))


def pixels(count: int, shape: tuple[int, ...] = (3, 16, 16), seed: int = 0) -> np.ndarray:
    """Smooth random images."""
    rng = np.random.default_rng(seed)
    coarse = torch.from_numpy(rng.uniform(0, 255, (count, shape[0], 4, 4)))
    return functional.interpolate(coarse, shape[1:], mode="bilinear").numpy().astype(np.uint8)


def fake_levels(network: QuantizedNetwork, images: np.ndarray) -> np.ndarray:
    with torch.inference_mode():
        values = network.eval().forward_levels(torch.from_numpy(images))
    assert torch.equal(values, values.round())
    return values.numpy().astype(np.int64)


@pytest.mark.parametrize("normalisation", [None, NORMALISATION])
@pytest.mark.parametrize("name", NETWORKS)
def test_the_fake_quantised_forward_equals_integers_alone(name: str, normalisation: tuple | None) -> None:
    network = quantize(randomised(NETWORKS[name]), pixels(16), normalisation=normalisation)
    images = np.concatenate([pixels(20, seed=1), np.zeros_like(pixels(1)), np.full_like(pixels(1), 255)])
    assert np.array_equal(fake_levels(network, images), IntegerNetwork(network).forward(images, batch=7))


@pytest.mark.parametrize("name", NETWORKS)
def test_quantised_logits_are_close_to_the_float_ones(name: str) -> None:
    model = randomised(NETWORKS[name])
    images = pixels(40, seed=2)
    quantised = logits(quantize(model, images, normalisation=NORMALISATION), images)
    exact = logits(Normalized(model, *NORMALISATION), images)
    error = np.sqrt(((quantised - exact) ** 2).mean()) / exact.std()
    assert error < 0.06, f"relative error {error:.3f}"


def test_eight_bits_of_the_trained_lenet_cost_no_accuracy(
    float_lenet: Normalized, trained: QuantizedNetwork, digits: Dataset
) -> None:
    images, labels = digits.validation.images, digits.validation.labels
    accuracies = [(logits(n, images).argmax(1) == labels).mean() for n in (float_lenet, trained)]
    assert accuracies[0] > 0.95
    assert accuracies[1] > accuracies[0] - 0.02


def test_training_mode_and_evaluation_mode_agree_without_batch_statistics(trained: QuantizedNetwork) -> None:
    images = torch.from_numpy(pixels(8, (1, 32, 32)))
    with torch.no_grad():
        evaluated, training = trained.eval()(images), trained.train()(images)
    trained.eval()
    assert float((evaluated - training).abs().max()) < 0.05 * float(evaluated.abs().max())


def test_the_normalisation_of_padded_pixels_is_exact_at_the_border() -> None:
    """Real 0 is the mean's level and not black: a constant image at the mean gives 0 everywhere, corners included."""
    model = nn.Sequential(nn.Conv2d(3, 2, 3, padding=1, bias=False), nn.Flatten(), nn.Linear(512, 2, bias=False))
    mean = tuple(level / 255 for level in (100, 110, 120))
    network = quantize(model, pixels(4), normalisation=(mean, (0.2, 0.2, 0.2)))
    image = np.empty((1, 3, 16, 16), np.uint8)
    image[:] = np.array([100, 110, 120]).reshape(1, 3, 1, 1)
    assert not IntegerNetwork(network).forward(image).any()
    assert not fake_levels(network, image).any()


def test_channels_of_the_input_may_have_their_own_std() -> None:
    model = nn.Sequential(nn.Conv2d(3, 4, 3, groups=1), nn.Flatten())
    images = pixels(8)
    quantised = logits(quantize(model, images, normalisation=((0.0, 0.5, 1.0), (0.1, 0.3, 0.9))), images)
    exact = logits(Normalized(model, (0.0, 0.5, 1.0), (0.1, 0.3, 0.9)), images)
    assert np.abs(quantised - exact).max() < 0.03 * np.abs(exact).max()


def test_a_channel_with_gain_zero_gives_its_constant() -> None:
    model = nn.Sequential(nn.Conv2d(3, 2, 1), nn.BatchNorm2d(2), nn.ReLU(), nn.Conv2d(2, 2, 16), nn.Flatten()).eval()
    with torch.no_grad():
        model[1].weight.zero_()
        model[1].bias.copy_(torch.tensor([0.5, -1.0]))
        model[3].weight.fill_(1 / 256)
        model[3].bias.zero_()
    images = pixels(4)
    network = quantize(model, images)
    assert logits(network, images) == pytest.approx(0.5, rel=0.02)
    assert np.array_equal(fake_levels(network, images), IntegerNetwork(network).forward(images))


def test_sums_beyond_float32_stay_exact() -> None:
    """Over 16 M the float32 path would round; K = 2,048 weights of 127 at full activations reach 66 M."""
    model = nn.Sequential(nn.Flatten(), nn.Linear(2048, 3))
    with torch.no_grad():
        model[1].weight.copy_(torch.rand(3, 2048) * 0.001 + 0.999)
    images = np.full((2, 2, 32, 32), 255, np.uint8)
    images[1, 0, 0, 0] = 254
    network = quantize(model, images)
    expected = images.reshape(2, -1).astype(np.int64) @ network.integer_weight("1").astype(np.int64).T
    bias = network.layer("1").requantisation()[0].detach().numpy().astype(np.int64)
    assert (expected > 2**24).all()
    assert np.array_equal(fake_levels(network, images), expected + bias)
    assert np.array_equal(IntegerNetwork(network).forward(images), expected + bias)


def test_evaluation_does_not_depend_on_the_batch(trained: QuantizedNetwork, digits: Dataset) -> None:
    images = digits.validation.images[:50]
    assert np.array_equal(logits(trained, images, batch=7), logits(trained, images, batch=50))


def test_resnet50_for_cifar100_runs_on_integers() -> None:
    images = pixels(2, (3, 32, 32))
    network = quantize(build("resnet50", 100, seed=0), images, normalisation=NORMALISATION)
    assert len(network.layers) == 54
    assert np.array_equal(fake_levels(network, images[:1]), IntegerNetwork(network).forward(images[:1]))


class _Wrap(nn.Module):
    """Convolution, some function, linear."""

    def __init__(self, function: Callable[[Tensor], Tensor]) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 2, 3)
        self.function = function

    def forward(self, x: Tensor) -> Tensor:
        return self.function(self.conv(x))


class _InPlace(nn.Module):
    """Calls an activation for what it does to its input."""

    def __init__(self) -> None:
        super().__init__()
        self.conv, self.act = nn.Conv2d(3, 2, 3), nn.ReLU(inplace=True)

    def forward(self, x: Tensor) -> Tensor:
        x = self.conv(x)
        self.act(x)
        return x


class _Doubled(nn.Conv2d):
    def forward(self, x: Tensor) -> Tensor:
        return 2 * super().forward(x)


UNSUPPORTED = {
    "a layer": (lambda: nn.Sequential(nn.Conv2d(3, 4, 3), nn.ChannelShuffle(2)), r"layer 1 \(ChannelShuffle\)"),
    "a nested layer": (lambda: nn.Sequential(nn.Sequential(nn.ConvTranspose2d(3, 4, 3))), r"layer 0\.0 \(Conv"),
    "a function": (lambda: _Wrap(lambda x: torch.cumprod(x, 1)), "operation cumprod"),
    "a method": (lambda: _Wrap(lambda x: x.logcumsumexp(1)), "operation logcumsumexp"),
    "a reshape": (lambda: _Wrap(lambda x: x.view(-1, 2)), "operation view"),
    "a transpose": (lambda: _Wrap(lambda x: x.transpose(0, 1)), "operation transpose.*images"),
    "joined images": (lambda: _Wrap(lambda x: torch.cat([x, x])), "operation cat.*images"),
    "images in a float part": (lambda: _Wrap(lambda x: x.softmax(1).transpose(0, 1).exp()), "operation exp.*images"),
    "a batch": (lambda: _Wrap(lambda x: x.softmax(0)), "depends on the other images of its batch"),
    "several results": (lambda: _Wrap(lambda x: x.max(1)[0]), "operation max"),
    "an index": (lambda: _Wrap(lambda x: x[:, [0, 1]]), "operation getitem"),
    "in place": (_InPlace, "act changes its input in place"),
    "a convolution of its own": (lambda: nn.Sequential(_Doubled(3, 4, 3)), "layer 0: _Doubled computes something else"),
    "padding": (lambda: _Wrap(lambda x: functional.pad(x, (1, 1), value=2.0)), "operation pad"),
    "control flow": (lambda: _Wrap(lambda x: x if x.sum() > 0 else -x), "cannot trace _Wrap"),
    "padding mode": (
        lambda: nn.Sequential(nn.Conv2d(3, 4, 3, padding=1, padding_mode="reflect")),
        "layer 0: padding_mode",
    ),
    "a lone batch norm": (lambda: nn.Sequential(nn.BatchNorm2d(3), nn.Conv2d(3, 4, 3)), "layer 0: reads the norm"),
    "uneven windows": (lambda: nn.Sequential(nn.Conv2d(3, 4, 3), nn.AdaptiveAvgPool2d(3)), "layer 1: adaptive"),
    "ceil mode": (lambda: nn.Sequential(nn.Conv2d(3, 4, 3), nn.MaxPool2d(2, ceil_mode=True)), "layer 1: ceil_mode"),
    "pixels elsewhere": (lambda: nn.Sequential(nn.MaxPool2d(2), nn.Conv2d(3, 4, 3)), "layer 0: reads the normalised"),
    "no layer": (lambda: nn.Sequential(nn.Flatten(), nn.Identity()), "no convolution and no linear layer"),
    "shapes": (lambda: nn.Sequential(nn.Conv2d(4, 4, 3)), "does not take"),
}


@pytest.mark.parametrize("case", UNSUPPORTED)
def test_what_cannot_be_quantised_is_named_in_one_line(case: str) -> None:
    make, message = UNSUPPORTED[case]
    with pytest.raises(ModelError, match=message) as caught:
        quantize(make(), pixels(2), normalisation=NORMALISATION)
    assert "\n" not in str(caught.value)


def test_a_layer_that_is_used_twice_is_refused() -> None:
    conv = nn.Conv2d(3, 3, 3)
    with pytest.raises(ModelError, match="layer 0 is used twice"):
        quantize(nn.Sequential(conv, nn.ReLU(), conv), pixels(2))


@pytest.mark.parametrize("images", [pixels(2).astype(np.float32), pixels(2)[0], pixels(0)])
def test_only_raw_pixels_calibrate(images: np.ndarray) -> None:
    with pytest.raises(ModelError, match="calibration images"):
        quantize(NETWORKS["mlp"](), images)


def test_a_normalisation_of_other_channels_is_refused() -> None:
    with pytest.raises(ModelError, match="3 channels"):
        quantize(NETWORKS["mlp"](), pixels(2), normalisation=((0.5,), (0.5,)))


def test_quantising_leaves_the_float_network_alone() -> None:
    model = randomised(NETWORKS["residual"])
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    padding = model.dilated.padding
    quantize(model, pixels(4), normalisation=NORMALISATION)
    assert all(torch.equal(before[name], tensor) for name, tensor in model.state_dict().items())
    assert model.dilated.padding == padding
