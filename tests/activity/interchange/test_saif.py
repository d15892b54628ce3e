"""SAIF: what is written is read back, foreign dialects are read, and what is broken is refused."""

from __future__ import annotations

import gzip
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.power.tiny import CLK, A, N, P, Q, Y, activity, netlist

from wattloop.activity.interchange.recording import annotate
from wattloop.activity.interchange.saif import read_saif
from wattloop.activity.interchange.saif_writer import write_saif
from wattloop.errors import ActivityFileError
from wattloop.power.energy import EnergyModel

SEEN = activity({A: 20, P: 40, N: 10, Y: 10, Q: 8}, {A: 50, P: 25, N: 80, Y: 20, Q: 30})
TEXT = """(SAIFILE
(SAIFVERSION "2.0") // a comment
(DIRECTION "backward") (DESIGN ) (DATE "Sat (1)")
(DIVIDER / ) /* another
one */ (TIMESCALE 10 ps) (DURATION 1000)
(INSTANCE tb
 (NET (clk (T0 500) (T1 500) (TX 0) (TC 20)))
 (INSTANCE "module" \\u\\$0
  (PORT (a\\[3\\] (T0 900) (T1 100) (TZ 0) (TB 0) (TC 4) (IG 2)))
  (NET (n (T0 700) (T1 200.5) (TX 99.5) (TC 6)
    (COND A (RISE) (IOPATH B (TC 3) (T1 7)) COND_DEFAULT (TC 3))))
  (INSTANCE g (NET (Z (T0 1) (T1 999) (TX 0) (TC 1))))
 )
)
)
"""


def write(folder: Path, text: str) -> Path:
    path = folder / "activity.saif"
    path.write_text(text)
    return path


def test_what_is_written_is_read_back(tmp_path: Path) -> None:
    cell = netlist(tmp_path)
    write_saif(tmp_path / "a.saif", cell, SEEN, scope="tb/m", clock_ps=200)
    found = annotate(cell, read_saif(tmp_path / "a.saif", "tb/m"))
    assert found.annotated == tuple(range(len(cell.nets)))
    expected = SEEN.toggles[0].astype(float)
    expected[CLK] = 200
    assert found.toggles.tolist() == expected.tolist()
    assert (found.high / 200)[1:].tolist() == SEEN.high[0][1:].tolist()
    assert (found.duration, found.tick_ps) == (100 * 200, 1)


@pytest.mark.parametrize("clock_ps", [200, 188.5])
def test_its_energy_is_that_of_the_activity(tmp_path: Path, clock_ps: float) -> None:
    cell = netlist(tmp_path)
    glitching = replace(SEEN, glitches=SEEN.toggles // 2)
    write_saif(tmp_path / "a.saif", cell, glitching, scope="m", clock_ps=clock_ps)
    model = EnergyModel(cell, clock_ps)
    rates = annotate(cell, read_saif(tmp_path / "a.saif", "m")).rates(clock_ps)
    for name, value in model.columns_fj(glitching).items():
        assert model.columns_fj(rates)[name] == pytest.approx(value, rel=1e-12)


def test_groups_stand_one_behind_the_other(tmp_path: Path) -> None:
    cell = netlist(tmp_path)
    both = replace(SEEN, toggles=np.repeat(SEEN.toggles, 2, 0), high=np.repeat(SEEN.high, 2, 0))
    write_saif(tmp_path / "a.saif", cell, both, scope="m", clock_ps=200)
    found = annotate(cell, read_saif(tmp_path / "a.saif", "m"))
    assert found.duration == 2 * 100 * 200
    assert found.toggles[A] == 40


def test_a_period_that_is_no_whole_number_of_fs_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ActivityFileError, match="no whole number of fs"):
        write_saif(tmp_path / "a.saif", netlist(tmp_path), SEEN, scope="m", clock_ps=200.0001)
    assert not (tmp_path / "a.saif").exists()


@pytest.mark.parametrize("packed", [False, True])
def test_the_dialects_of_other_tools_are_read(tmp_path: Path, packed: bool) -> None:
    path = write(tmp_path, TEXT)
    if packed:
        path.write_bytes(gzip.compress(path.read_bytes()))
    found = read_saif(path, "tb/u$0")
    assert found.tick_ps == 10
    assert found.duration == 1000
    counts = {name: (count.toggles, count.high) for name, count in found.counts.items()}
    assert counts == {"a[3]": (4, 100), "n": (6, 200.5), "g/Z": (1, 999)}
    assert set(read_saif(path, "tb").counts) == {"clk", "u$0/a[3]", "u$0/n", "u$0/g/Z"}


def test_an_unknown_scope_is_answered_with_the_known_ones(tmp_path: Path) -> None:
    with pytest.raises(ActivityFileError, match=r"has no scope 'tb/m'; it has tb, tb/u\$0, tb/u\$0/g"):
        read_saif(write(tmp_path, TEXT), "tb/m")


def test_a_file_of_another_netlist_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ActivityFileError, match=r"names no net of netlist tiny in this scope, but clk"):
        annotate(netlist(tmp_path), read_saif(write(tmp_path, TEXT), "tb"))


def test_pins_stand_in_for_nets_that_are_not_named(tmp_path: Path) -> None:
    cell = netlist(tmp_path)
    write_saif(tmp_path / "a.saif", cell, SEEN, scope="m", clock_ps=200)
    text = (tmp_path / "a.saif").read_text()
    at_top, rest = text.split("(INSTANCE u_nand", 1)
    path = write(tmp_path, re.sub(r"\n \(.*", "", at_top) + "(INSTANCE u_nand" + rest)
    found = annotate(cell, read_saif(path, "m"))
    assert found.annotated == tuple(range(len(cell.nets)))
    assert found.toggles[N] == 10


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (("(DURATION 1000)", ""), "no DURATION"),
        (("(DURATION 1000)", "(DURATION 0)"), "no DURATION"),
        (("(DURATION 1000)", "(DURATION nan)"), "'nan' is not a count"),
        (("(DURATION 1000)", "(DURATION -5)"), "'-5' is not a count"),
        (("(DURATION 1000)", "(DURATION 998)"), "g/Z was at 1 for 999 of 998: the units do not fit"),
        (("10 ps", "10 parsec"), "TIMESCALE '10parsec' is not a time"),
        (("10 ps", "0 ps"), "is not a time"),
        (("(TC 6)", ""), "net n lacks T1 or TC"),
        (("(TC 6)", "(TC 6 7)"), "'6 7' is not a count"),
        (("(TC 6)", "(TC (6))"), "a list where a value should stand"),
        (("(INSTANCE tb", "(INSTANCE"), "an INSTANCE without a name"),
        (("SAIFILE", "SDFILE"), r"does not start with \(SAIFILE"),
        (("))))\n )\n)\n)\n", ")))"), "cut short"),
        ((")\n)\n)\n", ")\n)\n)\n)"), "something follows"),
        (('"Sat (1)"', '"Sat'), "stray|cut short"),
    ],
)
def test_what_is_broken_is_refused_in_one_line(tmp_path: Path, change: tuple[str, str], message: str) -> None:
    assert change[0] in TEXT
    with pytest.raises(ActivityFileError, match=message):
        read_saif(write(tmp_path, TEXT.replace(*change)), "tb/u$0")


def test_deep_nesting_is_refused(tmp_path: Path) -> None:
    text = f"(SAIFILE (DURATION 1) {'(INSTANCE a ' * 100_000}"
    with pytest.raises(ActivityFileError, match="deeper than 500"):
        read_saif(write(tmp_path, text), "a")
    lists = f"(SAIFILE (DURATION 1) (DATE {'(' * 100_000}"
    with pytest.raises(ActivityFileError, match="cut short"):
        read_saif(write(tmp_path, lists), "a")


@settings(max_examples=300, deadline=2000, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_no_damage_brings_out_another_error(tmp_path: Path, data: st.DataObject) -> None:
    raw = TEXT.encode()
    if data.draw(st.booleans()):
        raw = gzip.compress(raw, mtime=0)
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(raw)))
        gone = data.draw(st.integers(0, 40))
        new = data.draw(st.one_of(st.binary(max_size=8), st.sampled_from([b"(", b")", b'"', b"\\", b"/*", b"1e999"])))
        raw = raw[:at] + new + raw[at + gone :]
    path = tmp_path / "fuzz.saif"
    path.write_bytes(raw)
    try:
        found = read_saif(path, "tb/u$0")
    except ActivityFileError as error:
        assert str(path) in str(error)
    else:
        assert found.duration > 0
        assert all(0 <= c.high <= found.duration * 1.00001 and c.toggles >= 0 for c in found.counts.values())
