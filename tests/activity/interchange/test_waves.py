"""Waveforms: unknown values, vectors, scopes, the ends of the recording, and damage."""

from __future__ import annotations

import multiprocessing
import os
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.power.tiny import netlist

from wattloop import tools
from wattloop.activity.interchange.waves import read_waves, read_waves_apart
from wattloop.errors import ActivityFileError
from wattloop.gates.netlist import Netlist

VCD = """$timescale 10 ps $end
$scope module tb $end
$scope module m $end
$var wire 1 ! n $end
$var wire 3 " bus [5:3] $end
$var wire 2 # other [1:0] $end
$var real 64 r level $end
$scope module u_inv $end
$var wire 1 ! Z $end
$upscope $end
$upscope $end
$var wire 1 % twice [0] $end
$var wire 1 & twice [1] $end
$upscope $end
$enddefinitions $end
#100
$dumpvars
x!
b0 "
b1x #
0%
0&
r0.5 r
$end
#110
1!
b101 "
#120
x!
#130
1!
b11 "
b10 #
#150
0!
#200
"""


@pytest.fixture
def cell(tmp_path: Path) -> Netlist:
    """A netlist in which `bus` is declared as [5:3]."""
    plain = netlist(tmp_path)
    aliases = {**plain.aliases, **{f"bus[{bit}]": 3 for bit in (3, 4, 5)}}
    return Netlist(**{**vars(plain), "aliases": aliases})


def write(folder: Path, text: str) -> Path:
    path = folder / "a.vcd"
    path.write_text(text)
    return path


def test_toggles_and_time_at_1_by_hand(cell: Netlist, tmp_path: Path) -> None:
    found = read_waves(write(tmp_path, VCD), "tb/m", cell)
    assert (found.duration, found.tick_ps) == (100, 10)
    assert {name: (count.toggles, count.high) for name, count in found.counts.items()} == {
        "n": (1, 10 + 20),  # x 1 x 1 0
        "u_inv/Z": (1, 30),
        "bus[3]": (1, 90),  # 000 101 011
        "bus[4]": (1, 70),
        "bus[5]": (2, 20),
        "other[0]": (0, 0),  # 1x, then 10
        "other[1]": (0, 100),
    }


def test_a_vector_declared_bit_by_bit_is_one(cell: Netlist, tmp_path: Path) -> None:
    found = read_waves(write(tmp_path, VCD.replace("#150\n", "#150\n1&\n")), "tb", cell).counts
    assert [(found[f"twice[{bit}]"].toggles, found[f"twice[{bit}]"].high) for bit in (0, 1)] == [(0, 0), (1, 50)]


def test_an_unknown_scope_is_answered_with_the_known_ones(cell: Netlist, tmp_path: Path) -> None:
    with pytest.raises(ActivityFileError, match=r"has no scope 'tb/x'; it has tb, tb/m, tb/m/u_inv"):
        read_waves(write(tmp_path, VCD), "tb/x", cell)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "no VCD or FST file with a beginning and an end"),
        ("hello\n", "no VCD or FST file with a beginning and an end"),
        (VCD.replace("#1", "#7").replace("#200", "#1"), "with a beginning and an end"),
        (VCD.replace("$timescale 10 ps $end\n", ""), "has no timescale"),
        (VCD.replace("b101 ", "b1z7 "), "no sound VCD or FST file"),
        ("#0\n#5\n", "no sound VCD or FST file"),
    ],
)
def test_what_is_broken_is_refused(cell: Netlist, tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(ActivityFileError, match=message):
        read_waves(write(tmp_path, text), "tb/m", cell)


def test_a_missing_file_is_refused(cell: Netlist, tmp_path: Path) -> None:
    with pytest.raises(ActivityFileError, match=r"cannot read .*none\.vcd: No such file"):
        read_waves(tmp_path / "none.vcd", "tb", cell)


@pytest.fixture(scope="module")
def samples(tmp_path_factory: pytest.TempPathFactory) -> tuple[bytes, ...]:
    """A VCD, and an FST that Icarus wrote."""
    folder = tmp_path_factory.mktemp("waves")
    bench = 'module tb; reg [2:0] a = 0; initial begin $dumpfile("a.fst"); $dumpvars(0, tb); '
    (folder / "tb.v").write_text(f"`timescale 1ps/1ps\n{bench} repeat (20) #5 a = a + 3; $finish; end endmodule\n")
    tools.run("iverilog", ["-o", "tb.vvp", "tb.v"], cwd=folder)
    tools.run("vvp", ["tb.vvp", "-fst"], cwd=folder)
    return VCD.encode(), (folder / "a.fst").read_bytes()


class Reader:
    """Reads files in a process of its own, and gets a new one when a file has killed it."""

    def __init__(self) -> None:
        self._pool = self._start()

    def outcome(self, path: Path, cell: Netlist) -> str:
        """What became of reading a file."""
        try:
            return self._pool.submit(outcome, path, cell).result()
        except BrokenProcessPool:
            self._pool = self._start()
            return "died"

    @staticmethod
    def _start() -> ProcessPoolExecutor:
        return ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn"))


def outcome(path: Path, cell: Netlist) -> str:
    """ "refused" in one clear error, "read" with sound counts, or what is wrong."""
    try:
        found = read_waves(path, "tb", cell)
    except ActivityFileError as error:
        return "refused" if str(path) in str(error) else f"an error without the path: {error}"
    sound = all(0 <= count.high <= found.duration for count in found.counts.values())
    return "read" if sound else "more time at 1 than there is"


@pytest.fixture(scope="module")
def reader() -> Reader:
    return Reader()


@settings(max_examples=200, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_no_damage_brings_out_another_error(
    samples: tuple[bytes, ...], cell: Netlist, tmp_path: Path, reader: Reader, data: st.DataObject
) -> None:
    """Of some files the library aborts, which is why `read_waves_apart` reads in a process of its own."""
    raw = data.draw(st.sampled_from(samples))
    for _ in range(data.draw(st.integers(1, 3))):
        at = data.draw(st.integers(0, len(raw)))
        raw = raw[:at] + data.draw(st.binary(max_size=6)) + raw[at + data.draw(st.integers(0, 30)) :]
    path = tmp_path / "fuzz"
    path.write_bytes(raw)
    assert reader.outcome(path, cell) in ("refused", "read", "died")


class Killer:
    """A path that kills who looks at it, once it is in another process."""

    def __fspath__(self) -> str:
        os.abort()


def test_a_file_that_kills_the_reader_is_refused_and_nothing_else_dies(cell: Netlist) -> None:
    with pytest.raises(ActivityFileError, match="kills the reader of VCD and FST files"):
        read_waves_apart(Killer(), "tb", cell)  # type: ignore[arg-type] # it stands for a damaged file


def test_apart_the_same_is_read(cell: Netlist, tmp_path: Path) -> None:
    path = write(tmp_path, VCD)
    assert read_waves_apart(path, "tb/m", cell) == read_waves(path, "tb/m", cell)
    with pytest.raises(ActivityFileError, match="no scope 'tb/x'"):
        read_waves_apart(path, "tb/x", cell)
