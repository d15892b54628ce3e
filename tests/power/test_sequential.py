"""A sample says how well it knows a total, and is right about it as often as it says."""

from __future__ import annotations

import itertools
import math
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wattloop.errors import ConfigError
from wattloop.power.sequential import Draw, Float, Found, Population, StopRule, interval, sample_total

GOLDEN = Path(__file__).resolve().parent.parent / "golden" / "resnet20_tile_energies.npz"


def sampled(strata: list[Float], costs: Float, rule: StopRule, seed: int) -> Found:
    population = Population(np.array([len(v) for v in strata]), costs, [(h,) for h in range(len(strata))])
    return sample_total(population, lambda new: [strata[h][members] for h, members in new], rule, seed)


@pytest.fixture(scope="module")
def resnet20() -> tuple[list[Float], Float]:
    """Datapath energy (pJ) of all 1,864 tiles of ResNet-20's convolutions on four CIFAR-10 images, and their costs."""
    with np.load(GOLDEN) as stored:
        strata = [stored["energy_pj"][stored["stratum"] == h].astype(np.float64) for h in range(len(stored["cost"]))]
        return strata, stored["cost"].astype(np.float64)


def test_estimate_and_error_are_unbiased_over_all_samples_there_are() -> None:
    # Every sample of 2 of 5 and 3 of 4, and a stratum of one: the plain definition of unbiased.
    rng = np.random.default_rng(0)
    strata = [rng.random(5) * 10, rng.random(4), rng.random(1) * 100]
    estimates, variances = [], []
    for first, second in itertools.product(itertools.combinations(strata[0], 2), itertools.combinations(strata[1], 3)):
        found = interval([5, 4, 1], [np.array(first), np.array(second), strata[2]], 0.95)
        estimates.append(found.total)
        variances.append(found.error**2)
    assert np.mean(estimates) == pytest.approx(sum(part.sum() for part in strata))
    assert np.var(estimates) == pytest.approx(np.mean(variances))


def test_everything_measured_leaves_no_doubt_and_nothing_is_no_energy() -> None:
    found = interval([3, 1], [np.array([1.0, 2.0, 4.0]), np.array([8.0])], 0.95)
    assert (found.total, found.error, found.half_width) == (15.0, 0.0, 0.0)
    assert found.covers(15.0) and not found.covers(15.1)
    assert interval([], [], 0.95).total == 0.0


def test_one_large_stratum_is_students_interval() -> None:
    # t of 4 degrees of freedom at 97.5 % is 2.776445 in every table.
    values = np.array([3.0, 5.0, 4.0, 6.0, 2.0])
    found = interval([10**9], [values], 0.95)
    assert found.half_width == pytest.approx(10**9 * 2.776445 * math.sqrt(2.5 / 5), rel=1e-6)
    assert found.degrees == pytest.approx(4)


@settings(max_examples=50, deadline=None)
@given(size=st.integers(1, 300_000), seed=st.integers(0, 99), data=st.data())
def test_a_draw_goes_on_where_it_left_off_and_repeats_nobody(size: int, seed: int, data: st.DataObject) -> None:
    few, more = sorted(data.draw(st.tuples(*[st.integers(0, min(size, 300))] * 2)))
    draw = Draw(size, [seed])
    begun = list(draw.first(few))
    whole = list(draw.first(more))
    assert whole[:few] == begun
    assert whole == Draw(size, [seed]).first(more)
    assert len(set(whole)) == more
    assert all(0 <= member < size for member in whole)


def test_intervals_cover_the_exact_total_as_often_as_they_say(resnet20: tuple[list[Float], Float]) -> None:
    strata, costs = resnet20
    exact = sum(float(v.sum()) for v in strata)
    for precision, confidence in ((0.01, 0.95), (0.02, 0.8), (0.005, 0.99)):
        rule = StopRule(precision, confidence)
        found = [sampled(strata, costs, rule, seed).interval for seed in range(400)]
        assert all(one.precision <= precision for one in found)
        covered = np.mean([one.covers(exact) for one in found])
        # Three standard errors of a share of 400 below; above, what the rule gives away by aiming a little below.
        doubt = 3 * math.sqrt(confidence * (1 - confidence) / 400)
        assert confidence - doubt <= covered <= min(1.0, confidence + doubt + 0.01)
        errors = np.array([one.total for one in found]) / exact - 1
        assert abs(errors.mean()) < 4 * errors.std() / math.sqrt(len(found))


def test_precision_is_paid_for_and_not_more(resnet20: tuple[list[Float], Float]) -> None:
    strata, costs = resnet20

    def measured(precision: float) -> float:
        runs = [sampled(strata, costs, StopRule(precision), seed) for seed in range(20)]
        return float(np.mean([sum(len(chosen) for chosen in run.chosen) for run in runs]))

    everything = sum(len(v) for v in strata)
    # Without strata, spread 27 % of the mean: n = (1.96 x 0.27 / precision)^2, less the finite population's share.
    assert 192 <= measured(0.03) < measured(0.01) < 0.35 * everything < measured(0.004) < everything


def test_the_second_look_is_the_last_one_most_of_the_time(resnet20: tuple[list[Float], Float]) -> None:
    strata, costs = resnet20
    for precision in (0.02, 0.01):
        rounds = [sampled(strata, costs, StopRule(precision), seed).rounds for seed in range(200)]
        assert np.mean(rounds) < 2.1


def test_a_sample_that_is_all_alike_is_not_taken_for_all_there_is() -> None:
    alone = interval([400], [np.full(60, 7.0)], 0.95)
    assert (alone.total, alone.half_width) == (2800, math.inf)
    # One unseen member in 60 on the average, taken to be off by the mean: nothing else is known.
    assert alone.error == pytest.approx(340 / 60 * 7)
    assert not interval([400], [np.full(400, 7.0)], 0.95).half_width
    # Elsewhere members are off by up to half of the median; so many of 940 may be, by the rule of three.
    other = np.array([1.0, 2, 3, 2, 1, 3, 2.5])
    found = interval([7, 1000], [other, np.full(60, 8.0)], 0.95)
    assert found.half_width == pytest.approx(940 * -math.log(0.05) / 60 * 4)


def test_a_few_that_differ_among_many_alike_get_an_allowance() -> None:
    few, more = ([1.0] * 60 + [3.0] * k for k in (2, 6))
    student = interval([10**6], [np.array(more)], 0.95)
    assert student.half_width == pytest.approx(1.9971 * student.error, rel=1e-3)  # t of 65 degrees of freedom
    assert interval([10**6], [np.array(few)], 0.95).half_width > 10**6 * 2 * 2.99 / 62


@pytest.mark.parametrize(
    ("share", "factor", "precision", "least"), [(0.02, 156, 0.01, 1.0), (0.02, 3, 0.02, 0.92), (0.01, 3, 0.01, 0.92)]
)
def test_rare_dear_members_among_equals_are_covered(
    share: float, factor: float, precision: float, least: float
) -> None:
    size = 400 if factor > 100 else 3000
    values = np.ones(size)
    values[: round(share * size)] = factor
    found = [sampled([values], np.ones(1), StopRule(precision), seed).interval for seed in range(200)]
    assert np.mean([one.covers(float(values.sum())) for one in found]) >= least


def test_equal_members_are_measured_to_the_last_unless_others_tell_how_they_may_differ() -> None:
    alike, spread = np.full(2000, 5.0), np.random.default_rng(0).normal(10, 2, 3000)
    alone = sampled([alike], np.ones(1), StopRule(0.01), 0)
    assert (len(alone.chosen[0]), alone.interval.half_width) == (2000, 0)
    beside = sampled([alike, spread], np.ones(2), StopRule(0.01), 0)
    assert 100 < len(beside.chosen[0]) < 2000
    assert 0 < beside.interval.precision <= 0.01


def test_strata_that_differ_are_measured_most() -> None:
    rng = np.random.default_rng(1)
    strata = [100 + rng.normal(0, 1, 3000), 100 + rng.normal(0, 30, 3000)]
    chosen = sampled(strata, np.ones(2), StopRule(0.005), 0).chosen
    assert len(chosen[1]) > 1.3 * len(chosen[0])
    costly = sampled(strata, np.array([1.0, 25.0]), StopRule(0.005), 0).chosen
    assert len(costly[0]) > len(chosen[0])


def test_a_small_population_is_measured_whole_rather_than_guessed() -> None:
    strata = [np.array([1.0, 100.0, 3.0, 50.0]), np.array([7.0])]
    found = sampled(strata, np.ones(2), StopRule(0.001), 0)
    assert found.interval.half_width == 0
    assert found.interval.total == pytest.approx(161)
    assert [sorted(chosen) for chosen in found.chosen] == [[0, 1, 2, 3], [0]]


def test_a_seed_draws_the_same_members(resnet20: tuple[list[Float], Float]) -> None:
    strata, costs = resnet20
    runs = [sampled(strata, costs, StopRule(0.02), seed) for seed in (5, 5, 6)]
    assert runs[0].chosen == runs[1].chosen != runs[2].chosen
    assert runs[0].interval == runs[1].interval


def test_rules_that_mean_nothing_are_refused() -> None:
    with pytest.raises(ConfigError, match=r"precision = 1\.5 is illegal"):
        StopRule(1.5)
    with pytest.raises(ConfigError, match=r"confidence = 95 is illegal; legal: 0.5 to below 1, such as 0.95 or 95%"):
        StopRule(0.01, 95)
