"""Libraries in the dialects of sky130, ASAP7, IHP SG13G2 and GF180 say what they say, whatever else they hold."""

from __future__ import annotations

import gzip
import re
from pathlib import Path

import numpy as np
import pytest
from tests.gates.dialects import DIALECTS, SUPPLY_V

from wattloop.activity.interchange.recording import Recording
from wattloop.errors import LibertyError, NetlistError
from wattloop.gates.liberty import read_liberty
from wattloop.gates.libraries import resolve_all
from wattloop.gates.library import Library
from wattloop.gates.netlist import Netlist
from wattloop.gates.netlist_reader import read_netlist
from wattloop.power.signoff import Clock, PowerReport, power_report

VERILOG = """
module tiny (ck, rn, a, b, q);
  input ck, rn, a, b; output q; wire n, d, r;
  NAND2 u1 (.A(a), .B(r), .Y(n));
  INV u2 (.A(n), .Y(d));
  DFF u3 (.CK(ck), .RN(rn), .D(d), .Q(r));
  NAND2 u4 (.A(r), .B(b), .Y(q));
endmodule
"""
RATES = {
    "rn": (0, 1),
    "a": (0.4, 0.5),
    "b": (0.3, 0.25),
    "r": (0.2, 0.6),
    "n": (0.35, 0.7),
    "d": (0.35, 0.3),
    "q": (0.1, 0.9),
}
PERIOD_PS = 1000.0


def report(library: Library, folder: Path) -> PowerReport:
    (folder / "tiny.v").write_text(VERILOG)
    netlist = read_netlist(folder / "tiny.v", library)
    return power_report(netlist, recording(netlist), Clock("ck", PERIOD_PS))


def recording(netlist: Netlist) -> Recording:
    """1000 cycles in ticks of 1 ps."""
    toggles, high = np.zeros(len(netlist.nets)), np.zeros(len(netlist.nets))
    known = []
    for name, (density, duty) in RATES.items():
        net = netlist.aliases[name]
        toggles[net], high[net] = 1000 * density, 1e6 * duty
        known.append(net)
    return Recording(netlist.nets, tuple(known), toggles, high, 1e6, 1.0, "by hand")


def test_the_watts_of_one_cell_by_hand(tmp_path: Path) -> None:
    (tmp_path / "kit.lib").write_text(DIALECTS["asap7"]().text())
    found = report(read_liberty(tmp_path / "kit.lib"), tmp_path)
    at = found.instances.index("u2")
    # n is driven by u1 with a load of 1.0 fF; its slew is the slower of those by a (no slew) and by r.
    slew_r = 8 + 3 * (1.2 + 1.2)  # the flip-flop, with the pins of two NAND2 as load
    slew_n = 5 + 0.1 * slew_r + 3 * 1.0
    load = 1.1  # the flip-flop's D
    rise, fall = 0.5 + 0.001 * slew_n + 0.02 * load, 0.3 + 0.002 * slew_n + 0.01 * load
    femtojoule = 1e-15 / (PERIOD_PS * 1e-12)
    assert found.watts[at, 0] == pytest.approx(0.35 * (rise + fall) / 2 * femtojoule)
    assert found.watts[at, 1] == pytest.approx(0.35 * 0.5 * load * SUPPLY_V**2 * femtojoule)
    assert found.watts[at, 2] == pytest.approx((0.7 * 40 + 0.3 * 90) * 1e-12)


def test_the_watts_of_a_flip_flop_by_hand(tmp_path: Path) -> None:
    (tmp_path / "kit.lib").write_text(DIALECTS["ihp"]().text())
    found = report(read_liberty(tmp_path / "kit.lib"), tmp_path)
    at = found.instances.index("u3")
    d, q = 0.3, 0.6
    load = 2.4
    slew_r = 8 + 3 * load
    slew_d = 4 + 0.05 * (5 + 0.1 * slew_r + 3 * 1.0) + 3 * 1.1
    clock_pin = 2 * ((1 - d) * (1 - q) * 1.0 + (1 - (1 - d) * (1 - q)) * 1.5)
    data_pin = 0.35 * (0.25 + 0.001 * slew_d)
    output = 0.2 * (d * 2.5 + (1 - d) * 4.5 + 0.05 * load)
    assert found.watts[at, 0] == pytest.approx((clock_pin + data_pin + output) * 1e-3 / PERIOD_PS)
    states = 0.5 * d * q * 100 + 0.5 * d * (1 - q) * 110 + 0.5 * (1 - d) * 120 + 0.5 * 130
    assert found.watts[at, 2] == pytest.approx(states * 1e-12)


@pytest.mark.parametrize("dialect", DIALECTS)
def test_every_dialect_says_the_same(dialect: str, tmp_path: Path) -> None:
    reports = []
    for name in ("asap7", dialect):
        path = tmp_path / f"{name}.lib"
        path.write_text(DIALECTS[name]().text())
        reports.append(report(read_liberty(path), tmp_path))
    first, found = reports
    np.testing.assert_allclose(found.watts, first.watts, rtol=1e-9)
    assert found.timing is not None and first.timing is not None
    assert found.timing.arrival_ps == pytest.approx(first.timing.arrival_ps, rel=1e-9)
    assert found.timing.setup_ps == pytest.approx(6.0)
    assert found.coverage < 1  # the clock is not recorded


@pytest.mark.parametrize("dialect", DIALECTS)
def test_all_cells_can_be_asked_for(dialect: str, tmp_path: Path) -> None:
    (tmp_path / "kit.lib").write_text(DIALECTS[dialect]().text())
    cells = read_liberty(tmp_path / "kit.lib").cells
    for name, cell in cells.items():
        simulated = name in ("INV", "NAND2", "DFF", "sdfbbp", "filler", "dlclkp")
        assert (not cell.unsupported) == simulated, cell.unsupported
        assert name in cell.unsupported or simulated
    assert {name for name, cell in cells.items() if cell.unreadable} <= {"ram", "pad", "odd_axis"}


def test_libraries_in_parts_are_one(tmp_path: Path) -> None:
    text = DIALECTS["asap7"]().text()
    head, *cells = re.split(r"(?=^cell \()", text.rstrip()[:-1], flags=re.MULTILINE)
    paths = []
    for k, cell in enumerate(cells):
        path = tmp_path / f"part{k}.lib.gz"
        path.write_bytes(gzip.compress(f"{head}{cell}\n}}\n".encode()))
        paths.append(str(path))
    (tmp_path / "whole.lib").write_text(text)
    whole = read_liberty(tmp_path / "whole.lib")
    parts = resolve_all(paths)
    assert set(parts.cells) == set(whole.cells)
    np.testing.assert_array_equal(report(parts, tmp_path).watts, report(whole, tmp_path).watts)
    assert resolve_all(paths[::-1]).sha256 != parts.sha256  # which part comes first may matter
    with pytest.raises(NetlistError, match="unknown cell INV"):
        report(resolve_all(paths[1:]), tmp_path)
    with pytest.raises(LibertyError, match="give one or several"):
        resolve_all([])


def test_each_part_keeps_its_units_and_its_supply(tmp_path: Path) -> None:
    asap7, sky130 = (DIALECTS[name]().text() for name in ("asap7", "sky130"))
    (tmp_path / "a.lib").write_text(asap7.replace("cell (INV)", "cell (OTHER)"))
    (tmp_path / "b.lib").write_text(sky130.replace('"VPWR", 0.8', '"VPWR", 1.6'))
    found = report(resolve_all([str(tmp_path / "a.lib"), str(tmp_path / "b.lib")]), tmp_path)
    (tmp_path / "whole.lib").write_text(asap7)
    plain = report(read_liberty(tmp_path / "whole.lib"), tmp_path)
    at = found.instances.index("u2")
    np.testing.assert_allclose(found.watts[:, [0, 2]], plain.watts[:, [0, 2]])
    assert found.watts[at, 1] == pytest.approx(4 * plain.watts[at, 1])


@pytest.mark.parametrize(
    ("cell", "message"),
    [
        ("odd_axis", r"cell odd_axis: pin Y: timing: cell_rise: the template 'nowhere' is not defined"),
        ("pad", "cell pad has the bidirectional pin PAD"),
    ],
)
def test_a_cell_that_is_not_understood_stops_only_who_uses_it(cell: str, message: str, tmp_path: Path) -> None:
    (tmp_path / "kit.lib").write_text(DIALECTS["ihp"]().text())
    (tmp_path / "odd.v").write_text(f"module m (a, y); input a; output y; {cell} u (.A(a), .Y(y)); endmodule")
    with pytest.raises(NetlistError, match=message):
        read_netlist(tmp_path / "odd.v", read_liberty(tmp_path / "kit.lib"))


def test_the_power_of_a_gated_clock_follows_its_recorded_activity(tmp_path: Path) -> None:
    (tmp_path / "kit.lib").write_text(DIALECTS["sky130"]().text())
    (tmp_path / "gated.v").write_text(
        "module m (ck, en, rn, q); input ck, en, rn; output q; wire g, d;"
        " dlclkp u1 (.CLK(ck), .GATE(en), .GCLK(g)); DFF u2 (.CK(g), .RN(rn), .D(d), .Q(q)); INV u3 (.A(q), .Y(d));"
        " endmodule"
    )
    library = read_liberty(tmp_path / "kit.lib")
    netlist = read_netlist(tmp_path / "gated.v", library)
    assert [gate.name for gate in netlist.clock_gates] == ["u1"]
    assert netlist.clock_nets == {netlist.aliases["ck"], netlist.aliases["g"]}
    q, g = netlist.aliases["q"], netlist.aliases["g"]
    one = np.eye(len(netlist.nets))
    half = Recording(netlist.nets, (q, g), 10 * one[q] + 20 * one[g], 500 * one[q], 1000, 100, "by hand")
    found = power_report(netlist, half, Clock("ck", 1000))
    assert found.groups == ("clock", "sequential", "combinational")
    # 100 cycles, 20 toggles of the gated clock; neither D nor Q is known to be at 1 but for half of the time
    clock_pin_fj = 0.2 * (0.25 * 1.0 + 0.75 * 1.5)
    data_and_output_fj = found.watts[1, 0] * 1e15 * 1e-9 - clock_pin_fj
    assert 0.1 * 0.25 < data_and_output_fj < 0.1 * (0.3 + 5)


def test_what_has_an_activity_need_not_be_simulated(tmp_path: Path) -> None:
    (tmp_path / "kit.lib").write_text(DIALECTS["sky130"]().text())
    (tmp_path / "open.v").write_text(
        "module m (a, e, z); input a, e; output z; ebufn u1 (.A(a), .TE_B(e), .Z(z)); endmodule"
    )
    library = read_liberty(tmp_path / "kit.lib")
    with pytest.raises(NetlistError, match="tri-state cell"):
        read_netlist(tmp_path / "open.v", library)
    assert read_netlist(tmp_path / "open.v", library, simulated=False).instances[0].cell == "ebufn"


@pytest.mark.parametrize("missing", ["clock_gate_clock_pin", "clock_gate_out_pin", "clock_gating_integrated_cell"])
def test_a_clock_gate_that_does_not_tell_its_pins_is_a_latch(missing: str, tmp_path: Path) -> None:
    (tmp_path / "kit.lib").write_text(DIALECTS["sky130"]().text().replace(missing, "nothing"))
    cell = read_liberty(tmp_path / "kit.lib").cells["dlclkp"]
    assert cell.clock_gate is None
    assert "statetable group" in cell.unsupported
