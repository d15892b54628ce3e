"""Data of the user's own: any iterables of (image, label) as a data set of raw pixels in memory."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import numpy as np
import torch

from wattloop import own_code
from wattloop.errors import DatasetError
from wattloop.nn.datasets import Dataset, Int64, Split, UInt8, describe, set_apart

SPLITS = ("train", "validation", "test")
_CLASSES = 1 << 20  # a greater label is no class but an identifier
_RAW = (
    "give raw pixels, uint8 from 0 to 255 (with torchvision: transforms.PILToTensor() in place of ToTensor() and"
    " Normalize(); the normalisation is network.mean and network.std)"
)


def as_dataset(
    train: Any,
    validation: Any = None,
    test: Any = None,
    *,
    name: str = "own data",
    crop_padding: int = 0,
    flip: bool = False,
) -> Dataset:
    """A data set from iterables of (x, y); all images are kept in memory, as uint8.

    x is an image (channels, height, width) or a batch (images, channels, height, width), as an array or a tensor, or a
    PIL image; y a label or a batch of them, whole numbers from 0 on. Pixels are uint8; floats are taken where each is
    exactly a level / 255. A tenth of the training images, evenly over the classes, becomes the validation split where
    there is none, and another tenth the test split; which images does not depend on their order.

    Args:
        train: an iterable (a list, a torch `Dataset` or `DataLoader`, a generator), a `Split`, or all splits at once: a
            `Dataset`, a mapping of "train", "validation", "test", or a tuple of two (train, test) or three.
        validation: likewise, or None.
        test: likewise, or None.
        name: for reports.
        crop_padding: greatest random shift that leaves the labels right, pixels.
        flip: mirroring leaves the labels right.

    Raises:
        DatasetError: pixels, labels or shapes that cannot be used; the message says what to give.
    """
    if isinstance(train, Dataset):
        return train
    given = _splits(train, validation, test)
    if "train" not in given:
        raise DatasetError("there are no training images: give an iterable of (x, y), or return one")
    found = {key: _split(source, key) for key, source in given.items()}
    _require_alike(found)
    rest = found["train"]
    tenth = max(1, len(rest) // 10)
    if len(rest) < 3 * (len(SPLITS) - len(found)):
        raise DatasetError(f"{len(rest)} training images are too few to set others apart: give all splits")
    for key in reversed(SPLITS):
        if key not in found:
            rest, found[key] = set_apart(rest, tenth)
    classes = 1 + max(int(split.labels.max()) for split in found.values())
    return describe(
        name, rest, found["validation"], found["test"], classes=classes, crop_padding=crop_padding, flip=flip
    )


def load_own(name: str, arguments: Mapping[str, Any]) -> Dataset:
    """The data that code of the user's own gives, which is run.

    Args:
        name: "file.py:name" or "package.module:name" of what returns one of the things that `as_dataset` takes.
        arguments: by keyword.

    Raises:
        ConfigError: the code cannot be imported, or fails.
        DatasetError: what it gives cannot be used.
    """
    given = own_code.call(name, arguments, "network.dataset")
    title = own_code.title(name)
    with own_code.fault(f"network.dataset: {title} fails"):  # generators run only now
        try:
            return as_dataset(given, name=title)
        except DatasetError as error:
            refused = error
    raise DatasetError(f"network.dataset: {title}: {refused}") from refused


def images_of(source: Any, most: int | None = None) -> UInt8:
    """Raw images, shape (images, channels, height, width).

    Args:
        source: an array or a tensor of that shape, a `Split`, or an iterable of (x, y) as `as_dataset` takes it.
        most: the first so many of an iterable; None for all.

    Raises:
        DatasetError: pixels or shapes that cannot be used.
    """
    if isinstance(source, np.ndarray):
        return source
    if isinstance(source, torch.Tensor):
        return _pixels(source, "images")
    if isinstance(source, Split):
        return _pixels(source.images, "images")
    return _gathered(source, "images", most).images


def _splits(train: Any, validation: Any, test: Any) -> dict[str, Any]:
    if isinstance(train, Mapping):
        unknown = [key for key in train if key not in SPLITS]
        if unknown or "train" not in train:
            raise DatasetError(f"the splits are called {', '.join(map(str, train))}; give train, validation and test")
        found = dict(train)
    elif isinstance(train, tuple) and len(train) in (2, 3) and not _is_pair(train):
        found = dict(zip(SPLITS if len(train) == 3 else ("train", "test"), train, strict=True))
    else:
        found = {"train": train, "validation": validation, "test": test}
    return {key: source for key, source in found.items() if source is not None}


def _is_pair(value: tuple[Any, ...]) -> bool:
    """Whether a tuple is (images, labels) and not two iterables of pairs."""
    return len(value) == 2 and isinstance(value[0], np.ndarray | torch.Tensor)


def _split(source: Any, key: str) -> Split:
    if isinstance(source, Split):
        source = [(source.images, source.labels)]
    if isinstance(source, tuple) and _is_pair(source):
        source = [source]
    return _gathered(source, key, None)


def _gathered(source: Any, key: str, most: int | None) -> Split:
    images: list[UInt8] = []
    labels: list[Int64] = []
    for number, (x, y) in enumerate(_pairs(source, key)):
        found = _pixels(x, f"{key}, item {number}")
        label = _labels(y, len(found), f"{key}, item {number}")
        if images and found.shape[1:] != images[0].shape[1:]:
            shapes = f"an image of shape {found.shape[1:]} among {images[0].shape[1:]}"
            raise DatasetError(f"{key}, item {number}: {shapes}; resize all alike")
        images.append(found)
        labels.append(label)
        if most is not None and sum(map(len, images)) >= most:
            break
    if not sum(map(len, images)):
        raise DatasetError(f"{key}: there is no image in it")
    return Split(np.concatenate(images)[:most], np.concatenate(labels)[:most])


def _pairs(source: Any, key: str) -> Iterator[tuple[Any, Any]]:
    if isinstance(source, Iterable):
        items: Iterable[Any] = source
    elif hasattr(source, "__getitem__") and hasattr(source, "__len__"):  # a torch `Dataset`
        items = (source[index] for index in range(len(source)))
    else:
        raise DatasetError(f"{key}: a {type(source).__name__} is no iterable of (x, y)")
    for number, item in enumerate(items):
        if not isinstance(item, tuple | list) or len(item) != 2:
            raise DatasetError(f"{key}, item {number}: a {type(item).__name__} is no pair (x, y)")
        yield item[0], item[1]


def _pixels(x: Any, where: str) -> UInt8:
    """A batch of images."""
    array = np.asarray(x.detach().cpu() if isinstance(x, torch.Tensor) else x)
    if hasattr(x, "getbands"):  # PIL: height, width and, of colours, channels
        if x.mode not in ("L", "RGB"):  # numbers of colours in a palette, say, are no pixels
            raise DatasetError(f"{where}: a PIL image of mode {x.mode}; give x.convert('RGB') or x.convert('L')")
        array = array[None] if array.ndim == 2 else np.moveaxis(array, -1, 0)
    if array.ndim not in (3, 4) or 0 in array.shape[-3:]:
        raise DatasetError(
            f"{where}: x has shape {array.shape}; give an image (channels, height, width) or a batch of them"
        )
    batch = array if array.ndim == 4 else array[None]
    if batch.dtype == np.uint8:
        return np.ascontiguousarray(batch)
    return _levels(batch, where)


def _levels(batch: Any, where: str) -> UInt8:
    """Floats that are exactly levels / 255, as levels."""
    if not np.issubdtype(batch.dtype, np.floating):
        raise DatasetError(f"{where}: pixels are {batch.dtype}; {_RAW}")
    levels = np.rint(batch * 255)
    whole = bool((levels >= 0).all() and (levels <= 255).all())
    if not whole or not np.array_equal((levels / 255).astype(batch.dtype), batch):
        low, high = float(batch.min()), float(batch.max())
        raise DatasetError(f"{where}: pixels are {batch.dtype} from {low:.3g} to {high:.3g}; {_RAW}")
    found: UInt8 = levels.astype(np.uint8)
    return found


def _labels(y: Any, count: int, where: str) -> Int64:
    array = np.atleast_1d(np.asarray(y.detach().cpu() if isinstance(y, torch.Tensor) else y))
    whole = array.shape == (count,) and np.issubdtype(array.dtype, np.integer)
    if whole and (array >= _CLASSES).any():
        raise DatasetError(f"{where}: y is {array.max()}; give classes numbered from 0 on, below {_CLASSES}")
    if not whole or (array < 0).any():
        raise DatasetError(
            f"{where}: y is {array.dtype} of shape {array.shape} for {count} images; give a class from 0 on for each"
        )
    found: Int64 = array.astype(np.int64)
    return found


def _require_alike(splits: Mapping[str, Split]) -> None:
    shapes = {key: split.images.shape[1:] for key, split in splits.items()}
    if len(set(shapes.values())) > 1:
        told = ", ".join(f"{key} {shape}" for key, shape in shapes.items())
        raise DatasetError(f"the splits have images of several shapes ({told}); resize all alike")
