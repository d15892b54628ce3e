"""The layer-wise schedule."""

import dataclasses
from collections.abc import Callable
from typing import TypeVar

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.compression.fakes import FakeOracle, FakeProfiler, FakeSubject, by_distance, by_hash, normal_weights

from wattloop.compression.config import CompressConfig, DeltaSplit
from wattloop.compression.journal import (
    ConfigurationTried,
    Event,
    Finished,
    LayerDecided,
    LayerStarted,
    Profiled,
    RemovalTried,
    SafeSet,
    Started,
)
from wattloop.compression.layerwise.configurations import ordered
from wattloop.compression.layerwise.outcome import Outcome, Progress, Resume, bounds_of, shares_of
from wattloop.compression.layerwise.schedule import Schedule
from wattloop.compression.subject import Quality

Kind = TypeVar("Kind", bound=Event)

FACTORS = {"a": 1.0, "b": 5.0, "c": 2.0, "d": 9.0}
SMALL = CompressConfig(ratios=(0.3, 0.6), set_sizes=(12, 8), k_init=12, k_growth=6, k_limit=24, delta=5.0)


def network(quality: Callable[[FakeSubject], Quality] = by_distance, salt: int = 0) -> FakeSubject:
    latents = {name: normal_weights(seed) for seed, name in enumerate(FACTORS)}
    kinds = {"a": "conv", "b": "conv", "c": "conv", "d": "linear"}
    return FakeSubject(latents, quality=quality, kinds=kinds, salt=salt)


def run(
    subject: FakeSubject, config: CompressConfig = SMALL, resume: Resume | None = None
) -> tuple[Outcome, list[Event], FakeProfiler]:
    profiler = FakeProfiler(FACTORS)
    schedule = Schedule(subject, profiler, config, lambda event: None, resume)
    return schedule.run(), schedule.journal, profiler


def of_kind(journal: list[Event], kind: type[Kind]) -> list[Kind]:
    return [event for event in journal if isinstance(event, kind)]


@settings(max_examples=25, deadline=None)
@given(salt=st.integers(0, 2**32), delta=st.floats(0, 20), split=st.sampled_from(["global", "by_energy"]))
def test_the_bound_holds_whatever_the_evaluator_says(salt: int, delta: float, split: DeltaSplit) -> None:
    subject = network(by_hash, salt)
    outcome, journal, _ = run(subject, dataclasses.replace(SMALL, delta=delta, delta_split=split))
    bound = outcome.baseline.accuracy - delta / 100
    assert subject.score().accuracy >= bound
    assert outcome.final == subject.score()
    assert all(event.accuracy >= bound for event in of_kind(journal, LayerDecided))
    for layer, constraint in subject.constraints.items():
        weights = subject.weight(layer)
        if constraint.mask is not None:
            assert not weights[~constraint.mask].any()
        if constraint.values is not None:
            assert 0 in constraint.values
            assert set(np.unique(weights).tolist()) <= set(constraint.values)


def test_layers_go_by_descending_share_of_energy_and_linear_layers_stay_out() -> None:
    outcome, journal, _ = run(network())
    assert list(outcome.shares) == ["b", "c", "a"]
    assert sum(outcome.shares.values()) == pytest.approx(1.0)
    assert [event.layer for event in of_kind(journal, LayerStarted)] == ["b", "c", "a"]
    assert [decision.layer for decision in outcome.decisions] == ["b", "c", "a"]


def test_linear_layers_come_in_when_asked_for() -> None:
    outcome, _, _ = run(network(), dataclasses.replace(SMALL, scope="all", max_layers=1))
    assert list(outcome.shares) == ["d", "b", "c", "a"]
    assert [decision.layer for decision in outcome.decisions] == ["d"]


def test_energy_falls_and_the_outcome_tells_what_the_network_has() -> None:
    subject = network()
    outcome, _, _ = run(subject)
    for layer in outcome.before:
        oracle = FakeOracle(FACTORS)
        assert outcome.before[layer] == oracle.energy(layer, subject.first[layer])
        assert outcome.after[layer] == oracle.energy(layer, subject.weight(layer))
    changed = [d.layer for d in outcome.decisions if d.ratio is not None]
    assert changed
    for layer in changed:
        assert outcome.after[layer].energy.dynamic_fj < 0.9 * outcome.before[layer].energy.dynamic_fj


def test_the_first_configuration_that_holds_is_taken() -> None:
    _, journal, _ = run(network())
    starts = {e.layer: e for e in of_kind(journal, LayerStarted)}
    for decided in of_kind(journal, LayerDecided):
        tried = [e for e in of_kind(journal, ConfigurationTried) if e.layer == decided.layer]
        order = starts[decided.layer].configurations
        assert tuple((e.ratio, e.set_size) for e in tried) == order[: len(tried)]
        assert [e.verdict == "accepted" for e in tried[:-1]] == [False] * (len(tried) - 1)
        if decided.ratio is not None:
            assert (tried[-1].ratio, tried[-1].set_size) == (decided.ratio, decided.set_size)
            assert tried[-1].verdict == "accepted"


def test_configurations_stand_in_a_total_order_by_estimated_energy() -> None:
    found = ordered(FakeOracle(FACTORS), "a", normal_weights(0), CompressConfig())
    assert len(found) == 9
    assert [c.estimate_fj for c in found] == sorted(c.estimate_fj for c in found)
    assert (found[0].ratio, found[-1].ratio) == (0.7, 0.3)
    assert ordered(FakeOracle(FACTORS), "a", normal_weights(0), CompressConfig(max_configurations=2)) == found[:2]


def test_a_network_that_bears_nothing_is_left_exactly_as_it_was() -> None:
    subject = network()
    untouched = {name: weights.copy() for name, weights in subject.latents.items()}
    first = subject.quality(subject)
    subject.quality = lambda s: (
        first
        if all(np.array_equal(s.weight(n), w) for n, w in untouched.items())
        else (dataclasses.replace(first, accuracy=0.0))
    )
    outcome, journal, _ = run(subject)
    assert all(decision.ratio is None for decision in outcome.decisions)
    assert outcome.before == outcome.after
    assert all(np.array_equal(subject.weight(name), weights) for name, weights in untouched.items())
    assert {e.verdict for e in of_kind(journal, ConfigurationTried)} == {"no such set holds the bound"}


def test_an_accepted_change_makes_every_table_stale_until_it_is_profiled_again() -> None:
    outcome, journal, profiler = run(network())
    assert all(decision.ratio is not None for decision in outcome.decisions)
    assert all(set(event.stale) == {"a", "b", "c"} for event in of_kind(journal, LayerDecided))
    assert [e.layers for e in of_kind(journal, Profiled)] == [("a", "b", "c"), ("c",), ("a",), ("a", "b", "c")]
    assert profiler.calls == [e.layers for e in of_kind(journal, Profiled)]


def test_the_journal_tells_every_decision() -> None:
    outcome, journal, _ = run(network())
    assert isinstance(journal[0], Profiled)
    assert isinstance(journal[1], Started)
    assert isinstance(journal[-1], Finished)
    assert len(of_kind(journal, LayerDecided)) == len(outcome.decisions) == 3
    for decided in of_kind(journal, LayerDecided):
        tried = [e for e in of_kind(journal, ConfigurationTried) if e.layer == decided.layer][-1]
        safe = [e for e in of_kind(journal, SafeSet) if e.layer == decided.layer and e.ratio == decided.ratio][-1]
        later = journal[journal.index(safe) : journal.index(tried)]
        gone = {e.value for e in of_kind(later, RemovalTried) if e.accepted}
        assert safe.holds
        assert set(tried.values) == set(safe.values) - gone
        assert len(tried.values) <= tried.set_size
    assert journal[-1].accuracy == outcome.final.accuracy


def test_the_same_seed_gives_the_same_run_and_another_seed_another() -> None:
    subjects = [network() for _ in range(3)]
    runs = [run(s, dataclasses.replace(SMALL, seed=seed))[:2] for s, seed in zip(subjects, (1, 1, 2), strict=True)]
    assert runs[0] == runs[1]
    assert all(np.array_equal(subjects[0].latents[n], subjects[1].latents[n]) for n in FACTORS)
    assert any(not np.array_equal(subjects[0].latents[n], subjects[2].latents[n]) for n in FACTORS)


class KilledError(Exception):
    """Stands for kill -9."""


class MemoryResume:
    """Keeps progress in memory and dies after so many layers."""

    def __init__(self, die_after: int | None) -> None:
        self.die_after = die_after
        self.progress: Progress | None = None

    def load(self) -> Progress | None:
        return self.progress

    def save(self, progress: Progress) -> None:
        self.progress = progress
        if len(progress.decisions) == self.die_after:
            raise KilledError


@pytest.mark.parametrize("layers", [1, 2, 3])
@pytest.mark.parametrize("salt", [None, 3, 4, 11])
def test_a_killed_run_ends_as_an_undisturbed_one(layers: int, salt: int | None) -> None:
    def fresh() -> FakeSubject:
        return network() if salt is None else network(by_hash, salt)

    undisturbed = fresh()
    expected = run(undisturbed)[:2]
    resume = MemoryResume(layers)
    with pytest.raises(KilledError):
        run(fresh(), resume=resume)
    resume.die_after = None
    again = fresh()
    assert run(again, resume=resume)[:2] == expected
    assert all(np.array_equal(again.latents[n], undisturbed.latents[n]) for n in FACTORS)


def test_a_split_delta_grants_each_layer_the_share_of_the_energy_so_far() -> None:
    config = CompressConfig(delta=2.0, delta_split="by_energy")
    bounds = bounds_of(0.9, {"x": 0.5, "y": 0.3, "z": 0.2}, config)
    assert list(bounds.values()) == pytest.approx([0.89, 0.884, 0.88])
    assert set(bounds_of(0.9, {"x": 0.5, "y": 0.5}, CompressConfig(delta=2.0)).values()) == {0.9 - 0.02}


def test_equal_shares_keep_the_order_of_execution() -> None:
    oracle = FakeOracle({"p": 1.0, "q": 1.0})
    energies = {name: oracle.energy(name, normal_weights(0)) for name in ("q", "p")}
    assert list(shares_of(energies)) == ["q", "p"]
