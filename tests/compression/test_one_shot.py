"""Pruning and quantising at one stroke: how many vanish, what is left, and that it is the nearest."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from wattloop.compression.one_shot import one_shot
from wattloop.errors import ConfigError

WEIGHTS = arrays(np.int8, st.tuples(st.integers(1, 6), st.integers(1, 20)), elements=st.integers(-128, 127))


@given(weights=WEIGHTS, ratio=st.floats(0, 0.99), values=st.integers(2, 20))
def test_few_values_zero_among_them_and_the_smallest_pruned(weights: np.ndarray, ratio: float, values: int) -> None:
    mapped = one_shot(weights, ratio, values)
    assert (mapped.shape, mapped.dtype) == (weights.shape, np.int8)
    assert len(set(mapped.ravel().tolist()) | {0}) <= values
    assert (mapped == 0).sum() >= min(round(ratio * weights.size), weights.size)
    kept = np.abs(weights[mapped != 0].astype(int))
    pruned = np.sort(np.abs(weights.astype(int)).ravel())[: round(ratio * weights.size)]
    assert not kept.size or not pruned.size or kept.min() >= pruned.max()


@given(weights=WEIGHTS)
def test_with_room_for_all_values_nothing_moves(weights: np.ndarray) -> None:
    np.testing.assert_array_equal(one_shot(weights, 0.0, 256), weights)


def test_two_clusters_become_their_means() -> None:
    weights = np.array([[10, 11, 12, -50, -54, 1]], np.int8)
    assert one_shot(weights, 1 / 6, 3).tolist() == [[11, 11, 11, -52, -52, 0]]


@pytest.mark.parametrize(("ratio", "values"), [(1.0, 4), (-0.1, 4), (0.5, 1)])
def test_what_leaves_nothing_is_refused(ratio: float, values: int) -> None:
    with pytest.raises(ConfigError, match="are legal"):
        one_shot(np.ones((2, 2), np.int8), ratio, values)
