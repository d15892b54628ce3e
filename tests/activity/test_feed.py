"""The pipe to a simulator never hangs and never hides an error."""

from __future__ import annotations

import threading
from pathlib import Path

import numpy as np
import pytest

from wattloop.activity.cosim.feed import Write, fed

DATA = np.arange(1 << 18, dtype=np.uint64)  # 2 MiB: more than a pipe holds


def feeders() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name == "wattloop-feed"]


def test_the_reader_gets_every_byte_in_order(tmp_path: Path) -> None:
    def produce(write: Write) -> None:
        for piece in np.array_split(DATA, 5):
            write(piece.data)

    with fed(tmp_path / "pipe", produce):
        assert (tmp_path / "pipe").read_bytes() == DATA.tobytes()
    assert not feeders()


def test_a_reader_that_never_comes_ends_the_writer(tmp_path: Path) -> None:
    for k in range(50):  # the writer may or may not have opened the pipe yet
        with fed(tmp_path / f"pipe{k}", lambda write: write(DATA.data)):
            pass
        assert not feeders()


def test_a_reader_that_leaves_early_ends_the_writer(tmp_path: Path) -> None:
    with fed(tmp_path / "pipe", lambda write: write(DATA.data)), (tmp_path / "pipe").open("rb") as pipe:
        assert pipe.read(8) == DATA[:1].tobytes()
    assert not feeders()


def test_an_error_of_the_producer_comes_out(tmp_path: Path) -> None:
    def produce(write: Write) -> None:
        write(DATA[:1].data)
        raise ValueError("no more")

    with pytest.raises(ValueError, match="no more"), fed(tmp_path / "pipe", produce):
        assert (tmp_path / "pipe").read_bytes() == DATA[:1].tobytes()


def test_an_error_of_the_reader_comes_first(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError, match="crashed"), fed(tmp_path / "pipe", lambda write: write(DATA.data)):
        raise RuntimeError("crashed")
    assert not feeders()
