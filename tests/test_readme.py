"""What the documents tell people to type exists."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
import typer.main

from wattloop import CompressionResult
from wattloop.cli.main import app
from wattloop.flow.settings import load

ROOT = Path(__file__).resolve().parent.parent
DOCUMENTS = [ROOT / "README.md", ROOT / "CONTRIBUTING.md"]
BLOCK = re.compile(r"```(\w+)\n(.*?)```", re.DOTALL)


def commands(program: str) -> list[str]:
    lines = [
        line.split("#")[0].strip()
        for document in DOCUMENTS
        for language, text in BLOCK.findall(document.read_text())
        if language == "sh"
        for line in text.splitlines()
    ]
    return sorted({line for line in lines if line.split()[:1] == [program]})


def test_the_first_two_commands_are_demo_and_test() -> None:
    blocks = BLOCK.findall(DOCUMENTS[0].read_text())
    assert [line.split("#")[0].strip() for line in blocks[0][1].splitlines()] == ["make demo", "make test"]


@pytest.mark.parametrize("line", commands("make"))
def test_make_knows_the_target(line: str) -> None:
    done = subprocess.run([*shlex.split(line), "--dry-run"], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("line", commands("wattloop"))
def test_the_command_line_takes_it(line: str) -> None:
    name, *args = shlex.split(line)[1:]
    group = typer.main.get_command(app)
    command = group.commands[name]  # type: ignore[attr-defined]
    context = command.make_context(name, args)
    config = context.params.get("config")
    if config is not None:
        load(ROOT / config)


def test_the_table_of_commands_is_complete() -> None:
    told = set(re.findall(r"^\| `wattloop (\w+)", DOCUMENTS[0].read_text(), re.MULTILINE))
    known = set(typer.main.get_command(app).commands)  # type: ignore[attr-defined]
    assert told == known


def test_the_python_code_runs(tmp_path: Path) -> None:
    (code,) = [text for language, text in BLOCK.findall(DOCUMENTS[0].read_text()) if language == "python"]
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    *layers, last = done.stdout.splitlines()
    assert [line.split()[0] for line in layers] == ["conv1", "conv2", "fc1", "fc2", "fc3"]
    before, after, table_saving, tiles_saving = map(float, last.split())
    assert before > 0.5
    assert after > 0.5
    assert table_saving > 0
    assert tiles_saving > 0
    assert CompressionResult.load(tmp_path / "compressed").table_saving == table_saving


def test_links_lead_to_files() -> None:
    for document in DOCUMENTS:
        for link in re.findall(r"\]\(([^)#]+)\)", document.read_text()):
            assert (document.parent / link).exists(), f"{document.name}: {link}"


def test_every_configuration_is_legal() -> None:
    for path in sorted((ROOT / "sim" / "configs").glob("*.toml")):
        load(path)


def test_ci_runs_the_test_command() -> None:
    assert "make test" in (ROOT / ".ci" / "run").read_text()
