"""Handwritten digits of 24x24 pixels as (image, label), the image uint8 of shape (1, 24, 24)."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from sklearn.datasets import load_digits


def make(size: int = 24) -> Iterator[tuple[np.ndarray, int]]:
    """scikit-learn's digits, 8x8 and 17 greys, each pixel repeated."""
    found = load_digits()
    for image, label in zip(found.images, found.target, strict=True):
        yield np.kron(image * (255 / 16), np.ones((size // 8, size // 8))).astype(np.uint8)[None], int(label)
