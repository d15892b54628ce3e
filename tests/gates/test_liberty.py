"""Numbers of a hand-written library in our units, real libraries against their text, and files cut anywhere."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.gates.small_library import SMALL_LIBRARY

from wattloop.errors import LibertyError
from wattloop.gates.liberty import read_liberty
from wattloop.gates.libraries import resolve
from wattloop.gates.library import Library
from wattloop.gates.logic import Not, Var, parse, to_liberty, truth_table
from wattloop.store import Store


def test_units_are_ours(small_library: Library) -> None:
    inverter = small_library.cells["INV"]
    assert small_library.voltage_v == pytest.approx(0.8)  # the operating conditions', not the nominal 0.9
    assert inverter.leakage_pw == pytest.approx(4000)
    assert [state.when for state in inverter.leakage_states] == [Not(Var("A")), Var("A")]
    assert [state.power_pw for state in inverter.leakage_states] == pytest.approx([3000, 5000])
    pin = inverter.inputs["A"]
    assert (pin.cap_ff, pin.rise_cap_ff, pin.fall_cap_ff) == pytest.approx((1.0, 1.5, 1.25))
    assert inverter.area_um2 == 1.5


def test_capacitances_fall_back_as_the_format_says(small_library: Library) -> None:
    nand = small_library.cells["NAND2"].inputs["B"]
    assert (nand.cap_ff, nand.rise_cap_ff, nand.fall_cap_ff) == pytest.approx((2.0, 3.0, 2.0))
    half_adder = small_library.cells["HA"].inputs["A"]
    assert (half_adder.cap_ff, half_adder.rise_cap_ff) == pytest.approx((0.5, 0.5))


def test_tables_interpolate_and_extrapolate(small_library: Library) -> None:
    (arc,) = small_library.cells["INV"].outputs["ZN"].timing
    assert (arc.related_pin, arc.sense, arc.kind) == ("A", "negative_unate", "combinational")
    rise, fall = arc.delay_ps["rise"], arc.delay_ps["fall"]
    # cell_rise: slews 10, 30 ps; loads 4, 8, 16 fF
    assert rise.lookup(10, 4) == pytest.approx(10)
    assert rise.lookup(30, 16) == pytest.approx(60)
    assert rise.lookup(20, 6) == pytest.approx(25)
    assert rise.lookup(10, 2) == pytest.approx(5)
    assert rise.lookup(50, 24) == pytest.approx(100)
    # cell_fall: loads 2, 4, 6 fF come first in the file
    assert fall.lookup(30, 2) == pytest.approx(20)
    assert fall.lookup(10, 6) == pytest.approx(50)
    assert fall.lookup(10, 8) == pytest.approx(70)
    assert arc.slew_ps["fall"].lookup(123, 456) == pytest.approx(20)


@given(slew_ps=st.floats(-50, 200), load_ff=st.floats(-50, 200))
def test_one_lookup_and_many_agree(slew_ps: float, load_ff: float, nangate15: Library) -> None:
    for arc in nangate15.cells["NAND2_X1"].outputs["ZN"].timing:
        for table in arc.delay_ps.values():
            assert table.lookup_many(slew_ps, load_ff) == pytest.approx(table.lookup(slew_ps, load_ff), abs=1e-9)


def test_energies_are_capacitance_times_voltage_squared(small_library: Library) -> None:
    (arc,) = small_library.cells["INV"].inputs["A"].power
    assert arc.related_pin is None
    assert arc.rise_fj is not None
    assert arc.fall_fj is not None
    # 2 fF x (100 mV)^2 = 0.02 fJ a unit
    assert arc.rise_fj.lookup(10, 0) == pytest.approx(0.04)
    assert arc.rise_fj.lookup(20, 0) == pytest.approx(0.06)
    assert arc.fall_fj.lookup(20, 0) == pytest.approx(0.02)


def test_several_pins_and_related_pins_in_one_group(small_library: Library) -> None:
    nand = small_library.cells["NAND2"]
    assert set(nand.inputs) == {"A", "B"}
    assert [(arc.related_pin, arc.sense) for arc in nand.outputs["Z"].timing] == [
        ("A", "negative_unate"),
        ("B", "negative_unate"),
    ]


def test_flip_flops(small_library: Library) -> None:
    rising, falling = small_library.cells["DFFR"].flop, small_library.cells["DFFE"].flop
    assert rising is not None
    assert falling is not None
    assert (rising.clock_pin, rising.rising, rising.clear, rising.preset) == ("CK", True, Not(Var("RN")), None)
    assert (falling.clock_pin, falling.rising, falling.clear, falling.preset) == ("CKN", False, None, Var("S"))
    assert to_liberty(falling.next_state) == "((E & D) | (!E & IQ))"
    assert small_library.cells["DFFR"].inputs["CK"].is_clock
    (check,) = small_library.cells["DFFR"].inputs["D"].timing
    assert check.delay_ps["rise"].lookup(30, 10) == pytest.approx(30)  # slew of the data, slew of the clock


@pytest.mark.parametrize(
    ("cell", "reason"),
    [("LATCH", "latch group"), ("TRI", "tri-state cell"), ("ODD", "unexpected '\\?'")],
)
def test_a_cell_that_cannot_be_used_says_why_and_stops_nobody(cell: str, reason: str, small_library: Library) -> None:
    assert re.search(reason, small_library.cells[cell].unsupported)
    assert small_library.cells["INV"].unsupported == ""


FUNCTIONS = {
    "NAND2_X1": "!(A1 A2)",
    "NOR3_X1": "!(A1 + A2 + A3)",
    "XOR2_X1": "A1 ^ A2",
    "XNOR2_X1": "!(A1 ^ A2)",
    "AOI21_X1": "!((A1 A2) + B)",
    "OAI21_X1": "!((A1 + A2) B)",
    "INV_X1": "!I",
    "BUF_X1": "I",
    "MUX2_X1": "(S I1) + (!S I0)",
}


def test_named_cells_have_the_functions_that_their_names_say(nangate15: Library) -> None:
    for name, text in FUNCTIONS.items():
        (output,) = nangate15.cells[name].outputs.values()
        assert output.function is not None
        inputs = tuple(nangate15.cells[name].inputs)
        assert truth_table(output.function, inputs) == truth_table(parse(text), inputs), name


@pytest.mark.parametrize("name", ["nangate15", "nangate45", "osu018"])
def test_every_cell_of_the_text_is_read_with_its_area_and_its_pins(name: str) -> None:
    library = resolve(name)
    text = re.sub(r"/\*.*?\*/", "", Path(library.path).read_text(errors="replace"), flags=re.DOTALL)
    parts = re.split(r"\n\s*cell\s*\(\s*\"?(\w+)\"?\s*\)", text)
    assert list(library.cells) == parts[1::2]
    assert len(library.cells) > 30
    for cell, body in zip(parts[1::2], parts[2::2], strict=True):
        read = library.cells[cell]
        if read.unsupported:
            continue
        area = re.search(r"\barea\s*:\s*([\d.eE+-]+)", body)
        assert read.area_um2 == (float(area[1]) if area else 0.0), cell
        pins = re.findall(r"\bpin\s*\(\s*\"?(\w+)\"?\s*\)", body)
        assert set(read.inputs) | set(read.outputs) == set(pins) - _internal(body), cell


def _internal(body: str) -> set[str]:
    return set(re.findall(r"\bpin\s*\(\s*\"?(\w+)\"?\s*\)\s*\{[^{}]*direction\s*:\s*\"?internal", body))


END = SMALL_LIBRARY.rstrip().rindex("}")


@pytest.fixture(scope="module")
def scratch(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("cut")


@settings(max_examples=300, deadline=None)
@given(st.integers(0, END))
def test_a_file_cut_anywhere_is_one_clear_error(scratch: Path, position: int) -> None:
    path = scratch / "cut.lib"
    path.write_text(SMALL_LIBRARY[:position])
    with pytest.raises(LibertyError, match="fetch ") as caught:
        read_liberty(path, store=Store(scratch / "cache"))
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)
    assert not list((scratch / "cache").glob("liberty/[!.]*"))


@settings(max_examples=200, deadline=None)
@given(st.integers(0, END), st.integers(1, 200))
def test_a_file_with_a_piece_missing_is_a_library_or_one_clear_error(scratch: Path, start: int, length: int) -> None:
    """Whatever is missing: no other error, now or when the cells are read."""
    path = scratch / "hole.lib"
    path.write_text(SMALL_LIBRARY[:start] + SMALL_LIBRARY[start + length :])
    try:
        library = read_liberty(path, store=Store(scratch / "holes"))
    except LibertyError as error:
        assert str(path) in str(error)
        return
    for name in library.cells:
        assert library.cells[name].name == name


def test_a_real_library_cut_in_half_names_the_file_the_line_and_the_remedy(nangate15: Library, tmp_path: Path) -> None:
    whole = Path(nangate15.path).read_bytes()
    path = tmp_path / "half.lib"
    path.write_bytes(whole[: len(whole) // 2])
    lines = whole[: len(whole) // 2].count(b"\n") + 1
    with pytest.raises(LibertyError, match=rf"half.lib, line {lines}: .* cut short, fetch it again"):
        read_liberty(path, store=Store(tmp_path / "cache"))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "is empty: fetch"),
        ("\0\1", "is a binary file"),
        ("hello", "cut short"),
        ("library (a) { x ; }", "'\\(' \\| ':' expected, ';' found"),
        ("library (a) { x : -1 }", "holds no cell|cut short"),
        ("library (a) { }", "holds no cell"),
        ("library (a) { } library (b) { }", "holds 2 library groups"),
        ("cell (a) { }", "holds 0 library groups"),
    ],
)
def test_what_is_no_library_is_refused(text: str, message: str, tmp_path: Path) -> None:
    path = tmp_path / "odd.lib"
    path.write_text(text)
    with pytest.raises(LibertyError, match=message) as caught:
        read_liberty(path, store=Store(tmp_path / "cache"))
    assert "odd.lib" in str(caught.value)


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(LibertyError, match=r"cannot read the Liberty file .*nowhere\.lib: No such file"):
        read_liberty(tmp_path / "nowhere.lib")


@pytest.mark.parametrize("damage", ["", "[1", '{"a": 1}'])
def test_a_damaged_cache_entry_is_made_again(damage: str, tmp_path: Path) -> None:
    path, store = tmp_path / "small.lib", Store(tmp_path / "cache")
    path.write_text(SMALL_LIBRARY)
    names = list(read_liberty(path, store=store).cells)
    (entry,) = store.root.glob("liberty/*/library.json")
    entry.write_text(damage)
    assert list(read_liberty(path, store=store).cells) == names
    assert len(entry.read_text()) > 1000
