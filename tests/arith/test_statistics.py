"""Layer statistics against loops over every PE and pixel."""

import itertools
from collections import Counter, defaultdict
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.arith.strategies import traces

from wattloop.arith.layer import ConvGeometry, IntegerLayer, LayerTrace
from wattloop.arith.psum_groups import GROUPS, psum_group
from wattloop.arith.reservoir import CellReservoir
from wattloop.arith.stability import stability
from wattloop.arith.statistics import LayerStatistics, collect
from wattloop.arith.tiling import tile_at, tile_count
from wattloop.errors import OverflowRangeError, StimulusError, StorageError
from wattloop.gates.spec import ArraySpec, MacSpec


def _group_by_hand(value: int, bits: int = 22) -> int:
    """The definition, in words of strings of bits."""
    raw = format(value & ((1 << bits) - 1), f"0{bits}b")
    msb = len(raw.lstrip("0"))
    group = 10 * msb // (bits + 1)
    positions = [m for m in range(bits + 1) if 10 * m // (bits + 1) == group]
    least, greatest = (0 if positions[0] == 0 else 1), positions[-1]
    return 5 * group + 5 * (raw.count("1") - least) // (greatest - least + 1)


@given(st.integers(-(2**21), 2**21 - 1))
def test_groups_follow_their_definition(value: int) -> None:
    assert int(psum_group(np.array([value]))[0]) == _group_by_hand(value)


@given(st.integers(16, 32), st.data())
def test_groups_follow_their_definition_at_other_widths(bits: int, data: st.DataObject) -> None:
    value = data.draw(st.integers(-(2 ** (bits - 1)), 2 ** (bits - 1) - 1))
    assert int(psum_group(np.array([value]), bits)[0]) == _group_by_hand(value, bits)


def test_every_group_that_can_have_members_has_some() -> None:
    every = psum_group(np.arange(-(1 << 21), 1 << 21))
    # Only the two lowest MSB groups have fewer than five Hamming weights (0..2 and 1..4).
    assert set(every.tolist()) == set(range(GROUPS)) - {2, 4, 9}


def _by_hand(trace: LayerTrace, spec: ArraySpec, edges: bool) -> tuple[Counter[Any], Counter[Any], dict[Any, Any]]:
    activation, groups, members = Counter(), Counter(), defaultdict(Counter)
    for index in range(tile_count(trace, spec)):
        tile = tile_at(trace, spec, index)
        rows, cols = tile.weights.shape
        for row in range(rows):
            for col in range(cols):
                a = tile.activations[row].tolist()
                p = (tile.weights[:row, col].astype(int) @ tile.activations[:row].astype(int)).tolist()
                if edges:
                    a, p = [0, *a, 0], [0, *p, 0]
                activation.update((x & 255, y & 255) for x, y in itertools.pairwise(a))
                for pair in itertools.pairwise(p):
                    cell = (_group_by_hand(pair[0]), _group_by_hand(pair[1]))
                    groups[cell] += 1
                    members[cell][pair] += 1
    return activation, groups, members


@settings(max_examples=25, deadline=None)
@given(traces(), st.integers(1, 6), st.integers(1, 6), st.integers(1, 9), st.booleans())
def test_counts_equal_a_walk_over_every_pe(trace: LayerTrace, rows: int, cols: int, pixels: int, edges: bool) -> None:
    spec = ArraySpec(rows, cols, pixels, MacSpec(activation_signed=trace.layer.activation_signed))
    got = collect(trace, spec, edges=edges)
    activation, groups, members = _by_hand(trace, spec, edges)
    assert {tuple(map(int, c)): int(got.activation_counts[tuple(c)]) for c in np.argwhere(got.activation_counts)} == (
        activation
    )
    assert {tuple(map(int, c)): int(got.group_counts[tuple(c)]) for c in np.argwhere(got.group_counts)} == groups
    for (before, after), seen in members.items():
        cell = before * GROUPS + after
        kept = Counter(map(tuple, got.members[cell, : got.member_counts[cell]].tolist()))
        assert kept <= seen
        assert kept.total() == min(256, seen.total())


@pytest.fixture(scope="module")
def trace() -> LayerTrace:
    rng = np.random.default_rng(3)
    geometry = ConvGeometry(8, 20, 10, 10, (3, 3), padding=(1, 1))
    weight = rng.integers(-90, 90, (20, 72)).astype(np.int8)
    inputs = rng.normal(0, 60, (3, 8, 10, 10)).clip(0, 255).astype(np.uint8)
    return LayerTrace(IntegerLayer("conv", "conv", geometry, weight), inputs)


@pytest.fixture(scope="module")
def statistics(trace: LayerTrace) -> LayerStatistics:
    return collect(trace, ArraySpec(), tiles=8, seed=5)


def test_equal_seeds_give_equal_statistics_and_others_do_not(trace: LayerTrace, statistics: LayerStatistics) -> None:
    assert collect(trace, ArraySpec(), tiles=8, seed=5).key == statistics.key
    assert collect(trace, ArraySpec(), tiles=8, seed=6).key != statistics.key
    assert (statistics.tiles, statistics.tiles_total, statistics.images) == (8, 12, 3)


def test_progress_reaches_the_number_of_tiles(trace: LayerTrace) -> None:
    seen = []
    collect(trace, ArraySpec(), tiles=3, progress=lambda done, total: seen.append((done, total)))
    assert seen == [(1, 3), (2, 3), (3, 3)]


def test_samples_follow_the_counts_and_are_observed_members(statistics: LayerStatistics) -> None:
    count = 200_000
    a_from, a_to, p_from, p_to = statistics.sample(count, np.random.default_rng(1))
    drawn = np.zeros((256, 256))
    np.add.at(drawn, (a_from, a_to), 1)
    _assert_multinomial(drawn, statistics.activation_counts, count)
    groups = np.zeros((GROUPS, GROUPS))
    np.add.at(groups, (psum_group(p_from), psum_group(p_to)), 1)
    _assert_multinomial(groups, statistics.group_counts, count)
    observed = {
        tuple(m) for cell, n in enumerate(statistics.member_counts) for m in statistics.members[cell, :n].tolist()
    }
    assert set(zip(p_from.tolist(), p_to.tolist(), strict=True)) <= observed


def _assert_multinomial(drawn: np.ndarray, counts: np.ndarray, count: int) -> None:
    share = counts / counts.sum()
    assert not drawn[counts == 0].any()
    deviation = np.abs(drawn - count * share) / np.sqrt(count * share * (1 - share) + 1)
    assert deviation.max() < 6


def test_signed_activations_come_back_signed() -> None:
    geometry = ConvGeometry(4, 4, 6, 6)
    rng = np.random.default_rng(0)
    layer = IntegerLayer("s", "conv", geometry, rng.integers(-9, 9, (4, 4)).astype(np.int8), activation_signed=True)
    signed = LayerTrace(layer, rng.integers(-128, -100, (1, 4, 6, 6)).astype(np.int8))
    got = collect(signed, ArraySpec(mac=MacSpec(activation_signed=True)), edges=False)
    a_from, a_to, _, _ = got.sample(1000, rng)
    assert min(a_from.min(), a_to.min()) >= -128 and max(a_from.max(), a_to.max()) < -100


def test_a_layer_that_overflows_is_refused(trace: LayerTrace) -> None:
    with pytest.raises(OverflowRangeError, match="layer conv"):
        collect(trace, ArraySpec(mac=MacSpec(psum_bits=16)))


def test_statistics_without_transitions_cannot_be_sampled() -> None:
    layer = IntegerLayer("dot", "linear", ConvGeometry(3, 2, 1, 1), np.ones((2, 3), np.int8))
    got = collect(LayerTrace(layer, np.ones((1, 3, 1, 1), np.uint8)), ArraySpec(), edges=False)
    with pytest.raises(StimulusError, match="layer dot"):
        got.sample(1, np.random.default_rng(0))


def test_saved_statistics_load_unchanged(statistics: LayerStatistics, tmp_path: Path) -> None:
    statistics.save(tmp_path / "conv.npz")
    loaded = LayerStatistics.load(tmp_path / "conv.npz")
    assert loaded.key == statistics.key
    assert type(loaded.activation_signed) is bool and loaded.layer == "conv"


@pytest.mark.parametrize("damage", ["missing", "truncated", "text", "foreign", "pickled"])
def test_damaged_files_are_one_clear_error(statistics: LayerStatistics, tmp_path: Path, damage: str) -> None:
    path = tmp_path / "conv.npz"
    statistics.save(path)
    if damage == "missing":
        path.unlink()
    elif damage == "truncated":
        path.write_bytes(path.read_bytes()[:-200])
    elif damage == "text":
        path.write_text("not an archive")
    elif damage == "foreign":
        np.savez(path, other=np.zeros(3))
    else:
        np.savez(path, layer=np.array([{"a": 1}], dtype=object), allow_pickle=True)
    with pytest.raises(StorageError, match=r"statistics.*conv\.npz"):
        LayerStatistics.load(path)


def test_wrong_shapes_are_refused(statistics: LayerStatistics) -> None:
    with pytest.raises(StorageError, match="damaged"):
        replace(statistics, activation_counts=np.zeros((3, 3), np.int64))


@given(st.integers(1, 5), st.integers(0, 2**32 - 1))
def test_a_reservoir_keeps_the_smallest_keys_whatever_the_order_of_parts(capacity: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    parts = [(rng.integers(0, 4, 9), rng.random(9), rng.integers(0, 99, (9, 2)).astype(np.int32)) for _ in range(3)]
    results = []
    for order in (parts, parts[::-1]):
        reservoir = CellReservoir(4, capacity)
        for part in order:
            reservoir.add(*part)
            reservoir.members()  # an early look must not change the outcome
        results.append(reservoir.members())
    assert all(np.array_equal(a, b) for a, b in zip(*results, strict=True))
    cell, key, pair = (np.concatenate([p[i] for p in parts]) for i in range(3))
    for c in range(4):
        expected = pair[cell == c][np.argsort(key[cell == c])][:capacity]
        assert np.array_equal(results[0][0][c, : results[0][1][c]], expected)


def test_stability_tells_groups_that_matter_from_groups_that_do_not() -> None:
    rng = np.random.default_rng(0)
    cells = rng.integers(0, 50, 20_000)
    noise = rng.normal(size=20_000)
    useless, useful = stability(cells, noise), stability(cells, noise + cells)
    assert useless.ratio < 0.01 and useless.explained < 0.01
    assert useful.ratio == pytest.approx(np.var(np.arange(50)), rel=0.05)
    assert useful.explained == pytest.approx(useful.ratio / (1 + useful.ratio), rel=0.01)
    assert (useful.cells, useful.samples) == (50, 20_000)
    assert np.isnan(stability(cells, noise, min_samples=10_000).ratio)
