"""The choice of values against enumeration."""

from itertools import combinations, combinations_with_replacement

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from wattloop.compression.rate_distortion.clustering import best_values
from wattloop.errors import ConfigError


def sets_with_zero(candidates: list[int], most: int) -> list[tuple[int, ...]]:
    others = [v for v in candidates if v]
    sizes = range(min(most, len(candidates)))
    return [tuple(sorted((0, *chosen))) for size in sizes for chosen in combinations(others, size)]


def cost_run_by_run(cost: np.ndarray, columns: list[int]) -> float:
    """The least cost of giving levels to columns that ascend with them."""
    levels = range(len(cost))
    return min(
        sum(cost[level, column] for level, column in zip(levels, chosen, strict=True))
        for chosen in combinations_with_replacement(columns, len(cost))
    )


@st.composite
def problems(draw: st.DrawFn) -> tuple[np.ndarray, list[int], int]:
    candidates = sorted({0, *draw(st.sets(st.integers(-8, 8), max_size=5))})
    levels = draw(st.integers(1, 5))
    numbers = st.integers(0, 20)
    row = st.lists(numbers, min_size=len(candidates), max_size=len(candidates))
    cost = draw(st.lists(row, min_size=levels, max_size=levels))
    return np.array(cost, np.float64), candidates, draw(st.integers(1, 4))


@given(problems())
def test_no_set_with_zero_costs_less_run_by_run(problem: tuple[np.ndarray, list[int], int]) -> None:
    cost, candidates, most = problem

    def of(values: tuple[int, ...]) -> float:
        return cost_run_by_run(cost, [candidates.index(v) for v in values])

    found = best_values(cost, candidates, most)
    assert 0 in found
    assert len(found) <= most
    assert of(found) == min(of(values) for values in sets_with_zero(candidates, most))


@given(
    st.lists(st.floats(-9, 9), min_size=1, max_size=6).map(sorted),
    st.lists(st.floats(0, 50), min_size=9, max_size=9),
    st.integers(1, 4),
)
def test_with_squared_errors_and_prices_no_set_costs_less_however_it_is_used(
    weights: list[float], prices: list[float], most: int
) -> None:
    candidates = list(range(-4, 5))
    cost = (np.array(weights)[:, None] - np.array(candidates)) ** 2 + np.array(prices)

    def of(values: tuple[int, ...]) -> float:
        return float(cost[:, [candidates.index(v) for v in values]].min(axis=1).sum())

    least = min(of(values) for values in sets_with_zero(candidates, most))
    assert of(best_values(cost, candidates, most)) == pytest.approx(least, abs=1e-9)


def test_of_sets_that_cost_the_same_the_smallest_is_taken() -> None:
    assert best_values(np.zeros((3, 3)), [-1, 0, 1], 3) == (0,)


@pytest.mark.parametrize(("candidates", "most"), [([1, 2], 2), ([0, 2, 2], 2), ([0, -1], 1), ([0, 1], 0)])
def test_what_cannot_be_chosen_from_is_refused(candidates: list[int], most: int) -> None:
    with pytest.raises(ConfigError, match="must ascend and hold 0"):
        best_values(np.zeros((2, len(candidates))), candidates, most)
