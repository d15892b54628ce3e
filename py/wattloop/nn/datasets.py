"""Data sets as uint8 arrays in memory: digits, CIFAR-10, CIFAR-100."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from wattloop.errors import DatasetError
from wattloop.nn import cifar

UInt8 = npt.NDArray[np.uint8]
Int64 = npt.NDArray[np.int64]

_SPLIT_SEED = 20_230


@dataclass(frozen=True, eq=False)
class Split:
    """Labelled images.

    Attributes:
        images: uint8, shape (images, channels, height, width).
        labels: int64, shape (images,).
    """

    images: UInt8
    labels: Int64

    def __len__(self) -> int:
        return len(self.labels)

    def take(self, count: int) -> Split:
        """The first `count` images."""
        return Split(self.images[:count], self.labels[:count])


@dataclass(frozen=True, eq=False)
class Dataset:
    """Training, validation and test images that do not overlap.

    Every decision is made on validation; the test split is for the figure at the end.

    Attributes:
        name: as given to `load`.
        train: to learn from.
        validation: to decide on.
        test: to report, once.
        classes: number of labels.
        mean: of the training pixels / 255, per channel.
        std: likewise.
        crop_padding: greatest random shift that leaves the labels right, pixels.
        flip: mirroring leaves the labels right.
    """

    name: str
    train: Split
    validation: Split
    test: Split
    classes: int
    mean: tuple[float, ...]
    std: tuple[float, ...]
    crop_padding: int
    flip: bool

    @property
    def channels(self) -> int:
        """Channels of the images."""
        return int(self.train.images.shape[1])

    @property
    def normalisation(self) -> tuple[tuple[float, ...], tuple[float, ...]]:
        """(mean, std) as `quantize` and `Normalized` take them."""
        return self.mean, self.std


def load(name: str, root: Path | None = None) -> Dataset:
    """A data set by name.

    Splits are stratified and do not depend on the order of the images in the archive.

    Args:
        name: "digits" (scikit-learn's, enlarged to 32x32, one channel), "cifar10" or "cifar100".
        root: folder that holds the official binary archive or its unpacked folder. None: `$WATTLOOP_DATA`, else the
            user's data folder, where it is downloaded to and verified.

    Raises:
        DatasetError: unknown, missing or damaged; the message says what to do.
    """
    if name not in _LOADERS:
        own = "file.py:name or package.module:name for one of your own"
        raise DatasetError(f"unknown data set {name!r}; known: {', '.join(_LOADERS)}; {own}")
    return _LOADERS[name](root)


def _digits(root: Path | None) -> Dataset:
    try:
        from sklearn.datasets import load_digits
    except ImportError as error:
        raise DatasetError("the digits come with scikit-learn: pip install scikit-learn") from error
    bunch = load_digits()
    small = bunch.images.astype(np.float64) * (255.0 / 16.0)
    images = enlarge(small, 32).round().clip(0, 255).astype(np.uint8)[:, None]
    every = _canonical(Split(images, bunch.target.astype(np.int64)))
    rest, test = _stratified(every, 360)
    train, validation = _stratified(rest, 360)
    return describe("digits", train, validation, test, classes=10, crop_padding=2, flip=False)


def _cifar(name: str) -> Callable[[Path | None], Dataset]:
    def read(root: Path | None) -> Dataset:
        layout = cifar.LAYOUTS[name]
        (images, labels), (test_images, test_labels) = cifar.read(layout, root)
        train, validation = _stratified(_canonical(Split(images, labels)), len(labels) // 10)
        test = _canonical(Split(test_images, test_labels))
        return describe(name, train, validation, test, classes=layout.classes, crop_padding=4, flip=True)

    return read


_LOADERS: dict[str, Callable[[Path | None], Dataset]] = {
    "digits": _digits,
    "cifar10": _cifar("cifar10"),
    "cifar100": _cifar("cifar100"),
}


def enlarge(images: npt.NDArray[np.float64], size: int) -> npt.NDArray[np.float64]:
    """Square images, shape (n, k, k), enlarged to (n, size, size) by linear interpolation between pixel centres."""
    old = images.shape[-1]
    position = ((np.arange(size) + 0.5) * old / size - 0.5).clip(0, old - 1)
    below = np.minimum(position.astype(int), old - 2)
    matrix = np.zeros((size, old))
    matrix[np.arange(size), below] = 1 - (position - below)
    matrix[np.arange(size), below + 1] = position - below
    result: npt.NDArray[np.float64] = matrix @ images @ matrix.T
    return result


def _canonical(split: Split) -> Split:
    """The images in an order of their own, so that every archive of the same images gives the same splits.

    They are sorted by a random projection of their pixels in exact integer arithmetic, which is as good as shuffled.
    """
    flat = split.images.reshape(len(split.images), -1)
    weights = np.random.default_rng(_SPLIT_SEED).integers(1, 1 << 40, flat.shape[1], dtype=np.int64)
    parts = [(flat[i : i + 4096].astype(np.int64) * weights).sum(axis=1) for i in range(0, len(flat), 4096)]
    mixed = np.concatenate(parts) * np.int64(0x9E3779B97F4A7C1)
    order = np.lexsort((split.labels, mixed))
    return Split(split.images[order], split.labels[order])


def set_apart(split: Split, count: int) -> tuple[Split, Split]:
    """(rest, `count` images), as evenly over the classes as can be; which ones does not depend on their order."""
    return _stratified(_canonical(split), count)


def _stratified(split: Split, count: int) -> tuple[Split, Split]:
    """Set `count` images apart, as evenly over the classes as the classes' sizes allow; returns (rest, apart)."""
    rng = np.random.default_rng(_SPLIT_SEED)
    shuffled = rng.permutation(len(split))
    labels = split.labels[shuffled]
    by_class = np.argsort(labels, kind="stable")
    sizes = np.bincount(labels)
    rank = np.empty(len(split), np.float64)
    rank[by_class] = np.concatenate([(np.arange(n) + 0.5) / n for n in sizes])
    order = shuffled[np.argsort(rank, kind="stable")]
    apart, rest = np.sort(order[:count]), np.sort(order[count:])
    return Split(split.images[rest], split.labels[rest]), Split(split.images[apart], split.labels[apart])


def describe(
    name: str, train: Split, validation: Split, test: Split, *, classes: int, crop_padding: int, flip: bool
) -> Dataset:
    """A data set, with the mean and the standard deviation of its training pixels; 1 for a constant channel."""
    pixels = train.images
    mean = tuple(float(pixels[:, c].mean(dtype=np.float64)) / 255 for c in range(pixels.shape[1]))
    std = tuple(float(pixels[:, c].std(dtype=np.float64)) / 255 or 1.0 for c in range(pixels.shape[1]))
    return Dataset(name, train, validation, test, classes, mean, std, crop_padding, flip)
