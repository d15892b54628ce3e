"""`wattloop power`, `verify power` and `verify netlist`, run as a user runs them."""

from __future__ import annotations

import gzip
import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.cli.conftest import Wattloop

from wattloop.activity.backend import backend
from wattloop.activity.bitparallel.mac_vectors import random_vectors
from wattloop.gates.libraries import resolve
from wattloop.gates.spec import MacSpec
from wattloop.gates.synthesis import synthesize
from wattloop.power.energy import EnergyModel

CASE = "nangate45-booth"
KEYS = ("total", "internal", "switching", "leakage", "worst_instance", "arrival")
BOUNDS = dict(zip(KEYS, (0.005, 0.01, 0.01, 0.01, 0.02, 0.005), strict=True))


@pytest.fixture
def case(shared_folder: Path) -> Path:
    return shared_folder / "oracle" / CASE


def options(case: Path, **changed: str | Path) -> list[str | Path]:
    chosen: dict[str, str | Path] = {
        "netlist": case / "netlist.v",
        "top": "mac",
        "liberty": "nangate45",
        "saif": case / "activity.saif.gz",
        "scope": "tb/m",
        "clock": "clk=1000ps",
    }
    return [part for name, value in (chosen | changed).items() for part in (f"--{name}", value)]


def test_power_has_the_shape_and_the_watts_of_a_sign_off_report(case: Path, wattloop: Wattloop) -> None:
    done = wattloop("power", *options(case), "--json")
    assert done.returncode == 0, done.stderr
    ours, theirs = json.loads(done.stdout), json.loads((case / "opensta.json").read_text())
    for name in ("clock_period_ps", "annotated_pins", "unannotated_pins"):
        assert ours[name] == theirs[name]
    assert ours["groups"].keys() == theirs["groups"].keys()
    for group, watts in theirs["groups"].items():
        assert ours["groups"][group] == pytest.approx(watts, rel=1e-5)
    assert ours["instances_w"].keys() == theirs["instances_w"].keys()
    assert ours["instances_w"].pop("columns") == theirs["instances_w"].pop("columns")
    for name, row in theirs["instances_w"].items():
        assert ours["instances_w"][name] == pytest.approx(row, rel=1e-5)
    assert ours["critical_path_arrival"]["value"] == pytest.approx(1e3 * theirs["critical_path_arrival"]["value"])
    assert "signoff pin loads" in ours["convention"]


def test_people_get_tables_with_the_convention_and_the_coverage(case: Path, wattloop_here: Wattloop) -> None:
    done = wattloop_here("power", *options(case, load="typical"), "--wire-ff", "0.5")
    assert done.returncode == 0, done.stderr
    assert "typical pin loads, alone context, wires 0.5 fF a fan-out, 1.1 V" in " ".join(done.stdout.split())
    assert "1763 of 1763 pins annotated" in done.stdout


def test_pins_whose_activity_is_missing_are_told(case: Path, wattloop_here: Wattloop, tmp_path: Path) -> None:
    text = "(SAIFILE (TIMESCALE 1 ps) (DURATION 1000) (INSTANCE m (NET (rst_n (T0 0) (T1 1000) (TC 0)))))"
    (tmp_path / "reset.saif").write_text(text)
    done = wattloop_here("power", *options(case, saif="reset.saif", scope="m"), "--json")
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert found["annotated_pins"] == 39  # the port and 38 flip-flops
    assert "activity of 1724 pins is estimated" in done.stderr


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"netlist": "none.v"}, "cannot read the netlist none.v"),
        ({"liberty": "nangate46"}, "no Liberty library 'nangate46'"),
        ({"liberty": "osu018"}, "is of the unknown cell"),
        ({"saif": "none.saif"}, "cannot read the SAIF file none.saif"),
        ({"scope": "tb"}, "names no net of netlist mac in this scope"),
        ({"scope": "tb/x"}, "has no scope 'tb/x'; it has tb, tb/m"),
        ({"clock": "clk=soon"}, "write it as clk=1000ps"),
        ({"clock": "w_i=1ns"}, "has no clock port 'w_i' of one bit"),
        ({"top": "mcu"}, "expected one module named mcu; it holds: mac"),
        ({"load": "heavy"}, "'heavy' is not a load convention"),
        ({"wire-ff": "-1"}, "wire_ff = -1.0 is illegal"),
        ({"waves": "a.vcd"}, "either --saif or --waves"),
    ],
)
def test_wrong_input_is_told_in_one_line(
    case: Path, refused_here: Callable[..., str], changed: dict[str, str], message: str
) -> None:
    assert message in refused_here("power", *options(case, **changed))


def test_every_reference_report_is_met(shared_folder: Path, wattloop_here: Wattloop) -> None:
    done = wattloop_here("verify", "power", "--oracle", shared_folder / "oracle", "--json")
    assert done.returncode == 0, done.stderr
    cases = json.loads(done.stdout)["cases"]
    assert len(cases) == 6
    for found in cases:
        assert list(found) == ["case", *(f"{name}_error" for name in KEYS), "coverage"]
        assert found["coverage"] == 1
        assert all(0 <= found[f"{name}_error"] <= bound for name, bound in BOUNDS.items()), found


def test_a_report_that_is_not_met_fails(case: Path, wattloop_here: Wattloop, tmp_path: Path) -> None:
    shutil.copytree(case, tmp_path / "oracle" / CASE, copy_function=shutil.copyfile)
    path = tmp_path / "oracle" / CASE / "opensta.json"
    report = json.loads(path.read_text())
    report["groups"]["total"]["switching_w"] *= 1.011
    path.write_text(json.dumps(report))
    done = wattloop_here("verify", "power", "--oracle", "oracle", "--liberty", f"other={case}")
    assert done.returncode == 1, done.stderr
    assert "0 of 1 cases within the bounds" in done.stdout


def test_reports_of_other_libraries_are_met_once_their_files_are_named(
    case: Path, wattloop_here: Wattloop, tmp_path: Path
) -> None:
    text = Path(resolve("nangate45").path).read_text()
    flops = text.index("cell (DFF")
    head, parts = text[: text.index("cell (")], (text[text.index("cell (") : flops], text[flops:].rstrip()[:-1])
    for name, cells in zip(("logic", "flops"), parts, strict=True):
        (tmp_path / f"{name}.lib.gz").write_bytes(gzip.compress(f"{head}{cells}\n}}\n".encode(), compresslevel=1))
    shutil.copytree(case, tmp_path / "oracle" / CASE, copy_function=shutil.copyfile)
    path = tmp_path / "oracle" / CASE / "opensta.json"
    path.write_text(path.read_text().replace('"library": "nangate45"', '"library": "kit"'))
    files = [part for name in ("logic", "flops") for part in ("--liberty", f"kit={name}.lib.gz")]
    done = wattloop_here("verify", "power", "--oracle", "oracle", "--json", *files)
    assert done.returncode == 0, done.stderr
    (found,) = json.loads(done.stdout)["cases"]
    assert found["worst_instance_error"] < 1e-6
    done = wattloop_here("verify", "power", "--oracle", "oracle")
    assert done.returncode == 2
    assert "no Liberty library 'kit'" in done.stderr


def test_without_reports_it_says_what_it_needs(refused_here: Callable[..., str]) -> None:
    assert "give a folder (--oracle) with one folder a case" in refused_here("verify", "power")
    assert "write it as name=file" in refused_here("verify", "power", "--liberty", "sky130")


def test_a_netlist_is_proved_and_a_foreign_one_is_refused(
    case: Path, wattloop_here: Wattloop, refused_here: Callable[..., str]
) -> None:
    done = wattloop_here("verify", "netlist", "--json")
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert (found["passed"], found["verdict"], found["register_bits"]) == (True, "proved", 38)
    foreign = ("--library", "nangate45", "--netlist", case / "netlist.v")
    assert "expected one module named mac_w8a8p22" in refused_here("verify", "netlist", *foreign)


def test_options_stand_beside_the_convention(wattloop_here: Wattloop) -> None:
    done = wattloop_here("verify", "convention", "--transitions", "2000", "--json")
    assert done.returncode == 0, done.stderr
    found = {row["option"]: row for row in json.loads(done.stdout)["options"]}
    assert list(found) == ["switched", "hidden", "state", "glitches", "typical"]
    for row in found.values():
        assert row["difference"] == pytest.approx(row["option_fj"] / row["signoff_fj"] - 1)
    assert 0 < abs(found["switched"]["difference"]) < 0.1
    assert found["glitches"]["difference"] > 0.1
    assert -0.3 < found["typical"]["difference"] < -0.1  # signoff pins of NanGate 15 are a third heavier


def test_our_activity_goes_out_as_saif_and_comes_back_as_power(wattloop_here: Wattloop) -> None:
    done = wattloop_here("saif", "--transitions", "2000", "--json", "--simulator", "bitparallel")
    assert done.returncode == 0, done.stderr
    written = json.loads(done.stdout)
    assert written["cycles"] == 2000
    files = ("--netlist", "runs/saif/netlist.v", "--saif", "runs/saif/activity.saif", "--liberty", "nangate15")
    done = wattloop_here("power", *files, "--scope", "tb/m", "--clock", "clk_i=200ps", "--load", "typical", "--json")
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert found["unannotated_pins"] == 0
    netlist = synthesize(MacSpec(), resolve("nangate15"))
    seen = backend("bitparallel").measure(netlist, random_vectors(MacSpec(), 41, 50))
    energy = EnergyModel(netlist, 200.0, "typical", "alone").instances(seen)
    fj = sum(float(part.sum()) for part in vars(energy).values())
    assert found["groups"]["total"]["total_w"] == pytest.approx(fj * 1e-3 / 200, rel=1e-9)


VERILOG = """
module m (clk, d, q);
  input clk, d; output q; wire n;
  INV_X1 u1 (.A(d), .ZN(n));
  DFF_X1 u2 (.CK(clk), .D(n), .Q(q));
endmodule
"""
VCD = """$timescale 1 ps $end
$scope module tb $end
$scope module u_m $end
$var wire 1 ! clk $end
$var wire 1 " d $end
$var wire 1 # n $end
$var wire 1 $ q $end
$upscope $end
$upscope $end
$enddefinitions $end
#0
0!
0"
1#
0$
#500
1!
1$
1"
0#
#1000
0!
#1500
1!
0$
#2000
0!
"""


def test_a_waveform_is_as_good_as_saif(wattloop_here: Wattloop, tmp_path: Path) -> None:
    (tmp_path / "m.v").write_text(VERILOG)
    (tmp_path / "a.vcd").write_text(VCD)
    nets = {"clk": (1000, 4), "d": (1500, 1), "n": (500, 1), "q": (1000, 2)}
    rows = "".join(f"({name} (T0 {2000 - high}) (T1 {high}) (TC {toggles}))" for name, (high, toggles) in nets.items())
    saif = f"(SAIFILE (TIMESCALE 1 ps) (DURATION 2000) (INSTANCE tb (INSTANCE u_m (NET {rows}))))"
    (tmp_path / "a.saif").write_text(saif)
    common = ("--netlist", "m.v", "--liberty", "nangate45", "--scope", "tb/u_m", "--clock", "clk=1ns", "--json")
    found = [
        json.loads(wattloop_here("power", *common, *activity).stdout)
        for activity in (("--waves", "a.vcd"), ("--saif", "a.saif"))
    ]
    assert found[0] == found[1]
    assert found[0]["critical_path_arrival"] is None
    assert found[0]["instances_w"]["u2"][0] > 0
    assert (found[0]["annotated_pins"], found[0]["unannotated_pins"]) == (8, 1)  # the open QN
