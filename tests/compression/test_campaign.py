"""Campaigns: what is remembered, what a killed run ends with, what the hours allow."""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.compression.fakes import FakeOracle, FakeProfiler, FakeSubject, PickleCodec, by_hash, normal_weights

from wattloop.arith.layer import LayerTrace
from wattloop.arith.mapping import HardwareMapping
from wattloop.compression import memory, stream
from wattloop.compression.baselines.config import BaselinesConfig
from wattloop.compression.budget import Budget
from wattloop.compression.campaign import Campaign, Found, Mapper, Profilers
from wattloop.compression.config import CompressConfig
from wattloop.compression.journal import CampaignStarted, MethodStarted, PointFound, TimeSpent, from_lines
from wattloop.compression.memory import Memory
from wattloop.compression.method import Lab, Point
from wattloop.compression.methods import METHODS, chosen
from wattloop.compression.remember import RememberedSubject
from wattloop.compression.stream import Journal
from wattloop.compression.subject import Constraint
from wattloop.errors import ConfigError, ModelError, StorageError

FACTORS = {"a": 1.0, "b": 5.0}
SMALL = CompressConfig(
    ratios=(0.5,),
    set_sizes=(8,),
    k_init=9,
    k_growth=6,
    k_limit=15,
    delta=8.0,
    baselines=BaselinesConfig(
        power_values=(12,),
        naive_values=(8,),
        global_ratios=(0.5,),
        global_values=(8,),
        prune_ratios=(0.5,),
        set_values=(8,),
    ),
)


class KilledError(BaseException):
    """Stands for kill -9."""


def network(salt: int | None = None) -> FakeSubject:
    latents = {name: normal_weights(seed) for seed, name in enumerate(FACTORS)}
    return FakeSubject(latents) if salt is None else FakeSubject(latents, quality=by_hash, salt=salt)


def campaign(
    folder: Path,
    *names: str,
    subject: FakeSubject | None = None,
    config: CompressConfig = SMALL,
    budget: Budget | None = None,
) -> Found:
    remembered = RememberedSubject(subject or network(), PickleCodec(), Memory(folder))
    profilers = Profilers(FakeProfiler(FACTORS), FakeProfiler(FACTORS, "tiles/fake"))
    told = Journal(folder, lambda event: None)
    return Campaign(remembered, profilers, config, told, budget or Budget(folder, None)).run(chosen(names))


def told(found: Found) -> tuple[Any, ...]:
    return found.events, [dataclasses.astuple(offer) for offer in found.offers]


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
    expected = told(campaign(tmp_path / "whole", *names, subject=network(salt)))
    for lives in itertools.count(1):
        deadly[0] = 11 * lives % 17 + 8
        try:
            found = campaign(tmp_path / "killed", *names, subject=network(salt))
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
    first = campaign(tmp_path, "layerwise", "prune")
    again = network()
    again.tune = again.score = again.sensitivity = None  # type: ignore[assignment]
    assert told(campaign(tmp_path, "layerwise", "prune", subject=again)) == told(first)


def test_a_finished_step_keeps_its_outcome_alone(tmp_path: Path) -> None:
    campaign(tmp_path, "layerwise")
    assert not list((tmp_path / "steps").glob("*/*"))
    states = list((tmp_path / "states").iterdir())
    assert len(states) == 1 + len(FACTORS)


def test_a_damaged_entry_counts_as_none(tmp_path: Path) -> None:
    expected = told(campaign(tmp_path, "layerwise"))
    for path in [*tmp_path.glob("records/*"), *tmp_path.glob("states/*")]:
        path.write_bytes(path.read_bytes()[:-3])
    assert told(campaign(tmp_path, "layerwise")) == expected


@pytest.mark.parametrize("name", METHODS)
def test_every_method_starts_from_the_same_network_and_offers_what_it_says(name: str, tmp_path: Path) -> None:
    if name == "layerwise":
        pytest.skip("has tests of its own")
    subject = network()
    found = campaign(tmp_path, name, subject=subject)
    assert [type(event) for event in found.events[:2]] == [CampaignStarted, MethodStarted]
    points = [event for event in found.events if isinstance(event, PointFound)]
    assert [(p.method, p.setting) for p in points] == [(o.method, o.setting) for o in found.offers]
    assert found.offers
    for offer in found.offers:
        remembered = RememberedSubject(subject, PickleCodec(), Memory(tmp_path))
        assert remembered.load(offer.state, Memory(tmp_path))
        if name != "rate-distortion":  # which goes on from each of its targets to the next
            assert subject.tunings == SMALL.baselines.epochs
        assert subject.score() == offer.validation
        oracle = FakeOracle(FACTORS)
        energy = sum(oracle.energy(name, subject.weight(name)).energy.dynamic_fj for name in FACTORS)
        assert offer.energy_fj == pytest.approx(energy)


def test_several_methods_do_not_see_each_other(tmp_path: Path) -> None:
    both = campaign(tmp_path / "both", "global", "prune").offers
    alone = [*campaign(tmp_path / "g", "global").offers, *campaign(tmp_path / "p", "prune").offers]
    assert [dataclasses.astuple(o) for o in both] == [dataclasses.astuple(o) for o in alone]


def test_networks_are_offered_laid_out_too_and_that_is_chosen_once(tmp_path: Path) -> None:
    asked: list[tuple[str, ...]] = []

    def choose(traces: Sequence[LayerTrace]) -> dict[str, HardwareMapping]:
        asked.append(tuple(trace.layer.name for trace in traces))
        return {"a": HardwareMapping(psum_offset=(1, 2) * 6, flipped_filters=(3,))}

    def run() -> Found:
        remembered = RememberedSubject(network(), PickleCodec(), Memory(tmp_path))
        profilers = Profilers(FakeProfiler(FACTORS), FakeProfiler(FACTORS), mapper=Mapper(2, choose))
        started = Campaign(remembered, profilers, SMALL, Journal(tmp_path, lambda e: None), Budget(tmp_path, None))
        return started.run(chosen(["prune", "int8"]))

    found = run()
    assert [(o.method, bool(o.mappings)) for o in found.offers] == [
        ("prune", False),
        ("prune", True),
        ("int8", False),
        ("int8", True),
    ]
    assert found.offers[1].state == found.offers[0].state
    assert found.offers[1].mappings == choose([])
    assert [e.mapped for e in found.events if isinstance(e, PointFound)] == [False, True, False, True]
    assert asked[:2] == [("a", "b"), ("a", "b")]
    del asked[:]
    assert told(run()) == told(found)
    assert not asked


class Greedy:
    """Wants to save more than there is."""

    def targets(self, config: CompressConfig) -> tuple[float, ...]:
        return (0.5, 0.97)

    def parts(self, lab: Lab) -> int:
        return 1

    def points(self, lab: Lab) -> Iterator[Point]:
        raise AssertionError("it was let in")


def test_a_target_beyond_zero_weights_is_refused_before_any_work(tmp_path: Path) -> None:
    remembered = RememberedSubject(network(), PickleCodec(), Memory(tmp_path))
    profilers = Profilers(FakeProfiler(FACTORS), FakeProfiler(FACTORS))
    started = Campaign(remembered, profilers, SMALL, Journal(tmp_path, lambda e: None), Budget(tmp_path, None))
    with pytest.raises(ConfigError, match=r"97\.0% cannot be reached: weights of 0 alone would save 9\d"):
        started.run({"greedy": Greedy()})


def test_unknown_methods_and_networks_without_layers_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="unknown method magic; known: layerwise, "):
        chosen(["magic"])
    with pytest.raises(ConfigError, match="unknown method list"):
        chosen([])
    linear = network()
    linear.kinds = dict.fromkeys(FACTORS, "linear")
    with pytest.raises(ModelError, match=r"compress\.scope"):
        campaign(tmp_path, "prune", subject=linear)


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


def test_out_of_time_a_campaign_ends_with_what_it_has_and_goes_on_when_given_more(tmp_path: Path) -> None:
    clock, names = Clock(), ("prune", "set", "int8")
    whole = told(campaign(tmp_path / "whole", *names))
    subject = network()
    tune = subject.tune

    def slow(epochs: int, seed: int, **options: Any) -> None:
        clock.now += 3600.0
        tune(epochs, seed, **options)

    subject.tune = slow  # type: ignore[method-assign]
    part = campaign(tmp_path / "part", *names, subject=subject, budget=Budget(tmp_path / "part", 1.5, clock))
    assert part.out_of_time
    assert isinstance(part.events[-1], TimeSpent)
    assert [offer.method for offer in part.offers] == ["prune"]
    assert told(campaign(tmp_path / "part", *names)) == whole


def test_a_campaign_that_is_whole_is_not_said_to_have_been_stopped(tmp_path: Path) -> None:
    """The hours were spent in its last training, after which nothing was left to do."""
    clock = Clock()
    subject = network()
    tune = subject.tune

    def slow(epochs: int, seed: int, **options: Any) -> None:
        clock.now += 3600.0
        tune(epochs, seed, **options)

    subject.tune = slow  # type: ignore[method-assign]
    found = campaign(tmp_path / "slow", "prune", subject=subject, budget=Budget(tmp_path / "slow", 1.5, clock))
    assert clock.now > 1.5 * 3600.0
    assert not found.out_of_time
    assert told(found) == told(campaign(tmp_path / "whole", "prune"))


def test_rivals_that_the_cell_cannot_serve_are_refused_before_any_other_has_its_turn(tmp_path: Path) -> None:
    subject = network()
    config = dataclasses.replace(SMALL, baselines=dataclasses.replace(SMALL.baselines, naive_values=(200,)))
    subject.tune = subject.constrain = None  # type: ignore[assignment, method-assign]
    curve = np.where(np.abs(np.arange(-128, 128)) < 64, FakeOracle(FACTORS).curve, np.inf)
    remembered = RememberedSubject(subject, PickleCodec(), Memory(tmp_path))
    profilers = Profilers(lambda traces: FakeOracle(FACTORS, curve), FakeProfiler(FACTORS))
    started = Campaign(remembered, profilers, config, Journal(tmp_path, lambda e: None), Budget(tmp_path, None))
    with pytest.raises(ConfigError, match="naive_values asks for 200 values and the cell holds 127"):
        started.run(chosen(["prune", "naive"]))


def test_a_journal_can_be_followed_and_is_cut_where_a_line_is_torn(tmp_path: Path) -> None:
    journal = Journal(tmp_path, lambda event: None)
    events = [MethodStarted("a", 2), PointFound("a", "x=1", 0.9, 0.2, 5.0), MethodStarted("b", 1)]
    for event in events[:2]:
        journal(event)
    assert from_lines(journal.path.read_text()) == tuple(events[:2])
    with journal.path.open("ab") as file:
        file.write(b'{"event": "MethodSta')
    again = Journal(tmp_path, lambda event: None)
    for event in events:
        again(event)
    assert from_lines(journal.path.read_text()) == tuple(events)


def test_too_little_room_is_told_before_any_work(tmp_path: Path) -> None:
    Memory(tmp_path / "new" / "folder").require_room(1)
    with pytest.raises(StorageError, match="free space or set WATTLOOP_CACHE"):
        Memory(tmp_path / "new" / "folder").require_room(1 << 60)


def test_states_are_named_by_all_that_a_network_has(tmp_path: Path) -> None:
    remembered = RememberedSubject(network(), PickleCodec(), Memory(tmp_path))
    start = remembered.digest
    remembered.constrain("a", Constraint((0, 4)))
    assert remembered.digest != start
    kept = remembered.snapshot()
    remembered.constrain("a", Constraint(None, np.zeros((12, 30), bool)))
    remembered.restore(kept)
    remembered.constrain("a", Constraint())
    assert remembered.digest == start
