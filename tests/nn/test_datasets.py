"""Data sets: official layouts, splits that do not depend on order, errors that say what to do."""

from __future__ import annotations

import io
import tarfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from wattloop.errors import DatasetError
from wattloop.nn import cifar, datasets
from wattloop.nn.datasets import Dataset, enlarge, load

original = cifar.LAYOUTS


@pytest.fixture(autouse=True)
def _hundredth(monkeypatch: pytest.MonkeyPatch) -> None:
    """The official layouts with a hundredth of the records."""
    small = {
        name: replace(layout, records=layout.records // 100, test_records=100) for name, layout in cifar.LAYOUTS.items()
    }
    monkeypatch.setattr(cifar, "LAYOUTS", small)


def test_the_official_sizes_are_expected() -> None:
    cifar10, cifar100 = original["cifar10"], original["cifar100"]
    assert (len(cifar10.train) * cifar10.records, cifar10.test_records) == (50_000, 10_000)
    assert (len(cifar100.train) * cifar100.records, cifar100.test_records) == (50_000, 10_000)


def write_cifar10(root: Path, order: int | None = None) -> Path:
    """Random images in the official layout; `order` shuffles the training images."""
    rng = np.random.default_rng(0)
    folder = root / "cifar-10-batches-bin"
    folder.mkdir(parents=True)
    rows = rng.integers(0, 256, (600, 3073), dtype=np.uint8)
    rows[:, 0] = np.arange(600) % 10
    if order is not None:
        rows[:500] = rows[np.random.default_rng(order).permutation(500)]
    for i in range(5):
        rows[i * 100 : (i + 1) * 100].tofile(folder / f"data_batch_{i + 1}.bin")
    rows[500:].tofile(folder / "test_batch.bin")
    return folder


@pytest.fixture
def root(tmp_path: Path) -> Path:
    write_cifar10(tmp_path / "cifar")
    return tmp_path / "cifar"


@pytest.fixture
def cifar10(root: Path) -> Dataset:
    return load("cifar10", root)


def _rows(*splits: datasets.Split) -> set[bytes]:
    return {image.tobytes() + bytes([label]) for s in splits for image, label in zip(s.images, s.labels, strict=True)}


def test_digits_are_split_evenly_and_do_not_overlap(digits: Dataset) -> None:
    assert [len(s) for s in (digits.train, digits.validation, digits.test)] == [1077, 360, 360]
    assert digits.train.images.shape[1:] == (1, 32, 32) and digits.train.images.dtype == np.uint8
    for split in (digits.validation, digits.test):
        counts = np.bincount(split.labels)
        assert len(counts) == 10 and counts.min() >= 34
    assert len(_rows(digits.train, digits.validation, digits.test)) == 1797
    assert digits.train.images.max() > 240
    assert digits.normalisation[0][0] == pytest.approx(digits.train.images.mean() / 255)


def test_enlarging_interpolates_linearly() -> None:
    ramp = np.add.outer(np.arange(8.0), 10 * np.arange(8.0))[None]
    big = enlarge(ramp, 32)[0]
    centres = (np.arange(32) + 0.5) / 4 - 0.5
    inner = slice(2, 30)
    assert big[inner, inner] == pytest.approx(np.add.outer(centres, 10 * centres)[inner, inner])
    assert big.min() == ramp.min() and big.max() == ramp.max()


def test_records_are_read_as_published(root: Path, cifar10: Dataset) -> None:
    raw = np.fromfile(root / "cifar-10-batches-bin" / "test_batch.bin", np.uint8).reshape(-1, 3073)
    wanted = {row[1:].tobytes() + row[:1].tobytes() for row in raw}
    assert _rows(cifar10.test) == wanted
    assert cifar10.test.images.shape == (100, 3, 32, 32)


def test_splits_hold_every_image_once_and_every_class_evenly(cifar10: Dataset) -> None:
    assert (len(cifar10.train), len(cifar10.validation)) == (450, 50)
    assert np.bincount(cifar10.validation.labels).tolist() == [5] * 10
    assert len(_rows(cifar10.train, cifar10.validation)) == 500


def test_splits_do_not_depend_on_the_order_in_the_archive(cifar10: Dataset, tmp_path: Path) -> None:
    write_cifar10(tmp_path / "other", order=1)
    other = load("cifar10", tmp_path / "other")
    for name in ("train", "validation", "test"):
        expected, got = getattr(cifar10, name), getattr(other, name)
        assert np.array_equal(got.images, expected.images) and np.array_equal(got.labels, expected.labels)


def test_the_archive_is_read_without_unpacking(root: Path, cifar10: Dataset, tmp_path: Path) -> None:
    place = tmp_path / "packed"
    place.mkdir()
    with tarfile.open(place / "cifar-10-binary.tar.gz", "w:gz") as archive:
        archive.add(root / "cifar-10-batches-bin", "cifar-10-batches-bin")
        info = tarfile.TarInfo("../escaped")
        info.size = 3
        archive.addfile(info, io.BytesIO(b"out"))
    got = load("cifar10", place)
    assert np.array_equal(got.validation.images, cifar10.validation.images)
    assert [p.name for p in place.iterdir()] == ["cifar-10-binary.tar.gz"]
    assert not (tmp_path / "escaped").exists()


def test_cifar100_takes_the_fine_labels(tmp_path: Path) -> None:
    rows = np.random.default_rng(0).integers(0, 256, (600, 3074), dtype=np.uint8)
    rows[:, 0], rows[:, 1] = 7, np.arange(600) % 100
    (tmp_path / "cifar-100-binary").mkdir()
    rows[:500].tofile(tmp_path / "cifar-100-binary" / "train.bin")
    rows[500:].tofile(tmp_path / "cifar-100-binary" / "test.bin")
    got = load("cifar100", tmp_path)
    assert got.classes == 100
    assert len(got.validation) == 50
    assert set(np.concatenate([got.train.labels, got.validation.labels]).tolist()) == set(range(100))
    assert np.bincount(got.validation.labels).max() == 1


def test_an_unknown_data_set_is_refused() -> None:
    with pytest.raises(DatasetError, match="unknown data set 'mnist'; known: digits, cifar10, cifar100"):
        load("mnist")


def test_a_missing_data_set_says_what_to_put_where(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match=r"no cifar-10-batches-bin/.*put cifar-10-binary\.tar\.gz from https"):
        load("cifar10", tmp_path)
    assert not list(tmp_path.iterdir())


def test_without_a_network_the_download_is_one_clear_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WATTLOOP_DATA", str(tmp_path / "data"))

    def offline(*args: object, **kwargs: object) -> None:
        raise ConnectionError("no route\nto host")

    monkeypatch.setattr(cifar.pooch, "retrieve", offline)
    with pytest.raises(DatasetError, match=r"cannot download .*no route.*put cifar-10-binary") as caught:
        load("cifar10")
    assert "\n" not in str(caught.value)


def test_a_download_is_verified_against_the_published_hash(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WATTLOOP_DATA", str(tmp_path))
    wrong = tmp_path / "elsewhere"
    wrong.write_bytes(b"not the archive")
    layout = cifar.LAYOUTS["cifar10"]
    monkeypatch.setattr(cifar.Layout, "url", property(lambda self: wrong.as_uri()))
    retrieve = cifar.pooch.retrieve
    monkeypatch.setattr(cifar.pooch, "retrieve", lambda url, *a, **k: retrieve(url, *a, **k, downloader=_copy(wrong)))
    with pytest.raises(DatasetError, match="cannot download"):
        cifar.read(layout, None)
    assert not (tmp_path / layout.archive).exists()


def _copy(source: Path) -> object:
    def download(url: str, output: str | Path, pooch: object) -> None:
        Path(output).write_bytes(source.read_bytes())

    return download


@pytest.mark.parametrize("damage", ["short", "label", "lost", "archive"])
def test_damaged_data_is_named(tmp_path: Path, damage: str) -> None:
    folder = write_cifar10(tmp_path)
    victim = folder / "data_batch_3.bin"
    if damage == "short":
        victim.write_bytes(victim.read_bytes()[:-1])
    elif damage == "label":
        victim.write_bytes(b"\x0a" + victim.read_bytes()[1:])
    elif damage == "lost":
        victim.unlink()
    else:
        (folder / "test_batch.bin").unlink()
        (tmp_path / "cifar-10-binary.tar.gz").write_bytes(b"\x1f\x8b broken")
    with pytest.raises(DatasetError, match=r"data_batch_3\.bin|cifar-10-binary\.tar\.gz is damaged"):
        load("cifar10", tmp_path)
