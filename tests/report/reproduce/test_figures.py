"""What the sentences of figures 1 to 3 say follows from the figures: other figures, other sentences."""

from __future__ import annotations

from dataclasses import asdict, replace

import numpy as np
import polars as pl
import pytest

from wattloop.arith.statistics import LayerStatistics
from wattloop.power.energy_table import EnergyTable
from wattloop.power.grouping import BitCost
from wattloop.report.reproduce import figure1, figure2, figure3
from wattloop.report.reproduce.exhibit import Exhibit

WEIGHTS = np.arange(-8, 8)


def table(layer: str, energy_fj: np.ndarray, error_fj: float = 0.1) -> EnergyTable:
    """Two batches whose spread gives the error; clock 20 fJ."""
    batches = energy_fj[:, None] + error_fj * np.array([-1.0, 1.0])
    return EnergyTable(
        weights=WEIGHTS,
        class_columns={
            "comb_switching_fj": energy_fj[:, None] / 2,
            "comb_internal_fj": energy_fj[:, None] / 4,
            "register_fj": energy_fj[:, None] / 4,
        },
        static_columns={"clock_fj": np.full(16, 20.0), "leakage_fj": np.zeros(16)},
        batch_fj=batches[:, None, :],
        shares=np.ones(1),
        class_of_row=np.zeros((1, 1), np.int64),
        pairs=np.full(16, 2),
        toggles=np.zeros((16, 1), np.int64),
        nets=("n",),
        prices={},
        provenance={"layer": layer},
    )


RISING = 100.0 + 10 * np.abs(WEIGHTS)


def test_power_is_energy_by_time() -> None:
    made = figure1.exhibit({"conv1": table("conv1", RISING)}, 200.0)
    assert made.title.endswith("at 5 GHz")
    row = made.data.filter(weight=-8).to_dicts()[0]
    assert row["dynamic_uw"] == pytest.approx(180.0 / 200e-12 * 1e-15 * 1e6)
    assert row["total_uw"] - row["dynamic_uw"] == pytest.approx(100.0)
    assert row["error_uw"] == pytest.approx(0.5)


@pytest.mark.parametrize(
    ("energy_fj", "error_fj", "agrees"),
    [(RISING, 0.1, True), (100 + 0.1 * WEIGHTS, 0.01, False), (RISING, 50.0, None)],
)
def test_a_spread_is_judged_by_its_size_and_its_certainty(
    energy_fj: np.ndarray, error_fj: float, agrees: bool | None
) -> None:
    (claim,) = figure1.exhibit({"conv1": table("conv1", energy_fj, error_fj)}, 200.0).claims
    assert claim.agrees is agrees


def test_negative_weights_are_held_against_their_twins() -> None:
    dearer = np.where(WEIGHTS < 0, 1.5, 1.0) * RISING
    (of_dearer, of_equal, between) = figure1.exhibit(
        {"dearer": table("dearer", dearer), "equal": table("equal", RISING)}, 200.0
    ).findings
    assert "50% more than its positive twin" in of_dearer
    assert "0% less than its positive twin" in of_equal
    assert between.startswith("equal against dearer: the same weight takes 0.67 to 1.00 times")


def cost(view: str, before: int, after: int, mean_fj: float, transitions: int = 100) -> BitCost:
    return BitCost(17, view, before, after, mean_fj, 2.0, transitions)


def bits(by_distance: list[float], near_fj: float, far_fj: float, high_fj: float) -> Exhibit:
    costs = [cost("Hamming distance", k, k, fj) for k, fj in enumerate(by_distance)]
    for before in range(23):
        for after in range(23):
            fj = near_fj if abs(before - after) <= 3 else far_fj
            costs.append(cost("MSB", before, after, fj + (high_fj if max(before, after) > 14 else 0.0)))
    return figure2.exhibit(costs, 200.0)


def test_figure_2_as_the_paper_tells_it() -> None:
    made = bits([10.0 * k + 5 for k in range(23)], 50.0, 80.0, 60.0)
    assert [claim.agrees for claim in made.claims] == [True, True, True]
    (row,) = made.rows
    assert (row["rank_correlation"], row["peak_distance"]) == (1.0, 22)
    assert row["near_fj"] < row["far_fj"]


def test_figure_2_the_other_way_round() -> None:
    made = bits([10.0 * (22 - abs(k - 8)) for k in range(23)], 80.0, 50.0, 0.0)
    assert [claim.agrees for claim in made.claims] == [False, False, False]
    assert "dearest at distance 8 (220 fJ)" in made.claims[0].because
    assert "more than off it" in made.claims[1].because


def test_explained_variance_is_that_of_single_transitions() -> None:
    rng = np.random.default_rng(0)
    groups = [rng.normal(mean, 2.0, size) for mean, size in ((5.0, 40), (9.0, 100), (2.0, 10))]
    costs = [BitCost(17, "MSB", k, k, float(g.mean()), float(g.std()), len(g)) for k, g in enumerate(groups)]
    every = np.concatenate(groups)
    within = sum(((g - g.mean()) ** 2).sum() for g in groups)
    frame = pl.DataFrame([asdict(one) for one in costs])
    expected = 1 - within / ((every - every.mean()) ** 2).sum()
    assert figure2.explained(frame) == pytest.approx(expected)


def seen(layer: str, levels: list[int], signed: bool = False) -> LayerStatistics:
    counts = np.zeros((256, 256), np.int64)
    np.add.at(counts, (levels[:-1], levels[1:]), 1)
    empty = np.zeros((50, 50), np.int64)
    members = np.zeros((2500, 1, 2), np.int32)
    return LayerStatistics(layer, signed, 22, counts, empty, members, np.zeros(2500, np.int64), 1, 1, 1, 0)


def test_layers_are_apart_only_beyond_what_their_halves_are() -> None:
    quiet, loud = seen("quiet", [0] * 100 + [1]), seen("loud", [0, 255] * 50)
    apart = figure3.exhibit([(quiet, quiet), (loud, loud)])
    assert apart.claims[0].agrees is True
    assert apart.claims[0].measured.startswith("quiet and loud are 1.00 apart; halves of the same layer 0.00")
    same = figure3.exhibit([(quiet, quiet), (replace(quiet, layer="other"),) * 2])
    assert same.claims[0].agrees is False
    noisy = figure3.exhibit([(quiet, loud), (replace(quiet, layer="x"), replace(loud, layer="x"))])
    assert noisy.claims[0].agrees is None


def test_a_layer_is_told_by_its_zeros_and_its_quiet_cycles() -> None:
    levels = [0, 0, 0, 3, 3, 0]
    (row,) = figure3.exhibit([(seen("conv1", levels), seen("conv1", levels))]).rows
    assert row["zero"] == pytest.approx(3 / 5)
    assert row["quiet"] == pytest.approx(3 / 5)
    assert row["mean_bits"] == pytest.approx((2 + 2) / 5)
    assert row["cells"] == 4


def test_signed_levels_are_kept_by_value() -> None:
    signed = seen("conv1", [255, 1, 128], signed=True)
    data = figure3.exhibit([(signed, signed)]).data
    assert data.select("before", "after").rows() == [(1, -128), (-1, 1)]
