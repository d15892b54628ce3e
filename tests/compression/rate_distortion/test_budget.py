"""All layers under one budget."""

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from tests.compression.fakes import CURVE
from tests.compression.rate_distortion.made_up import layer, seeds

from wattloop.compression.one_shot import one_shot
from wattloop.compression.rate_distortion.assignment import LayerProblem
from wattloop.compression.rate_distortion.budget import assigned, least_energy_fj, within
from wattloop.errors import ConfigError
from wattloop.power.oracle import WeightPrices


def priced(problem: LayerProblem) -> LayerProblem:
    """The weights with prices such as a multiplier has."""
    return LayerProblem(problem.latent, problem.information, WeightPrices(CURVE[:, None], np.zeros((1, 1), int)))


def two_layers(seed: int) -> dict[str, LayerProblem]:
    return {"a": layer(seed), "b": layer(seed + 1, shape=(10, 40))}


@settings(max_examples=15)
@example(11801, 0.492706078631642)
@given(seeds, st.floats(0.05, 0.95))
def test_the_energy_keeps_to_the_budget_and_comes_near_it(seed: int, share: float) -> None:
    problems = {name: priced(problem) for name, problem in two_layers(seed).items()}
    free, least = assigned(problems, 0.0, 16).energy_fj, least_energy_fj(problems, 16)
    budget = least + share * (free - least)
    found = within(problems, budget, 16)
    # A set changes by whole values, energy in steps: where some is left, a slightly lower price takes too much.
    assert found.energy_fj <= budget
    assert found.energy_fj >= 0.999 * budget or assigned(problems, 0.98 * found.multiplier, 16).energy_fj > budget
    assert all(len(values) <= 16 for values in found.values.values())


@settings(max_examples=5)
@given(seeds)
def test_a_budget_that_is_not_short_costs_no_accuracy(seed: int) -> None:
    problems = two_layers(seed)
    found = within(problems, 1e12, 256)
    assert found.multiplier == 0.0
    for name, problem in problems.items():
        np.testing.assert_array_equal(found.weights[name], np.rint(problem.latent).clip(-128, 127))


def test_a_budget_below_the_cheapest_weights_is_refused() -> None:
    problems = two_layers(5)
    with pytest.raises(ConfigError, match=r"out of reach: the cheapest weights take \d"):
        within(problems, 0.9 * least_energy_fj(problems, 16), 16)


def test_weights_without_information_meet_a_budget_that_any_price_keeps_to() -> None:
    """They stay where they are for nothing alone: between that and the least price there is no energy to be met."""
    made, dear = layer(3), CURVE.copy()
    dear[128] = CURVE.max()
    information = made.information.copy()
    information[: len(information) // 2] = 0.0
    problems = {"a": LayerProblem(made.latent, information, WeightPrices(dear[:, None], np.zeros((1, 1), int)))}
    free, touched = assigned(problems, 0.0, 16), assigned(problems, 1e-30, 16)
    assert touched.energy_fj < free.energy_fj
    budget = 0.5 * (free.energy_fj + touched.energy_fj)
    assert within(problems, budget, 16).energy_fj == touched.energy_fj


def test_energy_is_spent_where_the_loss_needs_it() -> None:
    robust, frail = layer(1), layer(1)
    frail = LayerProblem(frail.latent, 100.0 * frail.information, frail.prices)
    problems = {"robust": robust, "frail": frail}
    free = assigned(problems, 0.0, 16)
    found = within(problems, 0.8 * free.energy_fj, 16)
    assert robust.energy_fj(found.weights["robust"]) < 0.8 * frail.energy_fj(found.weights["frail"])


@pytest.mark.parametrize("seed", range(3))
def test_at_equal_energy_it_predicts_less_loss_than_pruning_and_clustering_by_magnitude(seed: int) -> None:
    made = layer(seed, shape=(16, 64))
    problem = priced(LayerProblem(np.rint(made.latent), made.information, made.prices))
    plain = one_shot(problem.latent.astype(np.int8), 0.5, 16)
    found = within({"a": problem}, problem.energy_fj(plain), 16)
    assert found.energy_fj <= problem.energy_fj(plain)
    assert found.loss < 0.7 * problem.loss(plain)
