"""Cells side by side: what is added up and divided by what, the ranks, the Pareto front, the files."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wattloop.errors import StorageError
from wattloop.power.exploration import Exploration, LayerOnTemplate, TemplateHardware, pareto, rank_correlations

CELL = TemplateHardware("array", "mac", "fused", 584, 188.2, 180.5, 7.8, 11.7, None, 0.69, 0.0, 0.0)
ROW = LayerOnTemplate("array", "a", "int8", 100, 200, 5_000.0, 4_000.0, 900.0, 100.0, 700.0, 30.0)
OTHER = LayerOnTemplate("array", "b", "int8", 300, 600, 9_000.0, 6_000.0, 2_700.0, 300.0, 1_300.0, 40.0, 4096, 3)
FOUND = Exploration((CELL,), (ROW, OTHER), (("array", "booth", 0.5),), {"layers": "a, b", "clock_ps": "200"})


def test_energies_are_per_multiply_accumulate_and_clock_and_leakage_per_cycle() -> None:
    energy = FOUND.per_mac("array")
    assert energy is not None
    assert energy.datapath_fj == pytest.approx(14_000 / 400)
    assert energy.functional_fj == pytest.approx(10_000 / 400)
    assert energy.total_fj == pytest.approx(14_000 / 400 + 4_000 / 800)
    assert energy.whole_fj == pytest.approx(18_000 / 400)
    assert energy.array_fj == pytest.approx(16_000 / 400)
    assert energy.error_fj == pytest.approx(50 / 400)
    assert FOUND.per_mac("array", "mapped") is None


def test_the_critical_path_holds_the_set_up_time() -> None:
    assert CELL.critical_path_ps == pytest.approx(188.3)


def test_ranks_are_over_the_values_that_both_cells_hold() -> None:
    wide = {w: float(abs(w)) for w in range(-4, 5)}
    narrow = {-4: 9.0, -2: 3.0, -1: 1.0, 0: 0.0}
    falling = {w: -value for w, value in wide.items()}
    ranks = rank_correlations({"wide": wide, "narrow": narrow, "falling": falling})
    assert [(a, b) for a, b, _ in ranks] == [("wide", "narrow"), ("wide", "falling"), ("narrow", "falling")]
    assert [value for _, _, value in ranks] == pytest.approx([1.0, -1.0, -1.0])


def test_a_pair_with_fewer_than_two_values_in_common_has_no_rank() -> None:
    assert rank_correlations({"a": {0: 1.0}, "b": {0: 2.0, 1: 3.0}}) == ()


@given(st.lists(st.tuples(st.integers(0, 9).map(float), st.integers(0, 9).map(float)), min_size=1))
def test_the_front_beats_every_other_point_and_none_of_its_own(points: list[tuple[float, float]]) -> None:
    front = [points[k] for k in pareto(points)]

    def beaten(point: tuple[float, float], by: tuple[float, float]) -> bool:
        return by != point and by[0] <= point[0] and by[1] <= point[1]

    assert not any(beaten(a, b) for a in front for b in front)
    assert all(point in front or any(beaten(point, other) for other in front) for point in points)


def test_what_is_saved_loads_equal(tmp_path: Path) -> None:
    FOUND.save(tmp_path)
    assert Exploration.load(tmp_path) == FOUND


@pytest.mark.parametrize("name", ["templates.parquet", "energies.parquet", "ranks.parquet"])
def test_damage_is_one_clear_error(name: str, tmp_path: Path) -> None:
    FOUND.save(tmp_path)
    (tmp_path / name).write_bytes(b"damaged")
    with pytest.raises(StorageError, match="explore again"):
        Exploration.load(tmp_path)
