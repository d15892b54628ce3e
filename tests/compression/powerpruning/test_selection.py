"""Solvers against brute force on small problems, and against what is planted in large ones."""

from __future__ import annotations

import time

import numpy as np
import pytest
from hypothesis import given, settings
from tests.compression.powerpruning.small import brute_force, problems, table

from wattloop.compression.powerpruning.dropping import random_dropping
from wattloop.compression.powerpruning.exact import optimum
from wattloop.compression.powerpruning.gains import by_count
from wattloop.compression.powerpruning.power import under_threshold
from wattloop.compression.powerpruning.problem import Choice, DelayTable, Floors, Problem, late_transitions, problem
from wattloop.compression.powerpruning.search import local_search
from wattloop.compression.powerpruning.selection import SOLVERS, choose, compare
from wattloop.errors import ConfigError


def _masks(found: Problem, choice: Choice) -> tuple[np.ndarray, np.ndarray]:
    return np.isin(found.weights, choice.weights), np.isin(found.codes, choice.codes)


@given(problems())
@settings(max_examples=60)
def test_the_optimum_is_that_of_brute_force(found: Problem) -> None:
    best = brute_force(found)
    if best is None:
        with pytest.raises(ConfigError, match="floors"):
            optimum(found)
        return
    got = optimum(found)
    assert got.choice is not None and got.choice.gain == pytest.approx(best, rel=1e-6)
    assert got.bound == pytest.approx(best, rel=1e-6)
    assert found.possible(*_masks(found, got.choice))


@given(problems())
@settings(max_examples=60)
def test_every_solver_is_sound_and_none_beats_brute_force(found: Problem) -> None:
    best = brute_force(found)
    for solver in SOLVERS:
        try:
            got = choose(found, solver, seed=1)
        except ConfigError:
            continue
        assert best is not None and got.gain <= best + 1e-9
        assert found.possible(*_masks(found, got))
        assert got.gain == pytest.approx(found.choice(*_masks(found, got)).gain)


@given(problems())
@settings(max_examples=60)
def test_the_search_finds_the_best_of_small_problems_without_floors(found: Problem) -> None:
    free = Problem(found.weights, found.codes, found.late, found.weight_gain, found.code_gain)
    best = brute_force(free)
    assert best is not None and local_search(free, rounds=60).gain == pytest.approx(best)


def _planted(seed: int, weights: int = 41, codes: int = 60) -> tuple[DelayTable, np.ndarray, np.ndarray]:
    """Times of which none is late within planted weights and codes, and most are elsewhere."""
    rng = np.random.default_rng(seed)
    kept, values = rng.random(weights) < 0.5, rng.random(codes) < 0.6
    kept[weights // 2] = values[0] = True
    late = rng.random((weights, codes, codes)) < 0.6
    late[np.ix_(kept, values, values)] = False
    late[weights // 2] = False
    late[:, range(codes), range(codes)] = False
    return table(np.where(late, 150, 90).astype(np.uint16)), kept, values


def test_a_planted_selection_is_found_and_proved_and_dropping_at_random_stays_behind() -> None:
    delays, kept, values = _planted(3)
    found = problem(delays, 100, by_count(41, 60))
    planted = found.choice(kept, values)
    result = compare(found, seconds=60)
    assert result.optimum.choice is not None and result.optimum.choice.gain >= planted.gain - 1e-9
    assert result.gap(result.search) < 0.01
    assert result.dropping is not None and result.gap(result.dropping) > 0.05
    for choice in (result.search, result.dropping, result.optimum.choice):
        assert late_transitions(delays, 100, choice) == 0


def test_floors_are_kept_to() -> None:
    delays, _, _ = _planted(5)
    floors = Floors(weights=18, each_sign=4, codes=12)
    found = problem(delays, 100, by_count(41, 60, weight_share=0.1), floors=floors)
    choice = local_search(found, rounds=40)
    assert len(choice.weights) >= 18 and len(choice.codes) >= 12
    assert min(sum(w < 0 for w in choice.weights), sum(w > 0 for w in choice.weights)) >= 4
    assert found.possible(*_masks(found, choice))


def test_the_same_seed_gives_the_same_choice_and_more_restarts_no_worse_one() -> None:
    delays, _, _ = _planted(1)
    found = problem(delays, 100, by_count(41, 60))
    for solver in SOLVERS:
        assert choose(found, solver, seed=4) == choose(found, solver, seed=4)
    few, many = (random_dropping(found, restarts=n, seed=2) for n in (2, 12))
    assert many.gain >= few.gain
    assert random_dropping(found, restarts=2, seed=3) != few


def test_nothing_late_keeps_everything() -> None:
    found = problem(table(np.zeros((256, 256, 256), np.uint8)), 1, by_count())
    for solver in SOLVERS:
        assert choose(found, solver).gain == pytest.approx(1)


def test_millions_of_conflicts_take_seconds() -> None:
    """Times that grow with the bits that a product has and with the distance of codes: the shape of a real cell's."""
    rng = np.random.default_rng(0)
    bits = np.abs(np.arange(-128, 128)).astype(float) ** 0.3
    codes = np.arange(256.0)
    distance = np.abs(codes[:, None] - codes) ** 0.3
    settling = (20 * bits[:, None, None] * distance + rng.integers(0, 20, (256, 256, 256))).astype(np.uint16)
    delays = table(settling)
    found = problem(delays, 320, by_count())
    assert found.conflicts > 1_000_000
    began = time.process_time()
    result = choose(found)
    assert time.process_time() - began < 30
    assert late_transitions(delays, 320, result) == 0
    assert result.gain > choose(found, "dropping").gain


def test_the_power_threshold_keeps_what_is_cheap_and_zero() -> None:
    prices = np.array([np.inf, 4.0, 3.0, 9.0, 1.0, 2.0])
    assert under_threshold(prices, 2.0, least_weight=-3) == (0, 1, 2)
    assert under_threshold(prices, 1.0, negative_fj=100, least_weight=-3) == (-2, -1, 0, 1)
    with pytest.raises(ConfigError, match=r"cheapest costs 1 fJ"):
        under_threshold(prices, 0.5, least_weight=-3)


def test_an_unknown_solver_is_refused() -> None:
    with pytest.raises(ConfigError, match="dropping, search"):
        choose(problem(table(np.zeros((3, 2, 2))), 1, by_count(3, 2)), "best")
