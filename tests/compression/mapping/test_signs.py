"""Which filters are negated."""

import numpy as np
from hypothesis import given
from tests.compression.rate_distortion.made_up import layer, seeds

from wattloop.compression.mapping.filters import cheaper_signs


@given(seeds)
def test_filters_are_negated_where_that_costs_less_and_only_there(seed: int) -> None:
    problem = layer(seed)
    weights = np.rint(problem.latent).clip(-127, 127).astype(np.int8)
    flipped = cheaper_signs(weights, problem.prices.value_fj, problem.prices.class_of_weight)
    for row, negated in enumerate(flipped):
        as_is, mirrored = np.zeros_like(weights), np.zeros_like(weights)
        as_is[row], mirrored[row] = weights[row], -weights[row]
        assert negated == (problem.energy_fj(mirrored) < problem.energy_fj(as_is))


def test_a_filter_whose_negative_does_not_exist_stays() -> None:
    problem = layer(0)
    weights = np.full((6, 20), -128, np.int8)
    assert not cheaper_signs(weights, problem.prices.value_fj, problem.prices.class_of_weight).any()
