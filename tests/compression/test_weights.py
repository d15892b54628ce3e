"""Remapping, pruning and the ranking of values."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from tests.compression.fakes import CURVE, normal_weights

from wattloop.compression.layerwise.candidates import rank_values
from wattloop.compression.pruning import magnitude_mask
from wattloop.compression.remap import Bool, Int8, as_values, histogram, remap
from wattloop.errors import ConfigError

WEIGHTS = arrays(np.int8, (7, 9))
SETS = st.sets(st.integers(-128, 127), max_size=40).map(lambda values: values | {0})


@given(WEIGHTS, SETS)
def test_every_weight_goes_to_a_nearest_value_and_ties_to_the_smaller_magnitude(
    weights: Int8, values: set[int]
) -> None:
    for weight, got in zip(weights.ravel().tolist(), remap(weights, values).ravel().tolist(), strict=True):
        least = min(abs(weight - v) for v in values)
        nearest = [v for v in values if abs(weight - v) == least]
        assert got == min(nearest, key=abs)


@given(WEIGHTS, SETS, arrays(np.bool_, (7, 9)))
def test_remapping_leaves_masked_weights_at_zero_and_the_input_alone(
    weights: Int8, values: set[int], mask: Bool
) -> None:
    before = weights.copy()
    mapped = remap(weights, values, mask)
    assert not mapped[~mask].any()
    assert np.array_equal(mapped[mask], remap(weights, values)[mask])
    assert np.array_equal(weights, before)


@given(SETS)
def test_remapping_twice_changes_nothing(values: set[int]) -> None:
    mapped = remap(np.arange(-128, 128), values)
    assert np.array_equal(remap(mapped, values), mapped)
    assert set(mapped.tolist()) == values


def test_a_set_without_zero_is_refused() -> None:
    with pytest.raises(ConfigError, match="must contain 0"):
        as_values([1, 2])


def test_a_set_beyond_int8_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"-128\.\.127"):
        as_values([0, 128])


@given(WEIGHTS, st.floats(0, 0.99))
def test_pruning_takes_the_asked_number_of_the_smallest_magnitudes(weights: Int8, ratio: float) -> None:
    mask = magnitude_mask(weights, ratio)
    assert (~mask).sum() == round(ratio * weights.size)
    size = np.abs(weights.astype(int))
    if mask.any() and not mask.all():
        assert size[~mask].max() <= size[mask].min()


@given(WEIGHTS)
def test_masks_of_higher_ratios_lie_within_those_of_lower_ones(weights: Int8) -> None:
    assert not (magnitude_mask(weights, 0.7) & ~magnitude_mask(weights, 0.3)).any()


def test_a_ratio_that_prunes_everything_is_refused() -> None:
    with pytest.raises(ConfigError, match="0 <= ratio < 1"):
        magnitude_mask(normal_weights(0), 1.0)


@given(st.integers(0, 2**32 - 1), st.floats(0, 1))
def test_the_ranking_starts_with_zero_and_covers_every_used_value_once(seed: int, energy_weight: float) -> None:
    weights = normal_weights(seed)
    ranking = rank_values(histogram(weights), CURVE, energy_weight, 256)
    assert ranking[0] == 0
    assert len(set(ranking)) == len(ranking)
    assert np.array_equal(remap(weights, ranking), weights)


def test_a_dear_value_ranks_behind_its_equally_used_cheap_twin() -> None:
    usage = np.zeros(256)
    usage[128 + 40] = usage[128 - 40] = 10
    assert rank_values(usage, CURVE, 0.5, 256) == (0, 40, -40)
    assert rank_values(usage, CURVE, 0.5, 2) == (0, 40)


def test_a_more_used_value_ranks_before_its_equally_dear_twin() -> None:
    usage = np.zeros(256)
    usage[128 + 40], usage[128 - 40] = 10, 12
    assert rank_values(usage, np.ones(256), 0.5, 256) == (0, -40, 40)


def test_a_ranked_set_spans_the_weights_instead_of_crowding_round_zero() -> None:
    weights = normal_weights(3, (40, 50))
    ranked = sorted(rank_values(histogram(weights), CURVE, 0.5, 256)[:16])
    by_use = sorted(np.argsort(-histogram(weights))[:16] - 128)
    error = [float(((remap(weights, {0, *v}) - weights.astype(float)) ** 2).mean()) for v in (ranked, by_use)]
    assert error[0] < 0.2 * error[1]
