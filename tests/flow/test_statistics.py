"""`wattloop statistics` on a small network: what is stored agrees with what is told."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from wattloop.arith.statistics import LayerStatistics
from wattloop.flow.settings import Settings
from wattloop.flow.statistics import COSTS, QUALITY, LayerSummary, statistics_flow
from wattloop.report.write import write_report
from wattloop.runs import run_folder


@pytest.fixture(scope="module")
def made(settings: Settings, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, tuple[LayerSummary, ...]]:
    out = tmp_path_factory.mktemp("statistics") / "run"
    few = replace(settings, characterize=replace(settings.characterize, images=1))
    with run_folder(out, command="statistics", settings=few, seeds=few.seeds) as run:
        return out, statistics_flow(few, run, layers=["conv2"])


def test_the_summary_is_that_of_the_stored_counts(made: tuple[Path, tuple[LayerSummary, ...]]) -> None:
    out, (found,) = made
    stored = LayerStatistics.load(out / "statistics" / "conv2.npz")
    counts = stored.activation_counts
    assert found.transitions == stored.transitions == counts.sum()
    assert found.zero == pytest.approx(sum(counts[a, 0] for a in range(256)) / counts.sum())
    assert found.quiet == pytest.approx(sum(counts[a, a] for a in range(256)) / counts.sum())
    assert found.groups == np.count_nonzero(stored.group_counts)
    rows = pl.read_parquet(out / QUALITY).filter(pl.col("grouping") == "50 groups")
    assert found.explained_0 == pytest.approx(rows.filter(pl.col("weight") == 0)["explained"].item())
    assert found.stability == pytest.approx(rows.filter(pl.col("weight") != 0)["stability"].mean())


def test_the_report_has_the_papers_figures_and_can_be_written_again(
    made: tuple[Path, tuple[LayerSummary, ...]],
) -> None:
    out, _ = made
    assert (out / COSTS).is_file()
    text = write_report(out).read_text()
    assert "## What the MACs see" in text
    for name in ("energy_by_hamming_distance", "energy_by_highest_bit", "activation_transitions", "group_transitions"):
        assert f"plots/{name}.png" in text
        assert (out / "plots" / f"{name}.png").stat().st_size > 1000
