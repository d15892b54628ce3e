"""Samples of tiles stand for all of them, with an honest error."""

from __future__ import annotations

import itertools
from dataclasses import replace

from hypothesis import given, settings
from hypothesis import strategies as st
from tests.arith.strategies import traces

from wattloop.arith.layer import LayerTrace
from wattloop.arith.tiling import tile_at, tile_count
from wattloop.gates.spec import ArraySpec
from wattloop.power.tile_sample import sample_tiles, tile_kinds

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


@settings(max_examples=60, deadline=None)
@given(trace=traces(), spec=SPECS)
def test_members_of_all_kinds_are_all_tiles_of_all_images(trace: LayerTrace, spec: ArraySpec) -> None:
    kinds = tile_kinds(trace.layer, trace.images, spec)
    found = [kind.index(number) for kind in kinds for number in range(kind.size)]
    assert sorted(found) == list(range(tile_count(trace, spec)))
    for kind in kinds:
        tile = tile_at(trace, spec, kind.index(kind.size - 1))
        assert (*tile.weights.shape, tile.activations.shape[1]) == (kind.rows, kind.cols, kind.pixels)
        assert kind.work(spec) == tile.weights.size * spec.cycles_of(kind.pixels)
