"""The report as a whole."""

import dataclasses
import json
import re
from pathlib import Path

import polars as pl
import pytest
from matplotlib.image import imread

from wattloop.compression.result import CompressionResult
from wattloop.errors import StorageError
from wattloop.report.write import write_report

from .conftest import make_run, without_tiles, write_table

PLOTS = {
    "energy_by_layer",
    "accuracy_against_energy",
    "networks",
    "kept_sets",
    "weight_histograms",
    "energy_by_value_of_layers",
    "energy_by_value_functional",
}


@pytest.fixture(scope="module")
def text(result: CompressionResult, tmp_path_factory: pytest.TempPathFactory) -> str:
    """A report, made once for all tests that only read it."""
    return write_report(make_run(result, tmp_path_factory.mktemp("run"))).read_text()


def rows(text: str, heading: str) -> list[dict[str, str]]:
    """The first Markdown table after a heading."""
    lines = text[text.index(f"{heading}\n") :].splitlines()
    table = [line for line in lines if line.startswith("|")]
    count = next((i for i, line in enumerate(lines) if line.startswith("|")), 0)
    length = next((i for i, line in enumerate(lines[count:]) if not line.startswith("|")), len(table))
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in table[:length]]
    return [dict(zip(cells[0], line, strict=True)) for line in cells[2:]]


def test_every_picture_of_the_text_exists_and_shows_something(run_folder: Path) -> None:
    text = write_report(run_folder).read_text()
    pictures = re.findall(r"!\[.*?\]\((.*?)\)", text)
    assert {Path(picture).stem for picture in pictures} == PLOTS
    for picture in pictures:
        pixels = imread(run_folder / picture)[..., :3]
        assert min(pixels.shape[:2]) > 200
        assert (pixels.min(axis=2) < 0.9).mean() > 0.01, picture


def test_accuracies_are_the_stored_ones_with_their_images(text: str) -> None:
    found = rows(text, "## Accuracy")
    assert [(r["split"], r["network"], r["accuracy"], r["images"]) for r in found] == [
        ("validation", "int8", "91.20 ± 0.40 %", "5000"),
        ("validation", "compressed", "90.50 ± 0.41 %", "5000"),
        ("test", "int8", "90.34 ± 0.30 %", "10000"),
        ("test", "compressed", "89.73 ± 0.30 %", "10000"),
    ]


def test_totals_are_the_sums_over_the_layers_for_each_source(text: str, result: CompressionResult) -> None:
    table, tiles = rows(text, "## Energy")
    assert (table["origin"], tiles["origin"]) == ("table", "tiles/verilator")
    assert {table["accounting"], tiles["accounting"]} == {"functional"}
    assert {table["unit"], tiles["unit"]} == {"nJ per image"}
    whole = sum(layer.table_before.energy.dynamic_fj for layer in result.layers) / 1e6
    left = sum(layer.table_after.energy.dynamic_fj for layer in result.layers) / 1e6
    assert float(table["int8"].split(" ± ")[0]) == pytest.approx(whole, abs=0.01)
    assert float(table["compressed"].split(" ± ")[0]) == pytest.approx(left, abs=0.01)
    assert float(table["saved"].split(" ± ")[0]) == pytest.approx(100 * result.table_saving, abs=0.01)
    assert result.tiles_saving is not None
    assert float(tiles["saved"].split(" ± ")[0]) == pytest.approx(100 * result.tiles_saving, abs=0.01)
    # 1 - (11.25 + 1.02) / (18 + 1.02), by hand: clock and leakage do not fall.
    assert table["saved, clock and leakage included"] == "35.49 %"


def test_every_network_stands_with_all_its_accountings(text: str) -> None:
    plain, best = rows(text, "## Networks")
    assert (plain[""], best[""]) == ("", "best")
    assert (best["method"], best["setting"], best["drop, points"]) == ("layerwise", "layers=1", "0.61")
    assert best["datapath saved"] == "20.00 ± 1.00 %"
    assert [best[f"{name} saved"] for name in ("total", "functional", "array")] == ["30.00 %", "14.00 %", "40.00 %"]
    assert plain["datapath saved"] == "10.00 %"
    assert "all their tiles" in text


def test_what_laid_out_networks_leave_out_is_said(text: str, result: CompressionResult, tmp_path: Path) -> None:
    assert "registers at the array's edge" not in text
    rows = (*result.rows[:1], dataclasses.replace(result.rows[1], mapped=True))
    dataclasses.replace(result, rows=rows).save(tmp_path / "compression")
    told = write_report(tmp_path).read_text()
    assert "layers=1 (laid out)" in told
    assert "registers at the array's edge that hold their offsets (clock and leakage) are in no saving" in told


def test_a_network_of_another_method_has_no_plot_by_layer(result: CompressionResult, tmp_path: Path) -> None:
    dataclasses.replace(result, best=0, out_of_time=True).save(tmp_path / "compression")
    text = write_report(tmp_path).read_text()
    assert "accuracy_against_energy.png" not in text
    assert "The hours were spent" in text


def test_table_and_tiles_stand_side_by_side_with_their_difference(text: str) -> None:
    found = rows(text, "### Table against simulated tiles")
    assert [(r["layer"], r["network"]) for r in found] == [
        ("conv2", "int8"),
        ("conv1", "int8"),
        ("conv2", "compressed"),
        ("conv1", "compressed"),
    ]
    assert found[0]["table against tiles"].startswith("-4.76 ±")
    assert found[2]["table against tiles"].startswith("-1.96 ±")


def test_layers_tell_ratio_set_and_sparsity(text: str) -> None:
    conv2, conv1 = rows(text, "## Layers")
    assert (conv2["pruning ratio"], conv2["K asked"], conv2["values kept"]) == ("0.5", "8", "7")
    assert (conv1["pruning ratio"], conv1["K asked"], conv1["values kept"]) == ("-", "-", "256")


def test_decisions_stand_in_their_order_with_their_verdicts(text: str) -> None:
    found = rows(text, "## Decisions")
    assert [r["verdict"] for r in found] == [
        "accuracy below the bound",
        "accepted",
        "no such set holds the bound",
    ]
    assert found[2]["validation accuracy"] == "-"


def test_provenance_and_settings_are_in_the_text(text: str) -> None:
    for fact in ("nangate15", "0953", "typical", "icarus", "delta = 1.0", "no glitches"):
        assert fact in text


def test_the_same_run_gives_the_same_bytes(run_folder: Path) -> None:
    write_report(run_folder)
    first = {path: path.read_bytes() for path in [run_folder / "report.md", *(run_folder / "plots").iterdir()]}
    write_report(run_folder)
    assert all(path.read_bytes() == content for path, content in first.items())


def test_without_tiles_the_report_says_so(result: CompressionResult, tmp_path: Path) -> None:
    without_tiles(result).save(tmp_path / "compression")
    text = write_report(tmp_path).read_text()
    assert "No tiles were simulated" in text
    assert len(rows(text, "## Energy")) == 1


def test_tables_alone_make_a_report(tmp_path: Path) -> None:
    (tmp_path / "tables").mkdir()
    write_table(tmp_path / "tables" / "all.parquet", "all")
    text = write_report(tmp_path).read_text()
    assert "energy_by_value_functional.png" in text
    assert "## Accuracy" not in text


@pytest.mark.parametrize("name", ["result.json", "layers.parquet", "values.parquet", "journal.jsonl", "rows.json"])
def test_a_missing_or_damaged_file_is_named_and_nothing_is_written(run_folder: Path, name: str) -> None:
    path = run_folder / "compression" / name
    path.write_bytes(path.read_bytes()[:-40])
    with pytest.raises(StorageError, match=f"{name} is damaged"):
        write_report(run_folder)
    path.unlink()
    with pytest.raises(StorageError, match=f"{name} is missing"):
        write_report(run_folder)
    assert not (run_folder / "report.md").exists()


def test_an_empty_table_is_refused(run_folder: Path) -> None:
    path = run_folder / "tables" / "conv1.parquet"
    pl.read_parquet(path).clear().write_parquet(path)
    with pytest.raises(StorageError, match=r"conv1\.parquet is empty"):
        write_report(run_folder)


def test_a_table_without_its_standard_error_is_refused(run_folder: Path) -> None:
    path = run_folder / "tables" / "conv1.parquet"
    pl.read_parquet(path).drop("standard_error_fj").write_parquet(path)
    with pytest.raises(StorageError, match="no column standard_error_fj"):
        write_report(run_folder)


def test_a_folder_without_results_is_refused(tmp_path: Path) -> None:
    with pytest.raises(StorageError, match="nothing to report on"):
        write_report(tmp_path)
    with pytest.raises(StorageError, match="no run folder"):
        write_report(tmp_path / "absent")


def test_a_provenance_that_is_no_mapping_is_refused(run_folder: Path) -> None:
    (run_folder / "provenance.json").write_text(json.dumps(["x"]))
    with pytest.raises(StorageError, match=r"provenance.json is damaged"):
        write_report(run_folder)
