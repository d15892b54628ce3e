"""Cells side by side in a report: a missed clock is said, every figure is there."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from wattloop.power.exploration import Exploration, LayerOnTemplate, TemplateHardware
from wattloop.report.exploration import as_json, pareto_plot, tables
from wattloop.report.units import percent
from wattloop.report.write import write_report

FAST = TemplateHardware("array", "mac_array", "fused", 584, 188.2, 180.5, 7.8, 11.7, 11.6, 0.69, 0.0, 0.0)
SLOW = TemplateHardware("tall", "mac_tall", "split", 700, 150.0, 201.0, 9.0, -10.0, None, 0.7, 0.25, 0.0)
ROW = LayerOnTemplate("array", "conv2", "int8", 100, 200, 18_000.0, 9_000.0, 1_800.0, 200.0, 2_000.0, 50.0)
ROWS = tuple(
    replace(ROW, template=name, stage=stage, datapath_fj=datapath)
    for name, stage, datapath in (
        ("array", "int8", 18_000.0),
        ("array", "compressed", 9_000.0),
        ("tall", "int8", 20_000.0),
        ("tall", "compressed", 5_000.0),
    )
)
REFERENCE = {"layers": "conv2", "clock_ps": "200", "ranks of weights on": "conv2"}
FOUND = Exploration((FAST, SLOW), ROWS, (("array", "tall", 0.875),), REFERENCE)


def test_a_cell_that_misses_the_clock_says_so() -> None:
    cells = tables(FOUND)["Cells"]
    assert cells["200 ps"].to_list() == ["meets", "MISSES"]
    assert cells["by OpenSTA, ps"].to_list() == ["11.6", "-"]
    assert cells["weights it changes"].to_list() == ["0.00 %", "25.00 %"]


def test_savings_are_against_the_same_cell_in_int8() -> None:
    energies = tables(FOUND)["Energy, conv2"]
    assert energies["saved"].to_list() == ["0.00 %", "50.00 %", "0.00 %", "75.00 %"]
    assert energies["datapath, fJ"][0] == "180.00 ± 0.50"
    assert energies["total in a MAC cycle, fJ"][0] == "190.0"
    assert energies["saved in a MAC cycle"][1] == percent(90 / 190)
    assert energies["total of all cycles, fJ"][0] == "200.0"
    assert energies["saved of all cycles"][1] == percent(90 / 200)
    assert energies["glitches"][0] == "50.00 %"


def test_energy_times_delay_is_the_totals_at_the_shortest_period() -> None:
    delays = tables(FOUND)["Energy and delay"]
    assert delays["int8, fJ·ns"][0] == f"{190 * 188.3 / 1000:.2f}"
    assert delays["mapped, fJ·ns"][0] == "-"


def test_ranks_are_a_square() -> None:
    ranks = tables(FOUND)["Rank correlation of E(w), conv2"]
    assert ranks.rows() == [("array", "1", "0.875"), ("tall", "0.875", "1")]


def test_programs_get_the_int8_figures_at_the_top_and_the_stages_below() -> None:
    first, second = as_json(FOUND)["templates"]
    assert (first["name"], first["area_um2"], first["critical_path_ps"]) == ("array", 188.2, pytest.approx(188.3))
    assert (first["datapath_fj"], first["total_fj"], first["whole_fj"]) == (180.0, 190.0, 200.0)
    assert first["compressed"]["datapath_fj"] == 90.0
    assert first["mapped"] is None
    assert (first["meets_clock"], second["meets_clock"]) == (True, False)


def test_the_report_shows_tables_and_the_pareto_plot(tmp_path: Path) -> None:
    FOUND.save(tmp_path / "exploration")
    text = write_report(tmp_path).read_text()
    assert "MISSES" in text
    assert (tmp_path / "plots" / "pareto.png").stat().st_size > 10_000


def markers(found: Exploration) -> list[tuple[str, str]]:
    """Marker and filling of every point of the first panel."""
    lines = [line for line in pareto_plot(found).axes[0].lines if line.get_marker() in ("o", "X")]
    return [(str(line.get_marker()), str(line.get_markerfacecolor())) for line in lines]


def fronts(found: Exploration) -> dict[str, list[float]]:
    lines = [line for line in pareto_plot(found).axes[0].lines if "front" in str(line.get_label())]
    return {str(line.get_label()): list(line.get_xdata()) for line in lines}


def test_a_cell_that_misses_the_clock_is_hollow() -> None:
    assert [filling == "none" for _, filling in markers(FOUND)] == [False, True, False, True]


def test_a_cell_that_computes_another_network_is_a_cross_and_on_no_front() -> None:
    assert [marker for marker, _ in markers(FOUND)] == ["o", "X", "o", "X"]
    assert fronts(FOUND) == {"int8, front": [188.2], "compressed, front": [188.2]}
    alike = replace(FOUND, templates=(FAST, replace(SLOW, changed_weights=0.001)))
    assert fronts(alike) == {"int8, front": [150.0, 188.2], "compressed, front": [150.0]}
    assert not replace(SLOW, changed_weights=0.0, changed_inputs=0.5).same_network
