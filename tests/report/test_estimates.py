from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest

from wattloop.power.estimate import Estimate, LayerEstimate
from wattloop.power.oracle import EnergyBreakdown, LayerEnergy
from wattloop.report.estimates import by_layer, by_origin, energy_of_layers, legend, precision_of, table_against_tiles
from wattloop.report.write import write_report


def energy(layer: str, dynamic: float, error: float, origin: str, accounting: str) -> LayerEnergy:
    parts = EnergyBreakdown(0.5 * dynamic, 0.3 * dynamic, 0.2 * dynamic, 2.0 * dynamic, 0.0)
    return LayerEnergy(layer, parts, 1000, error, origin, accounting)


def layer(
    name: str, kind: str, table: float, tiles: float, share: float, accounting: str = "datapath", simulated: int = 6
) -> LayerEstimate:
    return LayerEstimate(
        layer=name,
        kind=kind,
        share=share,
        tiles=3,
        simulated=simulated,
        cycles=762,
        paper_cycles=384,
        by_table=energy(name, table, 3e4, "table/verilator", accounting),
        by_tiles=energy(name, tiles, 4e4, "tiles/verilator", accounting),
        functional_fj=0.6 * tiles if accounting == "datapath" else tiles,
        functional_error_fj=2e4,
        total_error_fj=5e4,
        idle=EnergyBreakdown(0.1 * tiles, 0.1 * tiles, 0.05 * tiles, 9 * tiles),
        array_error_fj=4.5e4,
        paper_fj=1.5 * tiles,
        paper_error_fj=6e4,
    )


LAYERS = (
    layer("a", "conv", 2.1e6, 2.0e6, 0.4),
    layer("b", "conv", 2.7e6, 3.0e6, 0.6),
    layer("c", "linear", 1e6, 2e6, 1, simulated=12),
)


def saved(estimate: Estimate, folder: Path) -> pl.DataFrame:
    estimate.save(folder / "estimate.parquet")
    return pl.read_parquet(folder / "estimate.parquet")


@pytest.fixture
def rows(tmp_path: Path) -> pl.DataFrame:
    return saved(Estimate(LAYERS, 4, 0.95, {"conv": 1.25e5, "linear": 0.0}), tmp_path)


def test_accountings_stand_side_by_side_with_their_errors(rows: pl.DataFrame) -> None:
    first = by_layer(rows).row(0, named=True)
    assert first["datapath, nJ"] == "2.000 ± 0.040"
    assert first["functional"] == "1.200 ± 0.020"
    assert first["total"] == "6.000 ± 0.050"
    assert first["array"] == "2.500 ± 0.045"
    assert (first["glitches"], first["idle"]) == ("40.00 %", "20.00 %")
    assert first["tiles simulated"] == "6 of 12"


def test_without_glitches_there_is_no_datapath(tmp_path: Path) -> None:
    settled = layer("a", "conv", 2.1e6, 2.0e6, 1.0, "functional")
    first = by_layer(saved(Estimate((settled,), 4, 0.95, {"conv": 0.0}), tmp_path)).row(0, named=True)
    assert (first["datapath, nJ"], first["functional"], first["glitches"]) == ("-", "2.000 ± 0.020", "-")


def test_what_holds_no_glitches_is_not_named_as_if_it_did(rows: pl.DataFrame, tmp_path: Path) -> None:
    settled = layer("a", "conv", 2.1e6, 2.0e6, 1.0, "functional")
    others = saved(Estimate((settled,), 4, 0.95, {"conv": 0.0}), tmp_path)
    first = by_layer(others).row(0, named=True)
    assert (first["functional total"], first["functional array"]) == ("6.000 ± 0.050", "2.500 ± 0.045")
    assert not {"total", "array"} & set(first)
    assert "no column holds any" in legend(others)
    assert "glitches included" not in legend(others)
    assert "glitches included" in legend(rows)
    assert legend(others) in write_report(tmp_path).read_text()


def test_exact_is_only_what_was_simulated_whole(tmp_path: Path) -> None:
    for width, said in ((0.0, "between 2 and 2 (± 0.00 %), from 6 of 12 tiles"), (float("inf"), "no telling how")):
        found = saved(Estimate((layer("a", "conv", 2e6, 2e6, 1),), 4, 0.95, {"conv": width}), tmp_path)
        assert said in precision_of(found)
        assert "exact" not in precision_of(found)


def test_layers_that_take_no_energy_are_reported(tmp_path: Path) -> None:
    found = saved(Estimate((layer("a", "conv", 0.0, 0.0, 0),), 4, 0.95, {"conv": 0.0}), tmp_path)
    first = by_layer(found).row(0, named=True)
    assert (first["glitches"], first["idle"]) == ("-", "-")
    assert table_against_tiles(found)["table against tiles"][0] == "-"
    assert by_origin(found)["clock"][0] == "-"
    assert "0 fJ an image" in precision_of(found)
    write_report(tmp_path)


def test_table_and_tiles_stand_side_by_side(rows: pl.DataFrame) -> None:
    first = table_against_tiles(rows).row(0, named=True)
    assert first["by table, nJ"] == "2.100 ± 0.030"
    assert first["by tiles"] == "2.000 ± 0.040"
    # 2.1 / 2 - 1, with the root sum square of 0.03 / 2.1 and 0.04 / 2.
    assert first["table against tiles"] == "5.00 ± 2.58 %"
    assert first["total, rtl"] == "6.000 ± 0.050"
    assert first["total, paper"] == "3.000 ± 0.060"


def test_convolutions_are_summed_and_linear_layers_are_not_among_them(rows: pl.DataFrame) -> None:
    last = by_layer(rows).row(-1, named=True)
    assert (last["layer"], last["kind"], last["share of its kind"]) == ("all convolutions", "conv", "100.00 %")
    assert last["datapath, nJ"] == "5.000 ± 0.057"
    assert last["tiles simulated"] == "12 of 24"
    compared = table_against_tiles(rows).row(-1, named=True)
    assert (compared["by table, nJ"], compared["tiles an image"]) == ("4.800 ± 0.042", "6")


def test_shares_by_origin_are_of_the_total(rows: pl.DataFrame) -> None:
    first = by_origin(rows).row(0, named=True)
    assert (first["switching"], first["internal"], first["registers"]) == ("16.67 %", "10.00 %", "6.67 %")
    assert (first["clock"], first["leakage"]) == ("66.67 %", "0.00 %")


def test_a_sentence_tells_how_well_each_kind_is_known(rows: pl.DataFrame) -> None:
    assert precision_of(rows) == (
        "All convolutions, datapath: 5 nJ an image, with 95 % confidence between 4.875 and 5.125 (± 2.50 %), from 12 of"
        " 24 tiles of 4 images. All linear layers, datapath: 2 nJ an image, exact over all tiles of 4 images."
    )


def test_the_plot_shows_each_layer_twice(rows: pl.DataFrame) -> None:
    (axes,) = energy_of_layers(rows).axes
    assert [text.get_text() for text in axes.get_yticklabels()] == ["a", "b", "c"]
    assert [bar.get_width() for bar in axes.patches] == pytest.approx([2.1, 2.7, 1.0, 2.0, 3.0, 2.0])


def test_the_report_holds_it(rows: pl.DataFrame, tmp_path: Path) -> None:
    text = write_report(tmp_path).read_text()
    assert "## Energy of the layers" in text
    assert "### Table against tiles" in text
    assert "with 95 % confidence" in text
    assert (tmp_path / "plots" / "energy_of_layers.png").is_file()
