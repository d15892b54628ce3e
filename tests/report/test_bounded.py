"""The report of networks under a delay bound: both savings, what the supply rests on, and what is late."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import polars as pl
import pytest

from wattloop.cli.summary import networks
from wattloop.compression.bound_facts import BoundFacts, TileCheck
from wattloop.compression.result import CompressionResult
from wattloop.errors import OldFormatError
from wattloop.report.write import write_report
from wattloop.timing.tiles import COLUMNS

from .conftest import make_run

BOUND = BoundFacts(
    activation_codes=140,
    delay_bound_ps=165.0,
    settling_ps=163.0,
    needed_ps=172.46,
    supply_v=0.74,
    unselected_supply_v=0.78,
    supply_origin="settled by 163 ps; alpha-power law, V_t 0.3 V, alpha 1.3, nominal 0.8 V",
    datapath_saving_at_supply=0.3155,
    total_saving_at_supply=0.41,
    functional_saving_at_supply=0.21,
    array_saving_at_supply=0.52,
    late_transitions=3,
    timed_tiles=16,
)
BY_PE = pl.DataFrame({"layer": ["conv2", "conv2"], "row": [1, 7], "col": [2, 3], "late": [1, 2], "latest_ps": 171.0})
LATE = pl.DataFrame(
    {"layer": ["conv2"] * 3} | {name: [5, 6, 7] for name in COLUMNS} | {"settling_ps": [168.0, 171.0, 166.0]}
)


def bounded(result: CompressionResult, late: bool = True) -> CompressionResult:
    """The same result, as if under a delay bound."""
    rows = tuple(replace(row, **vars(BOUND)) for row in result.rows)
    check = TileCheck(BY_PE, LATE) if late else TileCheck(BY_PE.clear(), LATE.clear())
    return replace(result, rows=rows, checks=(check, TileCheck(BY_PE.clear(), LATE.clear())))


@pytest.fixture
def folder(result: CompressionResult, tmp_path: Path) -> Path:
    return make_run(bounded(result), tmp_path / "lenet")


def test_every_network_has_its_savings_without_and_with_the_voltage_step(folder: Path) -> None:
    text = write_report(folder).read_text()
    part = text[text.index("## Delay bound and supply") :].split("###")[0]
    line = next(line for line in part.splitlines() if "four-bit" in line)
    cells = [cell.strip() for cell in line.strip("|").split("|")]
    assert cells[2:8] == ["140", "165", "163", "172.5", "0.74", "0.78"]
    assert cells[8] == "10.00 %, 31.55 %"
    assert cells[-1] == "3 in 16 tiles"
    assert part.count(f"0.74 V: {BOUND.supply_origin}.") == 1
    main = text[text.index("## Networks") :].splitlines()[2]
    assert all(name in main for name in ("codes", "bound, ps", "supply, V", "late"))


def test_late_transitions_stand_in_files_and_in_the_report_the_worst_first(folder: Path) -> None:
    late = pl.read_parquet(folder / "compression" / "late_transitions.parquet")
    by_pe = pl.read_parquet(folder / "compression" / "late_by_pe.parquet")
    assert late.columns == ["network", "layer", *COLUMNS]
    assert by_pe["network"].to_list() == [0, 0]
    text = write_report(folder).read_text()
    part = text[text.index("### Late transitions") :]
    assert part.index("| conv2   | 7     | 3") < part.index("| conv2   | 1     | 2")
    assert part.index("171.0") < part.index("168.0") < part.index("166.0")


def test_a_network_that_is_in_time_is_said_to_be(result: CompressionResult, tmp_path: Path) -> None:
    text = write_report(make_run(bounded(result, late=False), tmp_path / "run")).read_text()
    assert "No transition of the timed tiles settles after the bound." in text
    assert "### Late transitions" not in text


def test_without_a_bound_nothing_is_said_of_one(result: CompressionResult, tmp_path: Path) -> None:
    text = write_report(make_run(result, tmp_path / "run")).read_text()
    assert "Delay bound" not in text and "supply, V" not in text
    assert not (tmp_path / "run" / "compression" / "late_by_pe.parquet").exists()
    assert len(networks(result)[0]) == len(networks(result)[1][0]) == 10


def test_the_command_prints_what_the_report_says(result: CompressionResult) -> None:
    headings, lines = networks(bounded(result))
    assert headings[-5:] == ("codes", "bound, ps", "supply, V", "datapath at it", "late")
    assert all(len(line) == len(headings) for line in lines)
    assert lines[0][-5:] == ("140", "165", "0.74", "31.55 %", "3")


def test_a_result_that_is_saved_twice_is_the_same(result: CompressionResult, tmp_path: Path) -> None:
    found = bounded(result)
    for name in ("a", "b"):
        found.save(tmp_path / name)
    files = [(tmp_path / name / "late_by_pe.parquet").read_bytes() for name in ("a", "b")]
    assert files[0] == files[1]
    assert CompressionResult.load(tmp_path / "a") == found


def test_rows_of_an_earlier_version_under_a_bound_are_named(folder: Path) -> None:
    path = folder / "compression" / "rows.json"
    path.write_text('[{"tiles": "all", "setting": "bound_ps=165.0"}]')
    with pytest.raises(OldFormatError, match=r"rows\.json: rows .* \(format 2\)"):
        write_report(folder)
