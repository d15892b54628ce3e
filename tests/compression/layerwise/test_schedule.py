"""The layer-wise schedule."""

import dataclasses
from collections.abc import Callable
from typing import Any, TypeVar

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
from wattloop.compression.layerwise.outcome import bounds_of, shares_of
from wattloop.compression.layerwise.schedule import LayerWise
from wattloop.compression.method import Lab, Point
from wattloop.compression.subject import Quality

Kind = TypeVar("Kind", bound=Event)

FACTORS = {"a": 1.0, "b": 5.0, "c": 2.0, "d": 9.0}
SMALL = CompressConfig(ratios=(0.3, 0.6), set_sizes=(12, 8), k_init=12, k_growth=6, k_limit=24, delta=5.0)


def network(quality: Callable[[FakeSubject], Quality] = by_distance, salt: int = 0) -> FakeSubject:
    latents = {name: normal_weights(seed) for seed, name in enumerate(FACTORS)}
    kinds = {"a": "conv", "b": "conv", "c": "conv", "d": "linear"}
    return FakeSubject(latents, quality=quality, kinds=kinds, salt=salt)


@dataclasses.dataclass(frozen=True)
class Outcome:
    """What a schedule led to, as its journal tells it."""

    journal: list[Event]
    points: list[Point]
    profiler: FakeProfiler
    tiles: FakeProfiler

    @property
    def shares(self) -> dict[str, float]:
        (started,) = of_kind(self.journal, Started)
        return dict(zip(started.layers, started.shares, strict=True))

    @property
    def decisions(self) -> list[LayerDecided]:
        return of_kind(self.journal, LayerDecided)


def run(subject: FakeSubject, config: CompressConfig = SMALL, **options: Any) -> Outcome:
    found = Outcome([], [], FakeProfiler(FACTORS), FakeProfiler(FACTORS, "tiles/fake"))
    lab = Lab(subject, found.profiler, found.tiles, config, found.journal.append, **options)
    found.points.extend(LayerWise().points(lab))
    return found


def of_kind(journal: list[Event], kind: type[Kind]) -> list[Kind]:
    return [event for event in journal if isinstance(event, kind)]


@settings(max_examples=25, deadline=None)
@given(salt=st.integers(0, 2**32), delta=st.floats(0, 20), split=st.sampled_from(["global", "by_energy"]))
def test_the_bound_holds_whatever_the_evaluator_says(salt: int, delta: float, split: DeltaSplit) -> None:
    subject = network(by_hash, salt)
    bound = subject.score().accuracy - delta / 100
    journal = run(subject, dataclasses.replace(SMALL, delta=delta, delta_split=split)).journal
    assert subject.score().accuracy >= bound
    assert journal[-1].accuracy == subject.score().accuracy
    assert all(event.accuracy >= bound for event in of_kind(journal, LayerDecided))
    for layer, constraint in subject.constraints.items():
        weights = subject.weight(layer)
        if constraint.mask is not None:
            assert not weights[~constraint.mask].any()
        if constraint.values is not None:
            assert 0 in constraint.values
            assert set(np.unique(weights).tolist()) <= set(constraint.values)


def test_layers_go_by_descending_share_of_energy_and_linear_layers_stay_out() -> None:
    outcome = run(network())
    journal = outcome.journal
    assert list(outcome.shares) == ["b", "c", "a"]
    assert sum(outcome.shares.values()) == pytest.approx(1.0)
    assert [event.layer for event in of_kind(journal, LayerStarted)] == ["b", "c", "a"]
    assert [decision.layer for decision in outcome.decisions] == ["b", "c", "a"]


def test_linear_layers_come_in_when_asked_for() -> None:
    outcome = run(network(), dataclasses.replace(SMALL, scope="all", max_layers=1))
    assert list(outcome.shares) == ["d", "b", "c", "a"]
    assert [decision.layer for decision in outcome.decisions] == ["d"]


def test_energy_falls_and_the_journal_tells_what_the_network_has() -> None:
    subject = network()
    outcome = run(subject)
    oracle = FakeOracle(FACTORS)
    assert [d.layer for d in outcome.decisions if d.ratio is not None]
    for weights, told in ((subject.first.get, "energy_before_fj"), (subject.weight, "energy_fj")):
        sums = sum(oracle.energy(name, weights(name)).energy.dynamic_fj for name in "abc")
        assert getattr(outcome.journal[-1], told) == pytest.approx(sums)
    assert all(d.energy_fj < 0.9 * d.energy_before_fj for d in outcome.decisions)


def test_the_first_configuration_that_holds_is_taken() -> None:
    journal = run(network()).journal
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
    outcome = run(subject)
    journal = outcome.journal
    assert all(decision.ratio is None for decision in outcome.decisions)
    assert not outcome.points
    assert journal[-1].energy_before_fj == journal[-1].energy_fj
    assert all(np.array_equal(subject.weight(name), weights) for name, weights in untouched.items())
    assert {e.verdict for e in of_kind(journal, ConfigurationTried)} == {"no such set holds the bound"}


def test_an_accepted_change_makes_every_table_stale_until_it_is_profiled_again() -> None:
    outcome = run(network())
    journal, profiler = outcome.journal, outcome.profiler
    assert all(decision.ratio is not None for decision in outcome.decisions)
    assert all(set(event.stale) == {"a", "b", "c"} for event in of_kind(journal, LayerDecided))
    assert [e.layers for e in of_kind(journal, Profiled)] == [("a", "b", "c"), ("c",), ("a",), ("a", "b", "c")]
    assert profiler.calls == [e.layers for e in of_kind(journal, Profiled)]


def test_the_journal_tells_every_decision() -> None:
    outcome = run(network())
    journal = outcome.journal
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
    assert journal[-1].accuracy == outcome.points[-1].validation.accuracy


def test_the_same_seed_gives_the_same_run_and_another_seed_another() -> None:
    subjects = [network() for _ in range(3)]
    runs = [run(s, dataclasses.replace(SMALL, seed=seed)).journal for s, seed in zip(subjects, (1, 1, 2), strict=True)]
    assert runs[0] == runs[1]
    assert all(np.array_equal(subjects[0].latents[n], subjects[1].latents[n]) for n in FACTORS)
    assert any(not np.array_equal(subjects[0].latents[n], subjects[2].latents[n]) for n in FACTORS)


def test_every_accepted_layer_is_a_point_with_its_network_and_what_it_was_given() -> None:
    subject = network()
    outcome = run(subject)
    accepted = [d for d in outcome.decisions if d.ratio is not None]
    assert len(outcome.points) == len(accepted) == 3
    for number, (point, decided) in enumerate(zip(outcome.points, accepted, strict=True), start=1):
        subject.restore(point.state)
        assert point.setting == {"delta": 5.0, "layers": number}
        assert point.validation == subject.score()
        assert point.asked[decided.layer] == (decided.ratio, decided.set_size)
        assert list(point.asked) == [d.layer for d in accepted[:number]]


def test_an_accepted_layer_tells_its_energy_by_tiles_beside_the_tables() -> None:
    outcome = run(network())
    for decided in outcome.decisions:
        assert decided.tiles_before_fj == pytest.approx(decided.energy_before_fj)
        assert decided.tiles_fj == pytest.approx(decided.energy_fj)
        assert decided.tiles_error_fj == pytest.approx(0.01 * decided.energy_fj)
    assert outcome.tiles.calls == [(d.layer,) for d in outcome.decisions for _ in range(2)]


@pytest.mark.parametrize("questions", [1, 2, 5, 7])
def test_out_of_time_it_ends_with_the_layers_that_were_settled(questions: int) -> None:
    answers = iter([False] * questions)
    subject, whole = network(), run(network())
    outcome = run(subject, out_of_time=lambda: next(answers, True))
    assert outcome.decisions == whole.decisions[: len(outcome.decisions)]
    assert len(outcome.decisions) < len(whole.decisions)
    assert isinstance(outcome.journal[-1], Finished)
    if outcome.points:
        now = {name: subject.weight(name) for name in FACTORS}
        subject.restore(outcome.points[-1].state)
        assert all(np.array_equal(now[name], subject.weight(name)) for name in FACTORS)


def test_a_split_delta_grants_each_layer_the_share_of_the_energy_so_far() -> None:
    config = CompressConfig(delta=2.0, delta_split="by_energy")
    bounds = bounds_of(0.9, {"x": 0.5, "y": 0.3, "z": 0.2}, config)
    assert list(bounds.values()) == pytest.approx([0.89, 0.884, 0.88])
    assert set(bounds_of(0.9, {"x": 0.5, "y": 0.5}, CompressConfig(delta=2.0)).values()) == {0.9 - 0.02}


def test_equal_shares_keep_the_order_of_execution() -> None:
    oracle = FakeOracle({"p": 1.0, "q": 1.0})
    energies = {name: oracle.energy(name, normal_weights(0)) for name in ("q", "p")}
    assert list(shares_of(energies)) == ["q", "p"]
