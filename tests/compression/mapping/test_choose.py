"""Mappings of layers: each freedom alone and all together, from measured filters; they save and load."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.compression.fakes import CURVE, FakeOracle

from wattloop.arith.im2col import im2col
from wattloop.arith.layer import ConvGeometry, IntegerLayer, LayerTrace
from wattloop.compression.mapping.archive import load_mappings, save_mappings
from wattloop.compression.mapping.choose import choose_mappings
from wattloop.compression.mapping.filters import FILTER_OFFSETS
from wattloop.compression.mapping.options import MappingOptions
from wattloop.compression.mapping.remembered import Remembered
from wattloop.compression.mapping.rows import quietest_first, row_activity
from wattloop.errors import ConfigError, OverflowRangeError, StorageError
from wattloop.power.oracle import FilterOracle, HardwareMapping

NONE = MappingOptions("none", "none", "none", "raster")


@dataclass
class Filters(FakeOracle):
    """Filter c costs |offset - target c| and 10 more while it runs with the wrong sign; far offsets do not fit.

    Orders of rows and pixels cost each filter `rows` and `snake` more.
    """

    targets: Sequence[int] = (4096, -16384, 4096)
    negative: Sequence[int] = (1,)
    furthest: int = 1 << 15
    rows: float = -1.0
    snake: float = -1.0

    def filter_energies_fj(self, layer: str, weights: np.ndarray, mappings: Sequence[HardwareMapping]) -> np.ndarray:
        found = np.array(
            [
                [
                    abs(int(m.offsets(3)[c]) - target)
                    + 10.0 * ((c in (m.flipped_filters or ())) != (c in self.negative))
                    + self.rows * (m.row_order is not None)
                    + self.snake * (m.pixel_order == "snake")
                    for c, target in enumerate(self.targets)
                ]
                for m in mappings
            ]
        )
        found[np.abs([m.offsets(3) for m in mappings]) > self.furthest] = np.inf
        return found


@pytest.fixture
def trace() -> LayerTrace:
    rng = np.random.default_rng(0)
    weight = rng.integers(-100, 101, (3, 18)).astype(np.int8)
    inputs = rng.integers(0, 256, (2, 2, 5, 6)) * np.array([1, 0.2])[:, None, None]
    layer = IntegerLayer("conv", "conv", ConvGeometry(2, 3, 5, 6, (3, 3), padding=(1, 1)), weight)
    return LayerTrace(layer, inputs.astype(np.uint8))


def chosen(
    trace: LayerTrace, options: MappingOptions, oracle: FilterOracle | None = None, judge: FilterOracle | None = None
) -> HardwareMapping:
    tiles = oracle or Filters({"conv": 1.0})
    return choose_mappings([trace], {}, FakeOracle({"conv": 1.0}), tiles, options, judge=judge)["conv"]


def test_each_freedom_alone_moves_nothing_else(trace: LayerTrace) -> None:
    assert chosen(trace, NONE) == HardwareMapping()
    assert chosen(trace, replace(NONE, signs="tiles")) == HardwareMapping(flipped_filters=(1,))
    assert chosen(trace, replace(NONE, offsets="layer")) == HardwareMapping(psum_offset=4096)
    assert chosen(trace, replace(NONE, offsets="channel")) == HardwareMapping(psum_offset=(4096, -16384, 4096))
    assert chosen(trace, replace(NONE, rows="activity")) == HardwareMapping(row_order=quietest_first(trace))
    assert chosen(trace, replace(NONE, pixels="snake")) == HardwareMapping(pixel_order="snake")


def test_all_together(trace: LayerTrace) -> None:
    expected = HardwareMapping((4096, -16384, 4096), quietest_first(trace), (1,), "snake")
    assert chosen(trace, MappingOptions()) == expected


def test_orders_that_cost_more_are_left_out(trace: LayerTrace) -> None:
    """Whoever chose, the judge has the last word."""
    whole = chosen(trace, MappingOptions())
    dear_rows, dear_snake = Filters({"conv": 1.0}, rows=1.0), Filters({"conv": 1.0}, snake=1.0)
    assert chosen(trace, MappingOptions(), dear_rows) == replace(whole, row_order=None)
    assert chosen(trace, MappingOptions(), judge=dear_snake) == replace(whole, pixel_order="raster")
    assert chosen(trace, replace(NONE, rows="activity"), dear_rows) == HardwareMapping()


@pytest.mark.parametrize(
    "judge",
    [
        Filters({"conv": 1.0}, targets=(0, 0, 0), negative=()),
        Filters({"conv": 1.0}, targets=(0, 0, 0), negative=(), rows=1.0, snake=1.0),
        Filters({"conv": 1.0}, targets=(-4096, 1 << 14, 0), rows=5.0),
        Filters({"conv": 1.0}, furthest=0),
    ],
)
@pytest.mark.parametrize("options", [MappingOptions(), replace(NONE, signs="values"), replace(NONE, offsets="layer")])
def test_no_mapping_costs_more_than_none_where_it_was_judged(
    trace: LayerTrace, options: MappingOptions, judge: Filters
) -> None:
    found = chosen(trace, options, judge=judge)
    mapped, plain = judge.filter_energies_fj("conv", trace.layer.weight, [found, HardwareMapping()]).sum(axis=1)
    assert mapped <= plain


def test_signs_by_weight_values_are_those_that_the_curve_prefers(trace: LayerTrace) -> None:
    weight = trace.layer.weight.astype(int)
    cheaper = tuple(np.flatnonzero(CURVE[-weight + 128].sum(axis=1) < CURVE[weight + 128].sum(axis=1)).tolist())
    assert cheaper
    found = chosen(trace, replace(NONE, signs="values"), Filters({"conv": 1.0}, negative=cheaper))
    assert found.flipped_filters == cheaper
    with pytest.raises(ConfigError, match="takes tables"):
        choose_mappings([trace], {}, None, Filters({"conv": 1.0}), replace(NONE, signs="values"))


def test_weights_at_hand_stand_in_for_those_of_the_trace(trace: LayerTrace) -> None:
    weight = np.zeros_like(trace.layer.weight)
    weight[:, 3] = 1
    seen = []

    class Noting(Filters):
        def filter_energies_fj(
            self, layer: str, weights: np.ndarray, mappings: Sequence[HardwareMapping]
        ) -> np.ndarray:
            seen.append(weights)
            return super().filter_energies_fj(layer, weights, mappings)

    found = choose_mappings([trace], {"conv": weight}, None, Noting({"conv": 1.0}), MappingOptions())["conv"]
    np.testing.assert_array_equal(seen[0], weight)
    assert found.row_order == (*(k for k in range(18) if k != 3), 3)


def test_filters_are_measured_once(trace: LayerTrace) -> None:
    asked: list[int] = []

    class Noting(Filters):
        def filter_energies_fj(
            self, layer: str, weights: np.ndarray, mappings: Sequence[HardwareMapping]
        ) -> np.ndarray:
            asked.append(len(mappings))
            return super().filter_energies_fj(layer, weights, mappings)

    oracle, memory = Filters({"conv": 1.0}), Remembered(Noting({"conv": 1.0}))
    for options in (
        replace(NONE, signs="tiles"),
        replace(NONE, signs="tiles", offsets="channel"),
        replace(NONE, offsets="layer"),
    ):
        assert chosen(trace, options, memory) == chosen(trace, options, oracle)
    # Two signs without an offset; then the offsets with both signs; what was chosen; one offset for all is nothing new.
    assert asked == [2, 1, 2 * (len(FILTER_OFFSETS) - 1), 1]
    other = choose_mappings([trace], {"conv": -trace.layer.weight}, None, memory, replace(NONE, signs="tiles"))
    assert other["conv"].flipped_filters == (1,) and asked[4:] == [2, 1]


def test_a_layer_of_which_no_filter_fits_is_refused(trace: LayerTrace) -> None:
    with pytest.raises(OverflowRangeError, match="layer conv"):
        chosen(trace, MappingOptions(), Filters({"conv": 1.0}, furthest=-1))
    assert max(map(abs, FILTER_OFFSETS)) > Filters({"conv": 1.0}).furthest


def test_unknown_options_are_refused() -> None:
    with pytest.raises(ConfigError, match="signs = 'all' is illegal; legal: none, values, tiles"):
        MappingOptions(signs="all")  # type: ignore[arg-type]


def test_activity_of_a_row_is_its_change_times_its_weights(trace: LayerTrace) -> None:
    columns = im2col(trace.inputs, trace.layer.geometry)[:, 0].astype(float)
    expected = [
        np.mean([np.abs(np.diff(columns[i, k])).sum() for i in range(2)])
        * np.abs(trace.layer.weight[:, k].astype(float)).mean()
        for k in range(18)
    ]
    np.testing.assert_allclose(row_activity(trace), expected)
    order = quietest_first(trace)
    assert sorted(order) == list(range(18))
    assert (np.diff(np.array(expected)[list(order)]) >= 0).all()


def test_rows_of_groups_are_ordered_alike() -> None:
    geometry = ConvGeometry(4, 4, 3, 3, (1, 1), groups=2)
    weight = np.array([[1, 9], [1, 9], [1, 1], [1, 1]], np.int8)
    inputs = np.random.default_rng(1).integers(0, 256, (1, 4, 3, 3)).astype(np.uint8)
    assert quietest_first(LayerTrace(IntegerLayer("c", "conv", geometry, weight), inputs)) == (0, 1)


integers = st.integers(-(1 << 21), (1 << 21) - 1)
mappings = st.builds(
    HardwareMapping,
    integers | st.lists(integers, min_size=1, max_size=5).map(tuple),
    st.none() | st.permutations(range(6)).map(tuple),
    st.none() | st.lists(st.integers(0, 9), unique=True).map(sorted).map(tuple),
    st.sampled_from(["raster", "snake"]),
)


@settings(max_examples=30, deadline=None)
@given(found=st.dictionaries(st.text(min_size=1, max_size=9), mappings, max_size=3))
def test_mappings_come_back_as_they_were_saved(
    found: dict[str, HardwareMapping], tmp_path_factory: pytest.TempPathFactory
) -> None:
    path = tmp_path_factory.mktemp("mapping") / "mapping.json"
    save_mappings(path, found)
    assert load_mappings(path) == found


@pytest.mark.parametrize(
    "text",
    [
        "{",
        "[]",
        '{"conv": 3}',
        '{"conv": {"psum_offset": 1.5}}',
        '{"conv": {"psum_offset": [true]}}',
        '{"conv": {"row_order": "01"}}',
        '{"conv": {"pixel_order": "spiral"}}',
        '{"conv": {"offset": 1}}',
    ],
)
def test_what_is_no_file_of_mappings_is_refused(text: str, tmp_path: Path) -> None:
    path = tmp_path / "mapping.json"
    path.write_text(text)
    with pytest.raises(StorageError, match=r"cannot read the mappings .*mapping\.json: .*wattloop map"):
        load_mappings(path)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(StorageError, match=r"nowhere\.json"):
        load_mappings(tmp_path / "nowhere.json")
