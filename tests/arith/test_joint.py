"""Joint statistics and classes of rows against loops over every PE and pixel."""

from __future__ import annotations

import itertools
from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.arith.strategies import traces

from wattloop.arith.joint import JointStatistics, collect_joint
from wattloop.arith.kinds import KINDS, Sampling, load_statistics
from wattloop.arith.layer import ConvGeometry, IntegerLayer, LayerTrace
from wattloop.arith.row_classes import by_activity, by_position, one_class, row_toggles
from wattloop.arith.statistics import collect, collect_pooled
from wattloop.arith.tiling import tile_at, tile_count
from wattloop.errors import OverflowRangeError, StimulusError, StorageError
from wattloop.gates.spec import ArraySpec, MacSpec

Transition = tuple[int, int, int, int]


def spec_of(trace: LayerTrace, rows: int, cols: int, pixels: int) -> ArraySpec:
    return ArraySpec(rows, cols, pixels, MacSpec(activation_signed=trace.layer.activation_signed))


def walk(trace: LayerTrace, spec: ArraySpec) -> dict[tuple[int, int], Counter[Transition]]:
    """Transitions of every PE by (group, reduction row)."""
    found: dict[tuple[int, int], Counter[Transition]] = {}
    for index in range(tile_count(trace, spec)):
        tile = tile_at(trace, spec, index)
        for row, col in np.ndindex(tile.weights.shape):
            a = [0, *tile.activations[row].tolist(), 0]
            p = [0, *(tile.weights[:row, col].astype(int) @ tile.activations[:row].astype(int)).tolist(), 0]
            seen = found.setdefault((tile.group, tile.row_block * spec.rows + row), Counter())
            seen.update((*x, *y) for x, y in zip(itertools.pairwise(a), itertools.pairwise(p), strict=True))
    return found


def members(statistics: JointStatistics, row_class: int) -> Counter[Transition]:
    some = slice(*statistics.starts[row_class : row_class + 2].tolist())
    pairs = np.concatenate([statistics.activations[some], statistics.psums[some]], axis=1)
    return Counter(map(tuple, pairs.tolist()))


@settings(max_examples=25, deadline=None)
@given(traces(), st.integers(1, 6), st.integers(1, 6), st.integers(1, 9), st.sampled_from([by_position, by_activity]))
def test_small_layers_are_kept_whole_class_by_class(
    trace: LayerTrace, rows: int, cols: int, pixels: int, classify: object
) -> None:
    spec = spec_of(trace, rows, cols, pixels)
    classes = classify(trace, spec)  # type: ignore[operator]
    got = collect_joint(trace, spec, classes)
    expected = [Counter[Transition]() for _ in got.transitions]
    for (group, row), seen in walk(trace, spec).items():
        expected[classes[group, row]].update(seen)
    assert [members(got, row_class) for row_class in range(len(expected))] == expected
    assert got.transitions.tolist() == [seen.total() for seen in expected]
    assert got.shares.sum() == pytest.approx(1)


@settings(max_examples=25, deadline=None)
@given(traces(), st.integers(1, 6), st.integers(1, 9))
def test_row_activity_is_the_mean_toggles_of_the_bus(trace: LayerTrace, rows: int, pixels: int) -> None:
    spec = spec_of(trace, rows, 4, pixels)
    found = row_toggles(trace, spec)
    for (group, row), seen in walk(trace, spec).items():
        toggles = sum(((before ^ after) & 255).bit_count() * n for (before, after, _, _), n in seen.items())
        assert found[group, row] == pytest.approx(toggles / seen.total())


@pytest.fixture(scope="module")
def trace() -> LayerTrace:
    rng = np.random.default_rng(3)
    geometry = ConvGeometry(8, 20, 10, 10, (3, 3), padding=(1, 1))
    inputs = rng.normal(0, 60, (3, 8, 10, 10)) * np.linspace(0, 2, 8)[:, None, None]
    weight = rng.integers(-90, 90, (20, 72)).astype(np.int8)
    return LayerTrace(IntegerLayer("conv", "conv", geometry, weight), inputs.clip(0, 255).astype(np.uint8))


def test_classes_of_activity_are_of_equal_size_and_in_order(trace: LayerTrace) -> None:
    classes, toggles = by_activity(trace, ArraySpec()), row_toggles(trace, ArraySpec())
    bounds = [(toggles[classes == k].min(), toggles[classes == k].max()) for k in range(classes.max() + 1)]
    assert all(left[1] < right[0] for left, right in itertools.pairwise(bounds))
    assert len(bounds) == 8
    assert np.bincount(classes.ravel()).max() <= 2 * 72 // 8


def test_classes_of_position_are_eighths_of_the_array(trace: LayerTrace) -> None:
    classes = by_position(trace, ArraySpec())[0]
    assert classes.tolist() == [row % 64 // 8 for row in range(72)]
    assert by_position(trace, ArraySpec(rows=4))[0].tolist() == [row % 4 for row in range(72)]
    assert one_class(trace, ArraySpec()).tolist() == [[0]]


def test_a_sample_of_members_is_fair_to_classes_and_repeats(trace: LayerTrace) -> None:
    spec = ArraySpec()
    classes = by_position(trace, spec)
    whole, part = collect_joint(trace, spec, classes), collect_joint(trace, spec, classes, members=5000, seed=1)
    assert part.key == collect_joint(trace, spec, classes, members=5000, seed=1).key
    assert part.key != collect_joint(trace, spec, classes, members=5000, seed=2).key
    np.testing.assert_array_equal(part.transitions, whole.transitions)
    kept = np.diff(part.starts)
    assert abs(kept.sum() - 5000) < 20
    assert (np.abs(kept - 5000 * whole.shares) < 6 * np.sqrt(5000 * whole.shares)).all()
    for row_class in range(len(kept)):
        assert set(members(part, row_class)) <= set(members(whole, row_class))


def test_samples_are_members_each_as_likely_as_it_occurred(trace: LayerTrace) -> None:
    statistics = collect_joint(trace, ArraySpec(), by_position(trace, ArraySpec()))
    count = 200_000
    drawn = Counter(zip(*(x.tolist() for x in statistics.sample(count, np.random.default_rng(1), 2)), strict=True))
    observed = members(statistics, 2)
    assert set(drawn) <= set(observed)
    for transition, times in observed.most_common(20):
        mean = count * times / observed.total()
        assert abs(drawn[transition] - mean) < 6 * np.sqrt(mean)


@pytest.mark.parametrize("name", ["independent", "activity"])
def test_several_generators_give_what_each_gives_alone(name: str, trace: LayerTrace) -> None:
    model = KINDS[name].collect((trace,), ArraySpec(), Sampling(tiles=4))
    together = model.sample_rows(9, [np.random.default_rng(seed) for seed in range(3)])
    alone = [model.sample(9, np.random.default_rng(seed)) for seed in range(3)]
    for k, part in enumerate(together):
        np.testing.assert_array_equal(part, np.stack([pairs[k] for pairs in alone]))


def test_sampling_a_class_without_members_is_one_clear_error(trace: LayerTrace) -> None:
    statistics = collect_joint(trace, ArraySpec(), by_position(trace, ArraySpec()), members=1)
    empty = int(np.flatnonzero(np.diff(statistics.starts) == 0)[0])
    with pytest.raises(StimulusError, match=f"layer conv has no transitions of row class {empty}"):
        statistics.sample(1, np.random.default_rng(0), empty)


def test_rows_that_no_collected_tile_shows_are_taken_for_the_nearest_class() -> None:
    geometry = ConvGeometry(8, 1, 2, 2)
    layer = IntegerLayer("conv", "conv", geometry, np.ones((1, 8), np.int8))
    trace = LayerTrace(layer, np.arange(32, dtype=np.uint8).reshape(1, 8, 2, 2))
    spec = ArraySpec(rows=2, cols=1, pixels=4)  # four tiles, two rows each
    classes = np.array([[0, 0, 1, 1, 2, 2, 3, 3]])
    found = collect_joint(trace, spec, classes, tiles=2, seed=0)
    chosen = np.sort(np.random.default_rng(0).choice(4, 2, replace=False))
    nearest = [int(np.abs(chosen - k).argmin()) for k in range(4)]
    assert found.class_of_row.tolist() == [[nearest[k] for k in classes[0]]]
    assert found.transitions.tolist() == [10, 10]  # 2 rows x 1 column x 5 steps
    found.sample(1, np.random.default_rng(0), 1)


def test_a_layer_that_overflows_is_refused(trace: LayerTrace) -> None:
    narrow = ArraySpec(mac=MacSpec(psum_bits=16))
    with pytest.raises(OverflowRangeError, match="layer conv"):
        collect_joint(trace, narrow, one_class(trace, narrow))


def test_one_model_for_all_layers_pools_their_counts(trace: LayerTrace) -> None:
    other = LayerTrace(replace(trace.layer, name="other"), trace.inputs // 3)
    pooled, *alone = collect_pooled([trace, other], ArraySpec()), *(collect(t, ArraySpec()) for t in (trace, other))
    np.testing.assert_array_equal(pooled.activation_counts, alone[0].activation_counts + alone[1].activation_counts)
    np.testing.assert_array_equal(pooled.group_counts, alone[0].group_counts + alone[1].group_counts)
    assert (pooled.layer, pooled.tiles) == ("all 2 layers", 24)


def test_signed_and_unsigned_layers_are_not_pooled(trace: LayerTrace) -> None:
    signed = LayerTrace(replace(trace.layer, activation_signed=True), trace.inputs)
    with pytest.raises(StimulusError, match="all signed or all unsigned"):
        collect_pooled([trace, signed], ArraySpec())


@pytest.mark.parametrize("name", KINDS)
def test_every_kind_covers_each_layer_once_and_survives_a_file(name: str, trace: LayerTrace, tmp_path: Path) -> None:
    kind, traced = KINDS[name], [trace, LayerTrace(replace(trace.layer, name="other"), trace.inputs)]
    scopes = kind.scopes(traced)
    assert [one.layer.name for scope in scopes for one in scope] == ["conv", "other"]
    assert len(scopes) == (1 if name == "global" else 2)
    model = kind.collect(scopes[0], ArraySpec(), Sampling(tiles=5, seed=1))
    model.save(tmp_path / "model.npz")
    assert load_statistics(tmp_path / "model.npz").key == model.key
    assert np.broadcast_to(model.class_of_row, (1, 72)).max() == len(model.shares) - 1


def test_a_file_of_something_else_is_one_clear_error(tmp_path: Path) -> None:
    np.savez(tmp_path / "other.npz", rows=np.zeros(3))
    (tmp_path / "text.npz").write_text("not an archive")
    for name in ("other.npz", "text.npz", "none.npz"):
        with pytest.raises(StorageError, match=f"cannot read statistics .*{name}"):
            load_statistics(tmp_path / name)


def test_damaged_statistics_are_refused(trace: LayerTrace) -> None:
    whole = collect_joint(trace, ArraySpec(), one_class(trace, ArraySpec()), members=100)
    for damage in ({"psums": whole.psums[1:]}, {"starts": whole.starts[1:]}, {"transitions": whole.starts}):
        with pytest.raises(StorageError, match="layer conv: damaged"):
            replace(whole, **damage)  # type: ignore[arg-type]
