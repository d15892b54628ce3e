"""One layer between loss and energy."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.compression.rate_distortion.made_up import layer, multipliers, seeds

from wattloop.compression.rate_distortion.assignment import LayerProblem
from wattloop.compression.remap import remap

sets = st.sets(st.integers(-128, 127), max_size=6).map(lambda found: tuple(sorted(found | {0})))


def total(problem: LayerProblem, weights: np.ndarray, multiplier: float) -> float:
    return problem.loss(weights) + multiplier * problem.energy_fj(weights)


@settings(max_examples=25)
@given(seeds, sets)
def test_where_energy_has_no_price_weights_go_to_the_nearest_value(seed: int, values: tuple[int, ...]) -> None:
    problem = layer(seed)
    nearest = remap(problem.latent, values)
    assert problem.loss(problem.assign(values, 0.0)) <= problem.loss(nearest) * (1 + 1e-12)
    np.testing.assert_array_equal(problem.assign(values, 0.0), nearest)


@settings(max_examples=25)
@given(seeds, sets, multipliers)
def test_no_other_value_of_the_set_would_cost_a_weight_less(
    seed: int, values: tuple[int, ...], multiplier: float
) -> None:
    problem = layer(seed, shape=(2, 9))
    weights = problem.assign(values, multiplier)
    cost = total(problem, weights, multiplier)
    for row, column in np.ndindex(weights.shape):
        for value in values:
            other = weights.copy()
            other[row, column] = value
            assert total(problem, other, multiplier) >= cost - 1e-9 * max(1.0, cost)


@settings(max_examples=25)
@given(seeds, sets, multipliers, multipliers)
def test_a_higher_price_never_raises_energy_nor_lowers_loss(
    seed: int, values: tuple[int, ...], a: float, b: float
) -> None:
    problem = layer(seed)
    cheap, dear = (problem.assign(values, multiplier) for multiplier in sorted((a, b)))
    assert problem.energy_fj(dear) <= problem.energy_fj(cheap) + 1e-6
    assert problem.loss(dear) >= problem.loss(cheap) - 1e-6


@settings(max_examples=25)
@given(seeds, multipliers, multipliers, st.integers(1, 20))
def test_nor_does_it_where_the_set_is_chosen_with_it(seed: int, a: float, b: float, most: int) -> None:
    # Latent weights on whole steps: the levels that the choice sees are then the weights themselves.
    problem = layer(seed, uniform=True)
    problem = LayerProblem(np.rint(problem.latent), problem.information, problem.prices)
    spent = [problem.energy_fj(problem.assign(problem.values(m, most), m)) for m in sorted((a, b))]
    assert spent[1] <= spent[0] + 1e-6


@settings(max_examples=25)
@given(seeds, multipliers, st.integers(1, 20), st.integers(1, 256))
def test_a_chosen_set_holds_zero_and_only_legal_values(seed: int, multiplier: float, most: int, legal: int) -> None:
    problem = layer(seed, legal=legal)
    values = problem.values(multiplier, most)
    assert 0 in values
    assert len(values) <= most
    assert set(values) <= set(problem.legal.tolist())
    assert np.isfinite(problem.energy_fj(problem.assign(values, multiplier)))


@settings(max_examples=25)
@given(seeds, multipliers, st.integers(2, 16))
def test_more_values_never_cost_more(seed: int, multiplier: float, most: int) -> None:
    problem = layer(seed, uniform=True)
    problem = LayerProblem(np.rint(problem.latent), problem.information, problem.prices)
    costs = []
    for size in (most - 1, most):
        costs.append(total(problem, problem.assign(problem.values(multiplier, size), multiplier), multiplier))
    assert costs[1] <= costs[0] + 1e-6


def test_energies_lie_between_the_least_and_the_dearest() -> None:
    problem = layer(3)
    energy = problem.energy_fj(problem.assign(problem.legal.tolist(), 0.0))
    assert problem.least_energy_fj < energy < problem.dearest_energy_fj
    cheapest = problem.assign(problem.legal.tolist(), 1e12)
    assert problem.energy_fj(cheapest) == pytest.approx(problem.least_energy_fj)
