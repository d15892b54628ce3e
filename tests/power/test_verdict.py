"""Tables against exact simulation: ranks, sums and the paper's claim from rows written by hand."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from wattloop.errors import StorageError
from wattloop.power.oracle import EnergyBreakdown, LayerEnergy
from wattloop.power.verdict import LayerVerdict, claims, judged, load_verdict, rank_correlation, save_verdict, summed


@given(st.permutations(range(12)), st.permutations(range(12)))
def test_without_ties_rank_correlation_is_spearmans_formula(first: list[int], second: list[int]) -> None:
    differences = sum((a - b) ** 2 for a, b in zip(first, second, strict=True))
    expected = 1 - 6 * differences / (12 * (12**2 - 1))
    values = [np.exp(np.array(order, float)) for order in (first, second)]  # ranks do not mind
    assert rank_correlation(*values) == pytest.approx(expected)


def test_ties_share_their_mean_rank() -> None:
    assert rank_correlation(np.array([1.0, 1, 2]), np.array([1.0, 2, 3])) == pytest.approx(np.sqrt(3) / 2)


def row(layer: str, statistics: str, table: float, exact: float, rank: float, kind: str = "conv") -> LayerVerdict:
    return LayerVerdict(
        "int8", layer, kind, statistics, "datapath", exact, table, 0.001, table / exact - 1, rank, 0.01, 2000
    )


ROWS = [
    row("a", "global", 110, 100, 0.9),
    row("a", "independent", 95, 100, 0.99),
    row("b", "global", 270, 300, 0.95),
    row("b", "independent", 303, 300, 0.94),
    row("fc", "global", 1, 2, 0.1, "linear"),
    row("fc", "independent", 2, 2, 0.1, "linear"),
]


def test_a_network_is_the_sum_of_its_convolutions() -> None:
    pooled, own = summed(ROWS)
    assert (pooled.statistics, own.statistics) == ("global", "independent")
    assert pooled.error == pytest.approx(380 / 400 - 1)
    assert pooled.mean_error == pytest.approx(0.1)
    assert (own.worst_layer, own.worst_error) == ("a", pytest.approx(-0.05))
    assert (own.worst_rank, own.mean_rank) == (0.94, pytest.approx(0.965))


def test_a_layer_that_takes_no_energy_is_not_divided_by() -> None:
    nothing = LayerEnergy("a", EnergyBreakdown(0.0, 0.0, 0.0, 1.0), 10, 0.0, "tiles", "datapath")
    values = np.array([1.0, 2.0, 3.0])
    found = judged("int8", "conv", "global", nothing, nothing, values, values)
    assert (found.error, found.sampling_error) == (0.0, 0.0)
    assert summed([found])[0].error == 0.0


def test_layer_aware_beats_global_where_its_mean_error_is_smaller() -> None:
    (claim,) = claims(ROWS)
    assert (claim.energies, claim.ranks, claim.better, claim.layers) == (True, True, 2, 2)
    assert claim.layer_error == pytest.approx(0.03)
    worse = [*ROWS[:1], row("a", "independent", 160, 100, 0.5), *ROWS[2:]]
    (claim,) = claims(worse)
    assert (claim.energies, claim.ranks, claim.better) == (False, False, 1)
    assert claims(ROWS[::2]) == []  # nothing to compare with


def test_a_verdict_survives_a_file(tmp_path: Path) -> None:
    save_verdict(ROWS, tmp_path / "v.parquet")
    assert load_verdict(tmp_path / "v.parquet") == ROWS
    (tmp_path / "v.parquet").write_bytes(b"no")
    with pytest.raises(StorageError, match="run `wattloop verdict` again"):
        load_verdict(tmp_path / "v.parquet")
