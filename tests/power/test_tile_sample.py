"""Samples of tiles stand for all of them, with an honest error."""

from __future__ import annotations

import itertools
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.arith.strategies import traces

from wattloop.arith.layer import LayerTrace
from wattloop.arith.tiling import tile_at, tile_count
from wattloop.gates.spec import ArraySpec
from wattloop.power.tile_sample import sample_tiles, stratified_total

SPECS = st.builds(ArraySpec, rows=st.integers(1, 9), cols=st.integers(1, 4), pixels=st.integers(1, 9))


@settings(max_examples=60, deadline=None)
@given(trace=traces(), spec=SPECS)
def test_strata_hold_every_tile_once_by_what_it_uses(trace: LayerTrace, spec: ArraySpec) -> None:
    strata = sample_tiles(trace, spec, None, 0)
    assert sorted(itertools.chain(*(stratum.chosen for stratum in strata))) == list(range(tile_count(trace, spec)))
    assert len({(stratum.rows, stratum.cols, stratum.pixels) for stratum in strata}) == len(strata)
    for stratum in strata:
        assert stratum.size == len(stratum.chosen)
        for index in stratum.chosen:
            tile = tile_at(trace, spec, index)
            assert tile.weights.shape == (stratum.rows, stratum.cols)
            assert tile.activations.shape == (stratum.rows, stratum.pixels)


@settings(max_examples=60, deadline=None)
@given(trace=traces(), spec=SPECS, tiles=st.integers(1, 40), seed=st.integers(0, 99))
def test_a_sample_has_two_tiles_of_each_stratum_or_all(
    trace: LayerTrace, spec: ArraySpec, tiles: int, seed: int
) -> None:
    everything = sample_tiles(trace, spec, None, seed)
    for whole, part in zip(everything, sample_tiles(trace, spec, tiles, seed), strict=True):
        assert (part.rows, part.cols, part.pixels, part.size) == (whole.rows, whole.cols, whole.pixels, whole.size)
        assert min(2, part.size) <= len(part.chosen) <= max(2, tiles)
        assert list(part.chosen) == sorted(set(part.chosen))
        assert set(part.chosen) <= set(whole.chosen)


def test_the_choice_depends_on_the_seed_and_not_on_the_weights(trace: LayerTrace, array: ArraySpec) -> None:
    other = replace(trace, layer=replace(trace.layer, weight=-trace.layer.weight))
    chosen = [sample_tiles(t, array, 12, seed) for t, seed in ((trace, 0), (trace, 0), (other, 0), (trace, 1))]
    assert chosen[0] == chosen[1] == chosen[2] != chosen[3]


def test_estimate_and_error_are_unbiased_over_all_samples_there_are() -> None:
    # Every sample of 2 of 5 and 3 of 4, and a stratum of one tile: the plain definition of unbiased.
    rng = np.random.default_rng(0)
    strata = [rng.random(5) * 10, rng.random(4), rng.random(1) * 100]
    estimates, variances = [], []
    for first, second in itertools.product(itertools.combinations(strata[0], 2), itertools.combinations(strata[1], 3)):
        total, error = stratified_total([5, 4, 1], [np.array(first), np.array(second), strata[2]])
        estimates.append(total)
        variances.append(error**2)
    assert np.mean(estimates) == pytest.approx(sum(part.sum() for part in strata))
    assert np.var(estimates) == pytest.approx(np.mean(variances))


def test_all_tiles_have_no_sampling_error_and_no_tile_no_energy() -> None:
    total, error = stratified_total([3, 1], [np.array([1.0, 2.0, 4.0]), np.array([8.0])])
    assert (total, error) == (15.0, 0.0)
    assert stratified_total([], []) == (0.0, 0.0)
