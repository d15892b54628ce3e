"""Greedy backward elimination."""

import itertools
from dataclasses import dataclass, field

import numpy as np
import pytest
from tests.compression.fakes import CURVE, FakeOracle, FakeSubject, normal_weights

from wattloop.compression.config import CompressConfig, Scoring
from wattloop.compression.journal import RemovalTried
from wattloop.compression.layerwise.bench import Bench
from wattloop.compression.layerwise.elimination import Elimination
from wattloop.compression.layerwise.scoring import scoring_of
from wattloop.compression.remap import remap
from wattloop.compression.subject import Constraint, Quality

START = (-60, -45, -30, -15, 0, 15, 30, 45, 60)


@dataclass
class Case:
    """An elimination of layer "a" from `START`."""

    subject: FakeSubject
    target: int
    bound: float = 0.0
    scoring: Scoring = "fisher"
    recoveries: int = 0
    mask: np.ndarray | None = None
    curve: np.ndarray = field(default_factory=lambda: CURVE)

    def eliminate(self) -> tuple[Elimination, bool, list[RemovalTried]]:
        events: list[RemovalTried] = []
        bench = Bench(self.subject, FakeOracle({"a": 1.0}, self.curve), "a", Constraint(START, self.mask))
        strategy = scoring_of(CompressConfig(scoring=self.scoring))
        run = Elimination(bench, strategy, self.bound, lambda: self.subject.tune(1, 0), self.recoveries, events.append)
        return run, run.run(self.target), events


@pytest.mark.parametrize("scoring", ["fisher", "accuracy"])
def test_it_reaches_the_target_and_keeps_zero(scoring: Scoring) -> None:
    run, reached, events = Case(FakeSubject({"a": normal_weights(1)}), 3, scoring=scoring).eliminate()
    assert reached
    assert len(run.values) == 3
    assert 0 in run.values
    assert [e.size for e in events] == [8, 7, 6, 5, 4, 3]


@pytest.mark.parametrize("scoring", ["fisher", "accuracy"])
def test_it_finds_a_planted_optimum(scoring: Scoring) -> None:
    planted = (-30, 0, 15, 60)
    curve = np.full(256, 10.0)
    curve[np.array(planted) + 128] = 1.0
    subject = FakeSubject({"a": normal_weights(1, spread=40.0)})
    run, reached, _ = Case(subject, 4, scoring=scoring, curve=curve).eliminate()
    sets = [{0, *rest} for rest in itertools.combinations(set(START) - {0}, 3)]
    best = min(sets, key=lambda values: float(curve[remap(subject.latents["a"], values).astype(int) + 128].sum()))
    assert reached
    assert set(run.values) == best == set(planted)


def test_the_first_removal_is_the_one_that_brute_force_finds() -> None:
    subject = FakeSubject({"a": normal_weights(2)})
    oracle = FakeOracle({"a": 1.0})
    bench = Bench(subject, oracle, "a", Constraint(START))
    accuracy = subject.score().accuracy

    def score(value: int) -> float:
        rest = set(START) - {value}
        saving = bench.energy(START).energy.dynamic_fj - bench.energy(rest).energy.dynamic_fj
        drop = max(0.0, 100 * (accuracy - bench.measure(rest, None).accuracy))
        return saving / (drop + 0.1)

    expected = max((v for v in START if v), key=score)
    _, _, events = Case(subject, len(START) - 1, scoring="accuracy").eliminate()
    assert events[0].value == expected


def test_a_value_that_the_bound_needs_is_marked_essential_and_never_tried_again() -> None:
    def quality(subject: FakeSubject) -> Quality:
        return Quality(0.9 if {15, 45} <= set(subject.constraints["a"].values) else 0.1, 1.0, 100)

    subject = FakeSubject({"a": normal_weights(1)}, quality=quality)
    run, reached, events = Case(subject, 3, bound=0.8).eliminate()
    assert reached
    assert run.values == (0, 15, 45)
    refused = [e.value for e in events if not e.accepted]
    assert len(refused) == len(set(refused))
    assert set(refused) <= {15, 45}


def test_it_stops_short_when_every_value_is_essential() -> None:
    def quality(subject: FakeSubject) -> Quality:
        return Quality(0.9 if len(subject.constraints["a"].values) > 6 else 0.1, 1.0, 100)

    run, reached, events = Case(FakeSubject({"a": normal_weights(1)}, quality=quality), 3, bound=0.8).eliminate()
    assert not reached
    assert len(run.values) == 7
    assert run.essential == {0, *run.values}
    assert all(event.accuracy >= 0.8 for event in events if event.accepted)


def test_a_recovery_saves_a_removal_and_is_spent() -> None:
    subject = FakeSubject({"a": normal_weights(1)})
    subject.quality = lambda s: Quality(0.9 if s.tunings or len(s.constraints["a"].values) > 8 else 0.1, 1.0, 100)
    run, reached, events = Case(subject, 8, bound=0.8, recoveries=1).eliminate()
    assert reached
    assert events[0].recovered
    assert events[0].accepted
    assert run.recoveries == 0


def test_a_recovery_that_fails_leaves_no_trace() -> None:
    subject = FakeSubject({"a": normal_weights(1)})
    subject.quality = lambda s: Quality(0.9 if len(s.constraints["a"].values) > 8 else 0.1, 1.0, 100)
    before = subject.latents["a"].copy()
    run, reached, _ = Case(subject, 8, bound=0.8, recoveries=20).eliminate()
    assert not reached
    assert run.values == START
    assert subject.constraints["a"].values == START
    assert np.array_equal(subject.latents["a"], before)
    assert subject.tunings == 0


def test_masked_weights_stay_zero_throughout() -> None:
    mask = np.random.default_rng(0).random((12, 30)) > 0.5
    subject = FakeSubject({"a": normal_weights(1)})
    Case(subject, 3, mask=mask).eliminate()
    assert not subject.weight("a")[~mask].any()
