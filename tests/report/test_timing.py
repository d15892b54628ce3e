"""Settling times in reports: read from what a run left, or refused in one line."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

import polars as pl
import pytest

from wattloop.errors import StorageError
from wattloop.report.timing import StoredTiming, by_method, by_weight
from wattloop.report.write import write_report
from wattloop.timing.summary import MethodTiming

METHOD = MethodTiming("worst", 512, 12.0, 80.0, 97.0, 60.0, 99.0, 128, 0.25, 3)
WEIGHTS = pl.DataFrame(
    {"method": "worst", "weight": [-1, 0, 1], "min_ps": [60.0, 12.0, 60.0], "median_ps": [80.0, 12.0, 79.0]}
    | {"max_ps": [97.0, 12.0, 90.0], "longest_ps": [99.0, 12.0, 92.0], "psum_ps": 60.0, "late": [100, 0, 28]}
)
HISTOGRAM = pl.DataFrame(
    {"method": "worst", "weight": [0, 0, 1], "from_ps": [10, 60, 85], "transitions": [128, 256, 128]}
)


def stored(folder: Path) -> Path:
    (folder / "timing").mkdir(parents=True)
    pl.DataFrame([asdict(METHOD)]).write_parquet(folder / "timing" / "methods.parquet")
    WEIGHTS.write_parquet(folder / "timing" / "weights.parquet")
    HISTOGRAM.write_parquet(folder / "timing" / "histogram.parquet")
    return folder


def test_a_run_with_settling_times_alone_has_a_report(tmp_path: Path) -> None:
    text = write_report(stored(tmp_path / "run")).read_text()
    (row,) = [line for line in text.splitlines() if line.startswith("| worst")]
    cells = [cell.strip() for cell in row.strip("|").split("|")]
    assert cells == ["worst", "512", "12", "80", "97", "60", "99", "25.00 %", "3"]
    assert (tmp_path / "run" / "plots" / "settling_by_weight.png").stat().st_size > 10_000


def test_every_method_has_a_row_and_a_panel(tmp_path: Path) -> None:
    found = StoredTiming.load(stored(tmp_path) / "timing")
    assert by_method([*found.methods, METHOD]).height == 2
    twice = pl.concat([found.weights, found.weights.with_columns(method=pl.lit("sampled"))])
    figure = by_weight(twice, 95.0)
    assert [axes.get_title() for axes in figure.axes] == ["worst", "sampled"]
    assert len(figure.axes[0].lines) == len(by_weight(twice, None).axes[0].lines) + 1


@pytest.mark.parametrize("name", ["methods.parquet", "weights.parquet"])
def test_damaged_figures_are_refused(tmp_path: Path, name: str) -> None:
    folder = stored(tmp_path) / "timing"
    (folder / name).write_bytes(b"PAR1")
    with pytest.raises(StorageError, match="run `wattloop timing` again"):
        StoredTiming.load(folder)
    (folder / name).unlink()
    with pytest.raises(StorageError, match="run `wattloop timing` again"):
        StoredTiming.load(folder)
