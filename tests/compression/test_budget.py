"""What the hours of a campaign allow."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tests.compression.campaigns import made_up, run, told
from tests.compression.fakes import FakeSubject

from wattloop.compression.budget import Budget
from wattloop.compression.journal import TimeSpent


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def test_hours_count_over_all_processes(tmp_path: Path) -> None:
    clock = Clock()
    first = Budget(tmp_path, 2.0, clock)
    clock.now = 3600.0
    assert not first.out_of_time(1)
    second = Budget(tmp_path, 2.0, clock)
    clock.now = 3600.0 + 3599.0
    assert not second.out_of_time(2)
    clock.now += 2.0
    assert second.out_of_time(3)
    # What was allowed once stays allowed, so that a repeated program takes the same course.
    third = Budget(tmp_path, 2.0, clock)
    assert not third.out_of_time(2)
    assert third.out_of_time(3)
    assert not Budget(tmp_path, None, clock).out_of_time(9)


def slow(clock: Clock) -> FakeSubject:
    """A network whose every training takes an hour of the clock."""
    subject = made_up()
    tune = subject.tune

    def tuned(epochs: int, seed: int, **options: Any) -> None:
        clock.now += 3600.0
        tune(epochs, seed, **options)

    subject.tune = tuned  # type: ignore[method-assign]
    return subject


def test_out_of_time_a_campaign_ends_with_what_it_has_and_goes_on_when_given_more(tmp_path: Path) -> None:
    clock, names = Clock(), ("prune", "set", "int8")
    whole = told(run(tmp_path / "whole", *names))
    part = run(tmp_path / "part", *names, subject=slow(clock), budget=Budget(tmp_path / "part", 1.5, clock))
    assert part.out_of_time
    assert isinstance(part.events[-1], TimeSpent)
    assert [offer.method for offer in part.offers] == ["prune"]
    assert told(run(tmp_path / "part", *names)) == whole


def test_a_campaign_that_is_whole_is_not_said_to_have_been_stopped(tmp_path: Path) -> None:
    """The hours were spent in its last training, after which nothing was left to do."""
    clock = Clock()
    found = run(tmp_path / "slow", "prune", subject=slow(clock), budget=Budget(tmp_path / "slow", 1.5, clock))
    assert clock.now > 1.5 * 3600.0
    assert not found.out_of_time
    assert told(found) == told(run(tmp_path / "whole", "prune"))
