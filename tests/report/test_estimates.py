from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest

from wattloop.power.estimate import Estimate, LayerEstimate
from wattloop.power.oracle import EnergyBreakdown, LayerEnergy
from wattloop.report.estimates import by_layer, energy_of_layers
from wattloop.report.write import write_report


def energy(layer: str, dynamic: float, error: float, origin: str) -> LayerEnergy:
    parts = EnergyBreakdown(0.5 * dynamic, 0.3 * dynamic, 0.2 * dynamic, 2.0 * dynamic, 0.0)
    return LayerEnergy(layer, parts, 1000, error, origin, "functional")


def layer(name: str, kind: str, table: float, tiles: float, share: float) -> LayerEstimate:
    return LayerEstimate(
        layer=name,
        kind=kind,
        share=share,
        tiles=3,
        simulated=6,
        cycles=762,
        paper_cycles=384,
        by_table=energy(name, table, 3e4, "table/verilator"),
        by_tiles=energy(name, tiles, 4e4, "tiles/verilator"),
        paper_fj=1.5 * tiles,
        paper_error_fj=6e4,
    )


@pytest.fixture
def rows(tmp_path: Path) -> pl.DataFrame:
    layers = (
        layer("a", "conv", 2.1e6, 2.0e6, 0.4),
        layer("b", "conv", 2.7e6, 3.0e6, 0.6),
        layer("c", "linear", 1e6, 2e6, 1),
    )
    Estimate(layers, images=2).save(tmp_path / "estimate.parquet")
    return pl.read_parquet(tmp_path / "estimate.parquet")


def test_layers_stand_side_by_side_with_their_errors(rows: pl.DataFrame) -> None:
    first = by_layer(rows).row(0, named=True)
    assert first["dynamic by table, nJ"] == "2.100 ± 0.030"
    assert first["dynamic by tiles, nJ"] == "2.000 ± 0.040"
    # 2.1 / 2 - 1, with the root sum square of 0.03 / 2.1 and 0.04 / 2.
    assert first["table against tiles"] == "5.00 ± 2.58 %"
    assert first["total, rtl, nJ"] == "6"
    assert first["total, paper, nJ"] == "3.000 ± 0.060"


def test_convolutions_are_summed_and_linear_layers_are_not_among_them(rows: pl.DataFrame) -> None:
    last = by_layer(rows).row(-1, named=True)
    assert last["layer"] == "all convolutions"
    assert last["dynamic by table, nJ"] == "4.800 ± 0.042"
    assert last["dynamic by tiles, nJ"] == "5.000 ± 0.057"
    assert last["tiles an image"] == "6"
    assert last["share of its kind"] == "100.00 %"


def test_the_plot_shows_each_layer_twice(rows: pl.DataFrame) -> None:
    (axes,) = energy_of_layers(rows).axes
    assert [text.get_text() for text in axes.get_yticklabels()] == ["a", "b", "c"]
    assert [bar.get_width() for bar in axes.patches] == pytest.approx([2.1, 2.7, 1.0, 2.0, 3.0, 2.0])


def test_the_report_holds_it(rows: pl.DataFrame, tmp_path: Path) -> None:
    text = write_report(tmp_path).read_text()
    assert "## Energy of the layers" in text
    assert (tmp_path / "plots" / "energy_of_layers.png").is_file()
