"""Random crops and flips of whole batches, on uint8 tensors in memory."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional


def random_crop(images: Tensor, padding: int, generator: torch.Generator) -> Tensor:
    """Shift each image by up to `padding` pixels each way; black comes in at the borders.

    Args:
        images: any dtype, shape (images, channels, height, width).
        padding: greatest shift.
        generator: source of randomness.
    """
    count, _, height, width = images.shape
    padded = functional.pad(images, (padding,) * 4)
    views = padded.unfold(2, height, 1).unfold(3, width, 1)  # every crop, without a copy
    shifts = torch.randint(0, 2 * padding + 1, (2, count), generator=generator)
    return views[torch.arange(count), :, shifts[0], shifts[1]]


def random_flip(images: Tensor, generator: torch.Generator) -> Tensor:
    """Mirror each image left to right with probability one half."""
    mirrored = torch.rand(len(images), generator=generator) < 0.5
    return torch.where(mirrored.view(-1, 1, 1, 1), images.flip(3), images)
