"""What a cell promises holds for whole arrays, loading and idle cells included, and is reached."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest

from wattloop.activity.bitparallel.array_contract import random_tiles
from wattloop.activity.tiles import TileRun
from wattloop.errors import ConfigError
from wattloop.gates.spec import ArraySpec
from wattloop.timing.profiler import Profiler
from wattloop.timing.promise import Held, Promises, loading_ps
from wattloop.timing.tiles import late_transitions

LATE = 100_000


@pytest.fixture(scope="module", params=["fused", "apart"])
def cell(request: pytest.FixtureRequest) -> Profiler:
    found: Profiler = request.getfixturevalue(request.param)
    return found


def tiles_of(spec: ArraySpec, weights: list[int], codes: list[int]) -> list[TileRun]:
    """Tiles that follow each other, of these weights and codes alone; some cells stay idle."""
    rng = np.random.default_rng(1)
    shape = spec.rows, spec.cols - 1
    held = [rng.choice(weights, shape) for _ in range(9)]
    return [TileRun(now, rng.choice(codes, (spec.rows, 40)), before) for before, now in pairwise(held)]


def test_no_transition_of_an_array_settles_after_what_its_layers_promise(cell: Profiler) -> None:
    spec, weights, codes = ArraySpec(4, 5, mac=cell.mac), [-2, 0, 1, 2], [0, 1, 4, 5]
    promises = Promises.of(cell, spec.rows)
    promise = promises.with_layers([Held(np.array(weights), tuple(codes))])
    seen = late_transitions(cell.engine, spec, tiles_of(spec, weights, codes), 0, most=LATE)
    assert 0.7 * promise.settling_ps < seen.latest_ps <= promise.settling_ps
    assert promise.settling_ps < promises.whole.settling_ps


def test_loading_settles_within_its_own_bound_which_held_weights_do_not_give(cell: Profiler) -> None:
    """Activations are 0 while weights change, and stay 0 until all are loaded."""
    spec = ArraySpec(4, 5, mac=cell.mac)
    seen = late_transitions(cell.engine, spec, random_tiles(spec, [(4, 5, 9)] * 8, seed=6), 0, most=LATE).listed
    at = {name: values.astype(int) for name, values in seen.items()}
    loads = at["weight"] != at["weight_before"]
    assert loads.sum() > 20
    assert not at["activation_from"][loads].any() and not at["activation_to"][loads].any()
    bound, weights = loading_ps(cell), np.array(cell.mac.weight_values)
    places = (np.searchsorted(weights, at[name][loads]) for name in ("weight_before", "weight"))
    assert (at["settling_ps"][loads] <= bound[tuple(places)]).all()
    assert (bound <= cell.longest_ps).all()


def test_an_array_of_one_row_gets_the_longest_path(fused: Profiler) -> None:
    """There the first activation comes while the weight changes."""
    spec = ArraySpec(1, 4, mac=fused.mac)
    tile = TileRun(np.array([[1, 2, 3]]), np.array([[7, 0, 7]]), np.array([[-4, -3, -2]]))
    seen = late_transitions(fused.engine, spec, [tile], 0, most=LATE).listed
    both = (seen["weight"] != seen["weight_before"]) & (seen["activation_from"] != seen["activation_to"])
    assert both.any()
    assert Promises.of(fused, 1).with_layers([Held(np.array([0]), (0,))]).settling_ps == fused.longest_ps


def test_more_weights_or_codes_never_promise_less(fused: Profiler) -> None:
    promises = Promises.of(fused, 4)
    few = promises.with_layers([Held(np.array([0]), (0, 4))])
    more = promises.with_layers([Held(np.array([0, 3]), (0, 4))])
    freer = promises.with_layers([Held(np.array([0]), (0, 4)), Held(np.array([0, 1]))])
    for wider in (more, freer):
        assert wider.streaming_ps >= few.streaming_ps and wider.loading_ps >= few.loading_ps
    assert max(more.streaming_ps, freer.streaming_ps) > few.streaming_ps
    assert few.control_ps < few.streaming_ps  # a multiplexer lies before the weight register, and nothing else


def test_what_bounds_nothing_is_refused(fused: Profiler) -> None:
    promises = Promises.of(fused, 4)
    with pytest.raises(ConfigError, match="'sampled' bounds nothing"):
        replace(promises, profile=replace(promises.profile, method="sampled"))
    with pytest.raises(ConfigError, match="no layer"):
        promises.with_layers([])
    with pytest.raises(ConfigError, match="weight 9 is not in the profile"):
        promises.with_layers([Held(np.array([9]))])
