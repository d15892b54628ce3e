"""Units, templates and tables that are not what they should be."""

from __future__ import annotations

import math
from pathlib import Path

import pytest
from tests.gates.small_library import SMALL_LIBRARY

from wattloop.errors import LibertyError
from wattloop.gates.liberty import read_liberty
from wattloop.gates.library import Library
from wattloop.store import Store


def changed(folder: Path, old: str, new: str) -> Library:
    assert old in SMALL_LIBRARY
    path = folder / "changed.lib"
    path.write_text(SMALL_LIBRARY.replace(old, new, 1))
    return read_liberty(path, store=Store(folder / "cache"))


@pytest.mark.parametrize(
    ("old", "new", "delay_ps"),
    [
        ('time_unit : "10ps"', 'time_unit : "1ns"', 1000.0),
        ('time_unit : "10ps"', "time_unit : 100fs", 0.1),
        ('time_unit : "10ps";', "", 1000.0),  # the format's default is 1 ns
    ],
)
def test_time_units(old: str, new: str, delay_ps: float, tmp_path: Path) -> None:
    (arc, _) = changed(tmp_path, old, new).cells["NAND2"].outputs["Z"].timing
    assert arc.delay_ps["rise"].lookup(0, 0) == pytest.approx(delay_ps)


@pytest.mark.parametrize(
    ("new", "cap_ff"), [("(1, pf)", 500.0), ('("0.5", "ff")', 0.25), ("(1, FF)", 0.5), ("(1e-3, pf)", 0.5)]
)
def test_capacitance_units(new: str, cap_ff: float, tmp_path: Path) -> None:
    library = changed(tmp_path, "(2, ff)", new)
    assert library.cells["INV"].inputs["A"].cap_ff == pytest.approx(cap_ff)


def test_the_nominal_voltage_stands_where_no_conditions_are_chosen(tmp_path: Path) -> None:
    library = changed(tmp_path, "default_operating_conditions : typical;", "")
    assert math.isclose(library.voltage_v, 0.9)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("(2, ff)", "(2, parsec)", "capacitive_load_unit is missing or not a unit of 'F'"),
        ("capacitive_load_unit (2, ff);", "", "capacitive_load_unit is missing"),
        ('"10ps"', '"ten ps"', "time_unit is missing or not a unit"),
        ('"10ps"', '"1..0ps"', "time_unit: '1..0' is not a number"),
        ("voltage : 8;", "voltage : high;", "operating_conditions typical: voltage: 'high' is not a number"),
        ("nom_voltage : 9;\n  default_operating_conditions : typical;", "", "nom_voltage: None is not a number"),
    ],
)
def test_a_library_without_its_units_is_refused(old: str, new: str, message: str, tmp_path: Path) -> None:
    with pytest.raises(LibertyError, match=message) as caught:
        changed(tmp_path, old, new)
    assert "correct the Liberty file" in str(caught.value)
    assert "changed.lib" in str(caught.value)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('"3, 4, 6"', '"3, 4"', "pin ZN: timing: cell_rise: 5 values for a table of 2 x 3"),
        ('"3, 4, 6"', '"3, 4, six"', "cell_rise: .*'six'"),
        ('"3, 4, 6"', '"3, 4, nan"', "cell_rise: no finite numbers"),
        ('index_2 ("2, 4, 8");\n  }\n  lu_table_template (turned)', 'index_2 ("2, 8, 4"); } lu_table_template (turned)',
         "index_2 does not rise"),
        ("cell_rise (delay)", "cell_rise (nowhere)", "the template 'nowhere' is not defined"),
        ("variable_2 : total_output_net_capacitance", "variable_2 : wire_length", "tables over 'wire_length'"),
        ("variable_2 : total_output_net_capacitance", "variable_2 : input_net_transition", "two axes of the same kind"),
        ("area : 1.5", "area : big", "cell INV: area: 'big' is not a number"),
        ("capacitance : 0.5;", "capacitance : some;", "'some' is not a number"),
        ('function : "!A"', 'function : "!A &"', "an operand is missing at the end"),
        ('function : "!A";', "", "output ZN has no function"),
        ("direction : output;\n      function", "direction : sideways;\n      function", "direction 'sideways'"),
    ],
)  # fmt: skip
def test_a_cell_with_a_bad_table_is_unusable_and_says_where(old: str, new: str, message: str, tmp_path: Path) -> None:
    library = changed(tmp_path, old, new)
    with pytest.raises(AssertionError, match=message):
        _raise(library.cells["INV"].unsupported)
    assert library.cells["HA"].unsupported == ""


def _raise(text: str) -> None:
    raise AssertionError(text)
