"""Training: reproducible, honest about failure, right about batch norm and augmentation."""

from __future__ import annotations

import copy
from collections.abc import Callable

import numpy as np
import pytest
import torch
from tests.nn.networks import NETWORKS, randomised
from torch import nn

from wattloop.errors import ConfigError, ModelError
from wattloop.nn.augment import random_crop, random_flip
from wattloop.nn.config import TrainConfig
from wattloop.nn.datasets import Dataset, Split
from wattloop.nn.evaluate import evaluate, logits, losses
from wattloop.nn.models import Normalized, build
from wattloop.nn.network import QuantizedNetwork
from wattloop.nn.quantize import quantize
from wattloop.nn.train import fit, learning_rate
from wattloop.nn.training_state import EpochReport

Snapshot = Callable[[nn.Module], dict[str, torch.Tensor]]


def test_lenet_learns_the_digits(trained: QuantizedNetwork, digits: Dataset) -> None:
    score = evaluate(trained, digits.test.images, digits.test.labels)
    assert score.accuracy > 0.95
    assert (score.images, score.correct) == (360, round(score.accuracy * 360))


@pytest.mark.parametrize("bfloat16", [False, True])
def test_equal_seeds_train_to_the_same_bits(
    lenet: QuantizedNetwork, digits: Dataset, snapshot: Snapshot, bfloat16: bool
) -> None:
    config = TrainConfig(max_steps=5, batch_size=32, learning_rate=0.01, bfloat16=bfloat16, seed=3)
    results = []
    for seed in (3, 3, 4):
        network = copy.deepcopy(lenet)
        torch.manual_seed(len(results))  # what happens to the global generator must not matter
        fit(network, digits, TrainConfig(**{**config.__dict__, "seed": seed}))
        results.append(snapshot(network))
    assert all(torch.equal(results[0][name], results[1][name]) for name in results[0])
    assert not all(torch.equal(results[0][name], results[2][name]) for name in results[0])


def test_training_leaves_the_global_generator_alone(lenet: QuantizedNetwork, digits: Dataset) -> None:
    torch.manual_seed(7)
    expected = torch.rand(3)
    torch.manual_seed(7)
    fit(lenet, digits, TrainConfig(max_steps=1))
    assert torch.equal(torch.rand(3), expected)


def test_progress_and_epochs_are_reported(lenet: QuantizedNetwork, digits: Dataset) -> None:
    steps: list[tuple[int, int]] = []
    seen: list[EpochReport] = []
    reports = fit(
        lenet,
        digits,
        TrainConfig(epochs=5, max_steps=20, batch_size=64),
        on_epoch=seen.append,
        progress=lambda done, total: steps.append((done, total)),
    )
    assert steps == [(i, 20) for i in range(1, 21)]
    assert reports == seen and [(r.epoch, r.epochs) for r in reports] == [(1, 2), (2, 2)]
    assert not lenet.training


def test_batch_norm_trains_on_batch_statistics_and_infers_on_running_ones() -> None:
    """Against an ordinary network with the same weights: the running statistics move alike."""
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (64, 3, 16, 16)).astype(np.uint8)
    model = randomised(NETWORKS["residual"])
    quantised = quantize(model, images)
    before = model.stem_bn.running_mean.clone()
    batch = torch.from_numpy(images)
    model.train()(batch / 255.0)
    quantised.train()(batch)
    norm = quantised.layer("stem").norm
    assert norm is not None and norm.running_mean is not None
    moved = model.stem_bn.running_mean - before
    assert torch.allclose(norm.running_mean - before, moved, atol=0.03 * float(moved.abs().max()))
    frozen = norm.running_mean.clone()
    quantised.eval()(batch)
    assert torch.equal(norm.running_mean, frozen)


def test_quantisation_aware_training_lowers_the_loss_through_batch_norm(digits: Dataset) -> None:
    network = Normalized(build("lenet5_wide", 10, 1, seed=0), *digits.normalisation)
    (before,) = fit(network, digits, TrainConfig(epochs=1, batch_size=32, learning_rate=0.02, schedule="constant"))
    quantised = quantize(network, digits.train.images[:64])
    reports = fit(quantised, digits, TrainConfig(epochs=2, batch_size=32, learning_rate=0.02))
    assert reports[1].loss < 0.5 * before.loss
    score = evaluate(quantised, digits.validation.images, digits.validation.labels)
    assert score.accuracy > 0.9


def test_evaluation_mode_gradients_are_the_float_networks(digits: Dataset, float_lenet: Normalized) -> None:
    """Straight through all roundings, the gradient must still point where the float network's points."""
    quantised = quantize(float_lenet, digits.train.images[:128])
    images, labels = torch.from_numpy(digits.train.images[:128]), torch.from_numpy(digits.train.labels[:128])
    for network in (float_lenet, quantised):
        network.zero_grad()
        torch.nn.functional.cross_entropy(network.eval()(images), labels).backward()
    for name in ("conv1", "conv2", "fc2"):
        expected = float_lenet.model.get_submodule(name).weight.grad.flatten()
        got = quantised.layer(name).latent.grad.flatten()
        assert float(torch.nn.functional.cosine_similarity(expected, got, dim=0)) > 0.9
        assert 0.7 < float(got.norm() / expected.norm()) < 1.4
    float_lenet.zero_grad(set_to_none=True)


def test_learning_rate_warms_up_and_falls_as_a_cosine() -> None:
    config = TrainConfig(learning_rate=1.0, warmup_steps=4)
    rates = [learning_rate(config, step, 24) for step in range(24)]
    assert rates[:5] == [0.25, 0.5, 0.75, 1.0, 1.0]
    assert rates[14] == pytest.approx(0.5)
    assert rates[-1] < 0.01
    assert learning_rate(TrainConfig(learning_rate=0.3, schedule="constant"), 23, 24) == 0.3


def test_weight_decay_spares_biases(digits: Dataset) -> None:
    """Without a gradient (all-zero images, zero learning signal on dead inputs) only decay moves the weights."""
    network = Normalized(build("lenet5", 10, 1, seed=0), *digits.normalisation)
    config = TrainConfig(max_steps=1, optimizer="adam", learning_rate=1e-6, weight_decay=1e5)
    before = {name: p.detach().clone() for name, p in network.named_parameters()}
    fit(network, digits, config)
    for name, parameter in network.named_parameters():
        shrunk = float(parameter.detach().norm() / before[name].norm())
        assert shrunk == pytest.approx(0.9 if parameter.dim() > 1 else 1.0, abs=1e-3), name


def test_divergence_is_one_clear_error(lenet: QuantizedNetwork, digits: Dataset) -> None:
    with pytest.raises(ModelError, match=r"diverged at step .*learning_rate"):
        network = Normalized(build("lenet5", 10, 1, seed=0), *digits.normalisation)
        fit(network, digits, TrainConfig(learning_rate=1e9, epochs=3))


@pytest.mark.parametrize(
    "change",
    [
        {"epochs": -1},
        {"max_steps": -1},
        {"batch_size": 0},
        {"optimizer": "lion"},
        {"learning_rate": 0.0},
        {"momentum": 1.0},
        {"weight_decay": -1.0},
        {"schedule": "step"},
        {"warmup_steps": -1},
        {"label_smoothing": 1.0},
        {"seed": -1},
        {"threads": 0},
    ],
)
def test_illegal_settings_are_named(change: dict[str, object]) -> None:
    (name,) = change
    with pytest.raises(ConfigError, match=f"training: {name} = "):
        TrainConfig(**change)  # type: ignore[arg-type]


def test_a_bare_float_network_and_too_few_images_are_refused(digits: Dataset, lenet: QuantizedNetwork) -> None:
    bare = build("lenet5", 10, 1, seed=0)
    with pytest.raises(ModelError, match="wrap it in Normalized"):
        fit(bare, digits, TrainConfig())
    with pytest.raises(ModelError, match="wrap it in Normalized"):
        evaluate(bare, digits.test.images, digits.test.labels)
    with pytest.raises(ModelError, match="cannot be scored"):
        evaluate(lenet, digits.test.images, digits.test.labels[:3])
    with pytest.raises(ModelError, match="do not fill one batch"):
        fit(lenet, digits, TrainConfig(batch_size=5000))


def test_scores_are_those_of_the_logits(trained: QuantizedNetwork, digits: Dataset) -> None:
    split: Split = digits.validation.take(50)
    scores = logits(trained, split.images).astype(np.float64)
    right = scores[np.arange(50), split.labels]
    by_hand = np.log(np.exp(scores - right[:, None]).sum(axis=1))
    assert losses(trained, split.images, split.labels) == pytest.approx(by_hand, abs=1e-9)
    score = evaluate(trained, split.images, split.labels)
    assert score.loss == pytest.approx(by_hand.mean(), abs=1e-9)
    assert score.correct == int((scores.argmax(1) == split.labels).sum())


def test_crops_are_shifts_with_black_borders() -> None:
    images = torch.arange(1, 1 + 200 * 2 * 5 * 6).reshape(200, 2, 5, 6)
    cropped = random_crop(images, 2, torch.Generator().manual_seed(0))
    shifts = set()
    for image, crop in zip(images, cropped, strict=True):
        padded = torch.nn.functional.pad(image, (2, 2, 2, 2))
        found = [(y, x) for y in range(5) for x in range(5) if torch.equal(padded[:, y : y + 5, x : x + 6], crop)]
        assert len(found) == 1
        shifts.update(found)
    assert len(shifts) == 25


def test_flips_mirror_about_half_of_the_images() -> None:
    images = torch.arange(400 * 12).reshape(400, 1, 3, 4)
    flipped = random_flip(images, torch.Generator().manual_seed(0))
    mirrored = sum(bool(torch.equal(f, i.flip(2))) for f, i in zip(flipped, images, strict=True))
    same = sum(bool(torch.equal(f, i)) for f, i in zip(flipped, images, strict=True))
    assert mirrored + same == 400 and 150 < mirrored < 250
