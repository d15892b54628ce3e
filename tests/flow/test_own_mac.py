"""A user's cell in place of ours: in the array, in tables, beside other cells."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict, replace
from pathlib import Path
from unittest.mock import patch

import pytest
from tests.cells import mapped
from tests.own.conftest import NAME, PORTS, SPEC, THEIRS

from wattloop.activity.bitparallel.array_contract import random_tiles
from wattloop.activity.cosim.runner import SIMULATORS, build
from wattloop.errors import ConfigError, NetlistError, SpecError
from wattloop.flow.array_verification import ArrayScope, verify_array
from wattloop.flow.cells import cells_of, write_array
from wattloop.flow.compression import mac_name
from wattloop.flow.hardware import build_hardware, is_built
from wattloop.flow.own_array import own_rtl_array
from wattloop.flow.reproduce.exhibits import reproduce_flow
from wattloop.flow.settings import HardwareSettings, Settings
from wattloop.flow.simulator import Simulator
from wattloop.flow.timing import CellTimer
from wattloop.flow.timing_settings import TimingSettings
from wattloop.gates import synthesis
from wattloop.gates.recipes import portfolio
from wattloop.gates.render import tile_top_name
from wattloop.gates.spec import ArraySpec
from wattloop.own.cell import OwnMac, OwnPorts
from wattloop.runs import Run
from wattloop.store import Store

ARRAY = ArraySpec(rows=3, cols=3, pixels=4, mac=SPEC)


@pytest.fixture(autouse=True)
def _few_recipes() -> Iterator[None]:
    area, *_, keep, _, _ = portfolio(200.0)
    with patch.object(synthesis, "portfolio", lambda _: (area, keep)):
        yield


@pytest.fixture
def ours() -> HardwareSettings:
    return HardwareSettings(array=ARRAY)


@pytest.fixture
def verilog(tmp_path: Path) -> HardwareSettings:
    (tmp_path / "mine.v").write_text(THEIRS)
    own = OwnMac(module="mine", verilog=str(tmp_path / "mine.v"), ports=OwnPorts(**PORTS))
    return HardwareSettings(array=ARRAY, own_mac=own)


@pytest.fixture
def netlist() -> HardwareSettings:
    path = mapped("nangate15", SPEC).folder / "netlist.v"
    return HardwareSettings(array=ARRAY, own_mac=OwnMac(module=NAME, netlist=str(path)))


def test_our_own_netlist_from_outside_is_priced_as_ours(ours: HardwareSettings, netlist: HardwareSettings) -> None:
    """Down to the key of the tables: they are the same tables."""
    assert Simulator(netlist).key == Simulator(ours).key
    assert build_hardware(netlist).netlist.digest == build_hardware(ours).netlist.digest


def test_another_cell_is_another_key(ours: HardwareSettings, verilog: HardwareSettings) -> None:
    cell = build_hardware(verilog)
    assert cell.netlist.digest != build_hardware(ours).netlist.digest
    assert Simulator(verilog).key != Simulator(ours).key
    assert cell.facts["own module"] == "mine"
    assert cell.facts["equivalence"].startswith("proved equal")
    assert len(cell.facts["own files sha256"]) == 64
    assert is_built(verilog, Store())


@pytest.mark.parametrize("simulator", sorted(SIMULATORS))
def test_the_array_of_a_users_verilog_computes_what_ours_does(
    simulator: str, verilog: HardwareSettings, tmp_path: Path
) -> None:
    sources = write_array(verilog, tmp_path / "rtl")
    assert [path.stem for path in sources] == [NAME, ARRAY.module_name, tile_top_name(ARRAY)]
    assert "mine u_own (" in sources[0].read_text()
    program = build(tile_top_name(ARRAY), sources, simulator=simulator)
    bench = {"array": asdict(ARRAY), "tiles": 1}
    env = {"WATTLOOP_BENCH": json.dumps(bench)}
    assert program.run("tb_tile", work_dir=tmp_path / "run", env=env, testcase="full_tile") == 1


def test_the_array_of_a_users_netlist_is_written_with_its_cells(netlist: HardwareSettings, tmp_path: Path) -> None:
    sources = write_array(netlist, tmp_path / "rtl")
    program = build(tile_top_name(ARRAY), sources, simulator="icarus")
    env = {"WATTLOOP_BENCH": json.dumps({"array": asdict(ARRAY), "tiles": 1})}
    assert program.run("tb_tile", work_dir=tmp_path / "run", env=env, testcase="full_tile") == 1


def test_a_wrong_cell_is_seen_in_the_array_too(verilog: HardwareSettings) -> None:
    """The simulation shares nothing with the proof."""
    cell, (tile,) = build_hardware(verilog).synthesis, random_tiles(ARRAY, [(3, 3, 4)])
    assert own_rtl_array(cell, ARRAY, tile, "icarus").passed
    wrong = "s + kept * $signed({1'b0, x})".replace("+", "-")
    text = (cell.folder / "rtl.sv").read_text().replace("s + kept * $signed({1'b0, x})", wrong)
    with patch("wattloop.own.rtl.cell_rtl", lambda _: text):
        assert not own_rtl_array(cell, ARRAY, tile, "icarus").passed


def test_arrays_of_a_users_cells_agree_with_the_engine(verilog: HardwareSettings) -> None:
    scope = ArrayScope(sizes=(3,), templates=(), simulators=("icarus",), rtl=3)
    checks = verify_array(Settings(hardware=verilog), scope)
    assert all(check.passed for check in checks)
    assert [check.fact for check in checks].count("toggles of every net of every cell") >= 3
    assert checks[-1].fact == "results"
    assert "in Verilog" in checks[-1].netlist


def test_cells_are_the_users_and_those_that_are_named(verilog: HardwareSettings, ours: HardwareSettings) -> None:
    assert list(cells_of(verilog, ())) == ["mine"]
    both = cells_of(verilog, ("split",))
    assert list(both) == ["mine", "split"]
    assert both["mine"] == verilog
    assert both["split"].own_mac is None
    assert both["split"].array.mac.multiplier == "split"
    with pytest.raises(SpecError, match="unknown template"):
        cells_of(ours, ())
    own = replace(verilog, own_mac=OwnMac(module="split", verilog="a.v"))
    with pytest.raises(SpecError, match="split is the module of own_mac and the name of a template"):
        cells_of(own, ("split",))


def test_a_users_cell_goes_by_its_own_name(verilog: HardwareSettings) -> None:
    assert mac_name(verilog) == "mine"
    assert mac_name(HardwareSettings()) == "array"
    assert mac_name(HardwareSettings(array=ARRAY)) == NAME


def test_methods_that_need_a_product_are_left_out(verilog: HardwareSettings) -> None:
    settings = Settings(hardware=verilog)
    assert CellTimer(settings, Store()).methods() == ("sampled", "worst")
    alone = replace(settings, timing=TimingSettings(methods=("multiplier",)))
    timer = CellTimer(alone, Store())
    assert timer.methods() == ("multiplier",)
    with pytest.raises(NetlistError, match=r"mine has no multiplier apart .*take another method"):
        timer.profile("multiplier")


def test_exhibits_are_of_our_own_cells(verilog: HardwareSettings, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"hardware.own_mac: exhibits compare wattloop's own cells"):
        reproduce_flow("figure2", Settings(hardware=verilog), Run(tmp_path))


def test_what_is_not_the_cell_is_refused_before_it_is_used(verilog: HardwareSettings, tmp_path: Path) -> None:
    (tmp_path / "mine.v").write_text(THEIRS.replace("s + kept", "s - kept"))
    with pytest.raises(NetlistError, match=r"module mine is not the cell of hardware.array.mac: with weight"):
        _ = Simulator(verilog).key
