"""What a campaign remembers: nothing is done twice, and a killed run ends as an undisturbed one."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.compression.campaigns import FACTORS, made_up, run, told
from tests.compression.fakes import PickleCodec

from wattloop.compression import memory, stream
from wattloop.compression.journal import from_lines
from wattloop.compression.memory import Memory
from wattloop.compression.remember import RememberedSubject
from wattloop.compression.subject import Constraint
from wattloop.errors import StorageError


class KilledError(BaseException):
    """Stands for kill -9."""


@pytest.fixture
def deadly(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[int]]:
    """Countdown of writes until the process "dies": before a write, or half-way through one that is not atomic."""
    left = [10**9]

    def counted(write: Any) -> Any:
        def dying(*args: Any) -> Any:
            left[0] -= 1
            if left[0] < 0:
                raise KilledError
            return write(*args)

        return dying

    monkeypatch.setattr(memory, "write_atomic", counted(memory.write_atomic))
    monkeypatch.setattr(stream.Journal, "_write", counted(stream.Journal._write))
    yield left


@pytest.mark.parametrize(
    ("names", "salt"), [(("layerwise",), None), (("layerwise", "four-bit"), 5), (("set", "prune"), None)]
)
def test_a_run_killed_at_any_write_ends_as_an_undisturbed_one(
    names: tuple[str, ...], salt: int | None, tmp_path: Path, deadly: list[int]
) -> None:
    expected = told(run(tmp_path / "whole", *names, subject=made_up(salt)))
    for lives in itertools.count(1):
        deadly[0] = 11 * lives % 17 + 8
        try:
            found = run(tmp_path / "killed", *names, subject=made_up(salt))
        except KilledError:
            assert lives < 40
            continue
        break
    assert lives > 1
    assert told(found) == expected
    journal = (tmp_path / "killed" / stream.JOURNAL).read_text()
    assert journal == (tmp_path / "whole" / stream.JOURNAL).read_text()
    assert from_lines(journal) == found.events


def test_what_was_found_out_is_not_done_again(tmp_path: Path) -> None:
    first = run(tmp_path, "layerwise", "prune")
    again = made_up()
    again.tune = again.score = again.sensitivity = None  # type: ignore[assignment]
    assert told(run(tmp_path, "layerwise", "prune", subject=again)) == told(first)


def test_a_finished_step_keeps_its_outcome_alone(tmp_path: Path) -> None:
    run(tmp_path, "layerwise")
    assert not list((tmp_path / "steps").glob("*/*"))
    states = list((tmp_path / "states").iterdir())
    assert len(states) == 1 + len(FACTORS)


def test_a_damaged_entry_counts_as_none(tmp_path: Path) -> None:
    expected = told(run(tmp_path, "layerwise"))
    for path in [*tmp_path.glob("records/*"), *tmp_path.glob("states/*")]:
        path.write_bytes(path.read_bytes()[:-3])
    assert told(run(tmp_path, "layerwise")) == expected


def test_too_little_room_is_told_before_any_work(tmp_path: Path) -> None:
    Memory(tmp_path / "new" / "folder").require_room(1)
    with pytest.raises(StorageError, match="free space or set WATTLOOP_CACHE"):
        Memory(tmp_path / "new" / "folder").require_room(1 << 60)


def test_states_are_named_by_all_that_a_network_has(tmp_path: Path) -> None:
    remembered = RememberedSubject(made_up(), PickleCodec(), Memory(tmp_path))
    start = remembered.digest
    remembered.constrain("a", Constraint((0, 4)))
    assert remembered.digest != start
    kept = remembered.snapshot()
    remembered.constrain("a", Constraint(None, np.zeros((12, 30), bool)))
    remembered.restore(kept)
    remembered.constrain("a", Constraint())
    assert remembered.digest == start
