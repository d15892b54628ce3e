"""The official "binary version" archives of CIFAR-10 and CIFAR-100, unpacked or not."""

from __future__ import annotations

import os
import tarfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import platformdirs
import pooch

from wattloop.errors import DatasetError

Labelled = tuple[npt.NDArray[np.uint8], npt.NDArray[np.int64]]

_PIXELS = 3 * 32 * 32


@dataclass(frozen=True)
class Layout:
    """Where the records of a data set are.

    Attributes:
        archive: file name of the official archive.
        sha256: of the archive.
        folder: folder inside it.
        train: its training files, in order.
        test: its test file.
        label_bytes: bytes before the pixels; the last one is the label.
        classes: number of labels.
        records: images per training file.
        test_records: images of the test file.
    """

    archive: str
    sha256: str
    folder: str
    train: tuple[str, ...]
    test: str
    label_bytes: int
    classes: int
    records: int
    test_records: int = 10_000

    @property
    def url(self) -> str:
        """Where the archive is published."""
        return f"https://www.cs.toronto.edu/~kriz/{self.archive}"


LAYOUTS = {
    "cifar10": Layout(
        archive="cifar-10-binary.tar.gz",
        sha256="c4a38c50a1bc5f3a1c5537f2155ab9d68f9f25eb1ed8d9ddda3db29a59bca1dd",
        folder="cifar-10-batches-bin",
        train=tuple(f"data_batch_{i}.bin" for i in range(1, 6)),
        test="test_batch.bin",
        label_bytes=1,
        classes=10,
        records=10_000,
    ),
    "cifar100": Layout(
        archive="cifar-100-binary.tar.gz",
        sha256="58a81ae192c23a4be8b1804d68e518ed807d710a4eb253b1f2a199162a40d8ec",
        folder="cifar-100-binary",
        train=("train.bin",),
        test="test.bin",
        label_bytes=2,
        classes=100,
        records=50_000,
    ),
}


def read(layout: Layout, root: Path | None) -> tuple[Labelled, Labelled]:
    """Training and test images (uint8, n x 3 x 32 x 32) with their labels.

    Args:
        layout: one of `LAYOUTS`.
        root: folder with the archive or the unpacked folder in it (or the unpacked folder itself); None for
            `$WATTLOOP_DATA`, else the user's data folder, to which the archive is downloaded if it is not there.

    Raises:
        DatasetError: missing or damaged; the message names the path and says what to do.
    """
    place = root or _default_root()
    folder = next((f for f in (place / layout.folder, place) if (f / layout.test).is_file()), None)
    if folder is not None:
        train = [_records(layout, folder / name, _file(folder / name), layout.records) for name in layout.train]
        test = _records(layout, folder / layout.test, _file(folder / layout.test), layout.test_records)
    else:
        archive = place / layout.archive
        if not archive.is_file():
            archive = _download(layout, place, allowed=root is None)
        train, test = _from_archive(layout, archive)
    images, labels = (np.concatenate(parts) for parts in zip(*train, strict=True))
    return (images, labels), test


def _default_root() -> Path:
    named = os.environ.get("WATTLOOP_DATA")
    return Path(named).expanduser() if named else Path(platformdirs.user_data_dir("wattloop"))


def _download(layout: Layout, place: Path, *, allowed: bool) -> Path:
    remedy = f"put {layout.archive} from {layout.url} (or its unpacked {layout.folder}/) there"
    if not allowed:
        raise DatasetError(f"no {layout.folder}/ and no {layout.archive} in {place}: {remedy}, or leave the root away")
    try:
        return Path(pooch.retrieve(layout.url, f"sha256:{layout.sha256}", fname=layout.archive, path=place))
    except Exception as error:  # every kind of network failure, and a wrong hash
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise DatasetError(f"cannot download {layout.url} ({reason[:200]}): {remedy} into {place}") from error


def _file(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise DatasetError(f"cannot read {path}: {error.strerror}; unpack the archive again") from error


def _from_archive(layout: Layout, path: Path) -> tuple[list[Labelled], Labelled]:
    """Read the records straight from the archive: nothing is unpacked, so no path in it can do harm."""
    try:
        with tarfile.open(path) as archive:
            parts = {name: _member(archive, layout, name) for name in (*layout.train, layout.test)}
    except (OSError, EOFError, KeyError, tarfile.TarError, ValueError) as error:
        raise DatasetError(f"{path} is damaged ({error}): download it again from {layout.url}") from error
    train = [_records(layout, path, parts[name], layout.records) for name in layout.train]
    return train, _records(layout, path, parts[layout.test], layout.test_records)


def _member(archive: tarfile.TarFile, layout: Layout, name: str) -> bytes:
    file = archive.extractfile(f"{layout.folder}/{name}")
    if file is None:
        raise KeyError(f"{name} is no file")
    # One byte more than there should be shows that it is too long, however much a hostile archive unpacks to.
    return file.read(max(layout.records, layout.test_records) * (layout.label_bytes + _PIXELS) + 1)


def _records(layout: Layout, path: Path, raw: bytes, count: int) -> Labelled:
    size = layout.label_bytes + _PIXELS
    if len(raw) != count * size:
        raise DatasetError(f"{path} is damaged: {len(raw)} bytes instead of {count * size}; unpack the archive again")
    rows = np.frombuffer(raw, np.uint8).reshape(count, size)
    labels = rows[:, layout.label_bytes - 1].astype(np.int64)
    if labels.max() >= layout.classes:
        raise DatasetError(f"{path} is damaged: label {labels.max()} of {layout.classes}; unpack the archive again")
    return rows[:, layout.label_bytes :].reshape(count, 3, 32, 32).copy(), labels
