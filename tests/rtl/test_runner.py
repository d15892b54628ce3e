"""A run that proves nothing, fails or crashes is an error, and compiled simulations come from the cache."""

from __future__ import annotations

from pathlib import Path

import pytest

from wattloop.activity.cosim import runner
from wattloop.errors import ConfigError, ToolError
from wattloop.gates.render import write_rtl
from wattloop.gates.spec import MacSpec
from wattloop.store import Store

TESTS = """
import os
import cocotb
from cocotb.triggers import Timer

@cocotb.test()
async def passes(dut):
    await Timer(1, "ns")
    assert os.environ["COLOUR"] == "blue"

@cocotb.test()
async def fails(dut):
    await Timer(1, "ns")
    assert int(dut.a_i.value) == 3, "three was expected"

@cocotb.test()
async def crashes(dut):
    os._exit(0)
"""


@pytest.fixture
def cell(tmp_path: Path) -> list[Path]:
    return write_rtl(MacSpec(), tmp_path / "rtl")


@pytest.fixture
def bench(cell: list[Path], simulator: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> runner.Build:
    folder = tmp_path / "testbenches"
    folder.mkdir()
    (folder / "tb_facts.py").write_text(TESTS)
    (folder / "tb_empty.py").write_text("")
    monkeypatch.setattr(runner.resources, "folder", lambda name: tmp_path / name)
    return runner.build(MacSpec().module_name, cell, simulator=simulator)


def test_passing_test_counts(bench: runner.Build, tmp_path: Path) -> None:
    work = tmp_path / "work"
    assert bench.run("tb_facts", work_dir=work, env={"COLOUR": "blue"}, testcase="passes") == 1
    assert "passes" in (work / runner.LOG).read_text()


@pytest.mark.parametrize(
    ("module", "testcase", "complaint"),
    [
        ("tb_facts", "fails", "three was expected|FAILED 1 tests"),
        ("tb_facts", "crashes", "run of tb_facts failed"),
        ("tb_facts", "no_such_test", "run of tb_facts"),
        ("tb_empty", None, "run of tb_empty"),
        ("tb_missing", None, "run of tb_missing"),
    ],
)
def test_run_that_proves_nothing_is_an_error(
    bench: runner.Build, tmp_path: Path, module: str, testcase: str | None, complaint: str
) -> None:
    with pytest.raises(ToolError, match=complaint):
        bench.run(module, work_dir=tmp_path / "work", env={"COLOUR": "blue"}, testcase=testcase)


def test_unknown_simulator_is_refused_by_name(cell: list[Path]) -> None:
    with pytest.raises(ConfigError, match="unknown simulator 'modelsim'; known: icarus, verilator"):
        runner.build(MacSpec().module_name, cell, simulator="modelsim")


def test_a_cache_that_verilators_makefiles_cannot_use_is_told(cell: list[Path], tmp_path: Path) -> None:
    with pytest.raises(ToolError, match="set WATTLOOP_CACHE to a folder without one"):
        runner.build(MacSpec().module_name, cell, simulator="verilator", store=Store(tmp_path / "my cache"))


def test_same_sources_are_compiled_once(cell: list[Path], tmp_path: Path) -> None:
    store = Store(tmp_path / "cache")
    first = runner.build(MacSpec().module_name, cell, simulator="icarus", store=store)
    stamp = first.program.stat().st_mtime_ns
    second = runner.build(MacSpec().module_name, cell, simulator="icarus", store=store)
    assert (second, second.program.stat().st_mtime_ns) == (first, stamp)
    assert [path.name for path in first.program.parent.iterdir()] == [first.program.name]
    cell[0].write_text(cell[0].read_text() + "// changed\n")
    third = runner.build(MacSpec().module_name, cell, simulator="icarus", store=store)
    assert third.program != first.program


def test_broken_source_leaves_no_entry(simulator: str, tmp_path: Path) -> None:
    source = tmp_path / "m.sv"
    source.write_text("module m (\n")
    store = Store(tmp_path / "cache")
    with pytest.raises(ToolError, match="syntax error"):
        runner.build("m", [source], simulator=simulator, store=store)
    assert not [path for path in (tmp_path / "cache").rglob("*") if path.is_file() and path.suffix != ".lock"]
