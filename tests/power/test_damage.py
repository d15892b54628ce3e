"""Damaged Liberty files and netlists, all the way to watts: our own errors come out, or finite watts."""

from __future__ import annotations

import gzip
import re
import time
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.gates.dialects import DIALECTS
from tests.gates.test_liberty_dialects import VERILOG, recording

from wattloop.errors import LibertyError, NetlistError, WattloopError
from wattloop.gates.liberty import read_liberty
from wattloop.gates.library import Library
from wattloop.gates.netlist_reader import read_netlist
from wattloop.power.signoff import Clock, power_report
from wattloop.store import Store

TEXTS = tuple(dialect().text() for dialect in DIALECTS.values())
NUMBER = re.compile(rb"-?\d+\.?\d*(?:e-?\d+)?")
WORDS = [
    *(b"nan", b"-inf", b"1e999", b"-1", b"0", b'""', b"A", b"\xff", b"[0]"),
    *(b"{", b"}", b"(", b")", b";", b'"', b"\\\n"),
]
FUZZ = settings(max_examples=120, deadline=5000, suppress_health_check=[HealthCheck.function_scoped_fixture])
FEW_SECONDS = 10.0


@st.composite
def damaged(draw: st.DrawFn, texts: tuple[str, ...]) -> bytes:
    """A text with a few numbers, words or stretches replaced; sometimes packed, sometimes broken after packing."""
    raw = draw(st.sampled_from(texts)).encode()
    for _ in range(draw(st.integers(1, 3))):
        found = list(NUMBER.finditer(raw))
        if found and draw(st.booleans()):
            match = draw(st.sampled_from(found))
            start, end = match.span()
        else:
            start = draw(st.integers(0, len(raw)))
            end = start + draw(st.integers(0, 60))
        raw = raw[:start] + draw(st.sampled_from(WORDS)) + raw[end:]
    if draw(st.integers(0, 9)) == 0:
        raw = gzip.compress(raw, mtime=0)
        raw = raw[: draw(st.integers(10, len(raw)))]
    return raw


@FUZZ
@given(raw=damaged(TEXTS))
def test_damaged_liberty_gives_our_errors_or_finite_watts(raw: bytes, tmp_path: Path) -> None:
    (tmp_path / "kit.lib").write_bytes(raw)
    (tmp_path / "tiny.v").write_text(VERILOG)
    try:
        library = read_liberty(tmp_path / "kit.lib", store=Store(tmp_path / "cache"))
        for cell in library.cells.values():
            assert cell.unreadable or cell.inputs or cell.outputs or cell.area_um2 >= 0
        netlist = read_netlist(tmp_path / "tiny.v", library)
        found = power_report(netlist, recording(netlist), Clock("ck", 1000))
    except WattloopError as error:
        assert "\n" not in str(error).strip() or len(str(error)) < 2000
    else:
        assert np.isfinite(found.watts).all()


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Library:
    folder = tmp_path_factory.mktemp("kit")
    (folder / "kit.lib").write_text(TEXTS[0])
    return read_liberty(folder / "kit.lib", store=Store(folder / "cache"))


@FUZZ
@given(raw=damaged((VERILOG,)))
def test_damaged_netlists_give_our_errors_or_finite_watts(raw: bytes, library: Library, tmp_path: Path) -> None:
    (tmp_path / "tiny.v").write_bytes(raw)
    try:
        netlist = read_netlist(tmp_path / "tiny.v", library)
        found = power_report(netlist, recording(netlist), Clock("ck", 1000))
    except WattloopError:
        return
    except KeyError as error:  # `recording` names nets of the whole netlist
        assert error.args[0] in VERILOG
        return
    assert np.isfinite(found.watts).all()


@pytest.mark.parametrize(
    "text",
    [
        "library (a) {" + "x () {" * 200_000,
        "library (a) { cell (b) { " + "pin (c) { } " * 50_000 + "} }",
        'library (a) { k : "' + "(" * 1_000_000 + '"; cell (b) { } }',
        "library (a) { cell (b) { x : " + "9" * 1_000_000 + "; } }",
        "(" * 1_000_000,
    ],
    ids=["nested", "many pins", "long string", "long number", "parentheses"],
)
def test_absurd_liberty_ends_in_seconds(text: str, tmp_path: Path) -> None:
    (tmp_path / "kit.lib").write_text(text)
    start = time.monotonic()
    with pytest.raises(LibertyError):
        read_liberty(tmp_path / "kit.lib", store=Store(tmp_path / "cache"))
    assert time.monotonic() - start < FEW_SECONDS


@pytest.mark.parametrize(
    "text",
    [
        "module m (a); input a; " + "INV " + "(" * 100_000,
        "module m (a); input [1000000000:0] a; endmodule",
        "module m (a); input a; wire b; assign b = {1000000000{a}}; endmodule",
        "module m (a); input a; wire b; assign b = 1000000000'b0; endmodule",
        "module m (y); output y; assign y = " + "~" * 20_000 + "y; endmodule",
    ],
    ids=["nested", "wide port", "wide repeat", "wide constant", "deep expression"],
)
def test_absurd_netlists_end_in_seconds(text: str, library: Library, tmp_path: Path) -> None:
    (tmp_path / "m.v").write_text(text)
    start = time.monotonic()
    with pytest.raises(NetlistError):
        read_netlist(tmp_path / "m.v", library)
    assert time.monotonic() - start < FEW_SECONDS


def test_a_file_that_unpacks_to_more_than_fits_is_refused(tmp_path: Path) -> None:
    (tmp_path / "bomb.lib.gz").write_bytes(gzip.compress(b" " * (257 << 20), compresslevel=1))
    with pytest.raises(LibertyError, match="holds more than 256 MiB"):
        read_liberty(tmp_path / "bomb.lib.gz")
