"""Accuracy and loss."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import nn
from torch.nn import functional

from wattloop.errors import ModelError
from wattloop.nn.models import Normalized
from wattloop.nn.network import QuantizedNetwork


@dataclass(frozen=True)
class Score:
    """How well a network does on labelled images.

    Attributes:
        accuracy: share of images whose greatest logit is the label's, 0 to 1.
        loss: mean cross entropy, nats.
        images: number of images.
        correct: number of correct ones.
    """

    accuracy: float
    loss: float
    images: int
    correct: int


def logits(network: nn.Module, images: npt.NDArray[np.uint8], *, batch: int = 250) -> npt.NDArray[np.float32]:
    """Logits of raw pixels in evaluation mode, shape (images, classes).

    Args:
        network: `QuantizedNetwork`, `Normalized`, or anything that takes uint8 pixels.
        images: uint8, shape (images, channels, height, width).
        batch: images at a time; it does not change the logits of a quantised network.
    """
    mode = network.training
    network.eval()
    device = next(network.parameters()).device
    with torch.inference_mode():
        parts = [network(part.to(device)).float().cpu() for part in torch.split(torch.from_numpy(images), batch)]
    network.train(mode)
    return torch.cat(parts).numpy()


def losses(network: nn.Module, images: npt.NDArray[np.uint8], labels: npt.NDArray[np.int64]) -> npt.NDArray[np.float64]:
    """Cross entropy of each image, nats: for paired comparisons."""
    scores = torch.from_numpy(logits(network, images)).double()
    return functional.cross_entropy(scores, torch.from_numpy(labels), reduction="none").numpy()


def evaluate(network: nn.Module, images: npt.NDArray[np.uint8], labels: npt.NDArray[np.int64]) -> Score:
    """Score `network` on labelled raw pixels, in evaluation mode.

    Args:
        network: `QuantizedNetwork` or `Normalized`.
        images: uint8, shape (images, channels, height, width).
        labels: int64, shape (images,).

    Raises:
        ModelError: a bare float network, whose normalisation is unknown; or no images.
    """
    if not isinstance(network, QuantizedNetwork | Normalized):
        raise ModelError(f"{type(network).__name__} does not take raw pixels: wrap it in Normalized(model, mean, std)")
    if len(images) == 0 or len(images) != len(labels):
        raise ModelError(f"{len(images)} images and {len(labels)} labels cannot be scored")
    return score(logits(network, images), labels)


def score(scores: npt.NDArray[np.float32], labels: npt.NDArray[np.int64]) -> Score:
    """Score of logits, shape (images, classes), under labels, shape (images,)."""
    found, expected = torch.from_numpy(scores).double(), torch.from_numpy(labels)
    correct = int((found.argmax(1) == expected).sum())
    return Score(correct / len(labels), float(functional.cross_entropy(found, expected)), len(labels), correct)
