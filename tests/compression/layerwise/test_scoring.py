"""The removal score and its strategies."""

from collections.abc import Callable

import numpy as np
from tests.compression.fakes import FakeOracle, FakeSubject, normal_weights

from wattloop.compression.config import CompressConfig
from wattloop.compression.layerwise.bench import Bench
from wattloop.compression.layerwise.scoring import (
    MeasuredAccuracy,
    PredictedLoss,
    Removal,
    ScoredRemoval,
    Shortlist,
    ranked,
    scoring_of,
)
from wattloop.compression.subject import Constraint, Quality


def bench(
    values: tuple[int, ...] = (-40, -20, 0, 20, 40), quality: Callable[[FakeSubject], Quality] | None = None
) -> Bench:
    subject = FakeSubject({"a": normal_weights(0)})
    if quality is not None:
        subject.quality = quality
    return Bench(subject, FakeOracle({"a": 1.0}), "a", Constraint(values))


def scored(value: int, saving: float, drop: float, loss: float = 0.0) -> ScoredRemoval:
    return ScoredRemoval(value, saving, drop, loss, saving / (drop + 0.1), measured=True)


def test_removals_go_by_score_and_ties_by_paired_loss() -> None:
    order = ranked([scored(1, 5.0, 1.0), scored(2, 5.0, 0.0, 0.4), scored(3, 5.0, 0.0, 0.3)])
    assert [r.value for r in order] == [3, 2, 1]


def test_removals_that_save_nothing_come_last_and_the_least_harmful_first() -> None:
    order = ranked([scored(1, -2.0, 5.0), scored(2, -2.0, 0.5), scored(3, 0.001, 50.0), scored(4, 0.0, 0.1)])
    assert [r.value for r in order] == [3, 4, 2, 1]


def test_a_gain_in_accuracy_counts_as_no_drop() -> None:
    def quality(subject: FakeSubject) -> Quality:
        return Quality(0.9 if 40 in subject.constraints["a"].values else 0.95, 0.3, 100)

    found = MeasuredAccuracy(images=100, epsilon=0.1).rank(bench(quality=quality), [Removal(40, 2.0)])
    assert found[0].drop_points == 0.0
    assert found[0].score == 2.0 / 0.1


def test_the_score_is_saving_over_drop_plus_epsilon() -> None:
    def quality(subject: FakeSubject) -> Quality:
        return Quality(0.9 if 40 in subject.constraints["a"].values else 0.88, 0.3, 100)

    found = MeasuredAccuracy(images=100, epsilon=0.5).rank(bench(quality=quality), [Removal(40, 5.0)])
    assert np.isclose(found[0].score, 5.0 / (2.0 + 0.5))


def test_measuring_a_removal_leaves_the_set_in_force() -> None:
    subject_bench = bench()
    MeasuredAccuracy(100, 0.1).rank(subject_bench, [Removal(20, 1.0), Removal(40, 1.0)])
    assert subject_bench.subject.constraints["a"].values == (-40, -20, 0, 20, 40)


def test_the_predicted_rise_of_a_quadratic_loss_is_exact() -> None:
    subject_bench = bench(values=tuple(range(-128, 128)))
    values = set(range(-128, 128)) - set(range(10, 30))
    before = subject_bench.subject.score().loss
    after = subject_bench.measure(values, None).loss
    assert np.isclose(subject_bench.predicted_loss(values), after - before, rtol=1e-9)


def test_the_proxy_measures_only_the_short_list() -> None:
    subject_bench = bench()
    subject_bench.subject.scored.clear()
    removals = [Removal(v, 1.0) for v in (-40, -20, 20, 40)]
    found = Shortlist(PredictedLoss(0.1), MeasuredAccuracy(50, 0.1), keep=2).rank(subject_bench, removals)
    assert subject_bench.subject.scored == [50, 50, 50]
    assert len(found) == 2
    assert all(removal.measured for removal in found)


def test_the_configuration_names_the_strategy() -> None:
    assert isinstance(scoring_of(CompressConfig(scoring="fisher")), Shortlist)
    assert isinstance(scoring_of(CompressConfig(scoring="accuracy")), MeasuredAccuracy)


def test_nothing_is_measured_twice_until_the_network_has_changed() -> None:
    subject_bench = bench()
    subject_bench.subject.scored.clear()
    for _ in range(2):
        subject_bench.measure((0, 20), 50)
        subject_bench.measure((0, 20), 5000)
        subject_bench.measure((0, 20), None)
    assert subject_bench.subject.scored == [50, 5000]
    subject_bench.refresh()
    subject_bench.measure((0, 20), None)
    assert subject_bench.subject.scored == [50, 5000, None]
