"""Any iterable of (x, y) is a data set; what is no raw pixel is refused with what to give."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.utils.data import DataLoader, TensorDataset

from wattloop.errors import ConfigError, DatasetError
from wattloop.nn.datasets import Dataset, Split, load
from wattloop.nn.own_data import as_dataset, images_of, load_own

RNG = np.random.default_rng(0)
IMAGES = RNG.integers(0, 256, (40, 3, 12, 10), dtype=np.uint8)
LABELS = np.arange(40) % 4


def generator() -> Iterator[tuple[np.ndarray, int]]:
    yield from zip(IMAGES, LABELS.tolist(), strict=True)


class OnlyItems:
    """A data set as torch has them: no iterator, and no IndexError at its end."""

    def __len__(self) -> int:
        return len(IMAGES)

    def __getitem__(self, index: int) -> tuple[torch.Tensor, int]:
        return torch.from_numpy(IMAGES[index % 40]), int(LABELS[index % 40])


SOURCES = {
    "a list": lambda: list(zip(IMAGES, LABELS, strict=True)),
    "a generator": generator,
    "tensors": lambda: TensorDataset(torch.from_numpy(IMAGES), torch.from_numpy(LABELS)),
    "items alone": OnlyItems,
    "a loader": lambda: DataLoader(TensorDataset(torch.from_numpy(IMAGES), torch.from_numpy(LABELS)), batch_size=7),
    "arrays": lambda: [(IMAGES, LABELS)],
    "levels / 255": lambda: [(torch.from_numpy(IMAGES).float() / 255, torch.from_numpy(LABELS))],
    "a split": lambda: Split(IMAGES, LABELS),
    "in a mapping": lambda: {"train": generator()},
    "shuffled": lambda: sorted(generator(), key=lambda pair: int(pair[0].sum())),
}


def equal(a: Split, b: Split) -> bool:
    return np.array_equal(a.images, b.images) and np.array_equal(a.labels, b.labels)


@pytest.mark.parametrize("name", SOURCES)
def test_every_iterable_of_the_same_images_gives_the_same_splits(name: str) -> None:
    found, expected = as_dataset(SOURCES[name]()), as_dataset([(IMAGES, LABELS)])
    for split in ("train", "validation", "test"):
        assert equal(getattr(found, split), getattr(expected, split))
    assert (found.classes, found.channels) == (4, 3)


def test_a_tenth_each_is_set_apart_evenly_and_no_image_is_lost() -> None:
    found = as_dataset(generator())
    assert [len(part) for part in (found.train, found.validation, found.test)] == [32, 4, 4]
    assert sorted(found.test.labels) == sorted(found.validation.labels) == [0, 1, 2, 3]
    everything = np.concatenate([found.train.images, found.validation.images, found.test.images])
    assert sorted(image.tobytes() for image in everything) == sorted(image.tobytes() for image in IMAGES)


def test_splits_that_are_given_stay_as_they_are() -> None:
    parts = [Split(IMAGES[i : i + 10], LABELS[i : i + 10]) for i in (0, 10, 20)]
    train, validation, test = parts
    for found in (
        as_dataset(train, validation, test),
        as_dataset((train, validation, test)),
        as_dataset({"train": train, "validation": validation, "test": test}),
    ):
        assert all(map(equal, parts, (found.train, found.validation, found.test)))
    two = as_dataset((Split(IMAGES[:30], LABELS[:30]), test))
    assert equal(two.test, test)
    assert (len(two.train), len(two.validation)) == (27, 3)


def test_a_data_set_passes() -> None:
    digits = load("digits")
    assert as_dataset(digits) is digits
    assert isinstance(as_dataset(digits.train), Dataset)


def test_pil_images_are_taken() -> None:
    image = pytest.importorskip("PIL.Image")
    colours = image.fromarray(np.moveaxis(IMAGES[0], 0, -1))
    assert np.array_equal(images_of([(colours, 0)])[0], IMAGES[0])
    grey = image.fromarray(IMAGES[0, 0])
    assert np.array_equal(images_of([(grey, 0)])[0], IMAGES[0, :1])


@given(st.integers(0, 255), st.sampled_from([np.float16, np.float32, np.float64]))
def test_every_level_over_255_is_taken_back_exactly(level: int, dtype: Any) -> None:
    x = (np.full((1, 2, 2), level) / 255).astype(dtype)
    assert images_of([(x, 0)]).tolist() == [[[[level] * 2] * 2]]


def test_no_more_images_are_read_than_are_wanted() -> None:
    def endless() -> Iterator[tuple[np.ndarray, int]]:
        while True:
            yield IMAGES[0], 0

    assert len(images_of(endless(), 5)) == 5


REFUSED: dict[str, tuple[Any, str]] = {
    "normalised pixels": ([(IMAGES[0] / 100 - 1, 0)], r"float64 from -1 to 1.*raw pixels.*PILToTensor"),
    "between levels": ([(np.full((1, 2, 2), 0.5), 0)], r"float64 from 0.5 to 0.5.*raw pixels"),
    "not a number": ([(np.full((1, 2, 2), np.nan), 0)], "raw pixels"),
    "wider whole numbers": ([(IMAGES[0].astype(np.int64), 0)], "int64; give raw pixels"),
    "a matrix": ([(IMAGES[0, 0], 0)], r"shape \(12, 10\); give an image"),
    "several sizes": ([(IMAGES[0], 0), (IMAGES[0, :, :8], 1)], "item 1: an image of shape.*resize"),
    "labels that are no numbers": ([(IMAGES[0], "cat")], "give a class from 0 on"),
    "labels of another count": ([(IMAGES[:3], LABELS[:2])], r"shape \(2,\) for 3 images"),
    "labels below 0": ([(IMAGES[0], -1)], "give a class from 0 on"),
    "no pairs": ([IMAGES[0]], "item 0: a ndarray is no pair"),
    "nothing": ([], "no image"),
    "no iterable": (3, "a int is no iterable"),
    "few images": ([(IMAGES[:4], LABELS[:4])], "4 training images are too few"),
    "another name": ({"train": [], "val": []}, "give train, validation and test"),
    "splits of several sizes": (([(IMAGES, LABELS)], [(IMAGES[:, :1], LABELS)]), "several shapes"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_cannot_be_used_is_told_in_one_line(case: str) -> None:
    source, message = REFUSED[case]
    with pytest.raises(DatasetError, match=message) as caught:
        as_dataset(source)
    assert "\n" not in str(caught.value)


def pair(image: Any = IMAGES[0], label: Any = 0) -> list[tuple[Any, Any]]:
    return [(image, label)] * 40


UNUSABLE = {
    "nothing": (None, "there are no training images"),
    "an identifier": (pair(label=10**12), "classes numbered from 0 on"),
    "the greatest number": (pair(label=np.uint64(2**64 - 1)), "classes numbered from 0 on"),
    "no image": ((IMAGES[:0], LABELS[:0]), "there is no image in it"),
    "a split of floats": (Split(np.full((40, 1, 8, 8), 0.3), LABELS), "pixels are float64"),  # type: ignore[arg-type]
    "no pixel": (pair(np.zeros((1, 0, 0), np.uint8)), "x has shape"),
}


@pytest.mark.parametrize("name", UNUSABLE)
def test_more_that_cannot_be_used_is_refused(name: str) -> None:
    source, why = UNUSABLE[name]
    with pytest.raises(DatasetError, match=why):
        as_dataset(source)


def test_images_in_a_palette_are_refused() -> None:
    image = pytest.importorskip("PIL.Image").fromarray(IMAGES[0].transpose(1, 2, 0)).convert("P")
    with pytest.raises(DatasetError, match=r"mode P; give x.convert\('RGB'\)"):
        as_dataset(pair(image))


def test_data_that_fails_while_it_is_read_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "data.py").write_text("def make():\n    return ((1 / 0, 0) for i in range(3))\n")
    with pytest.raises(ConfigError, match=r"network\.dataset: data\.py:make fails: ZeroDivisionError"):
        load_own(f"{tmp_path}/data.py:make", {})


def test_a_constant_channel_is_divided_by_1() -> None:
    images = IMAGES.copy()
    images[:, 1] = 7
    assert as_dataset((images, LABELS)).std[1] == 1.0
