"""What the documents tell people to type exists."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import click
import pytest
import typer.main
from typer.testing import CliRunner

from wattloop import CompressionResult
from wattloop.cli.main import app
from wattloop.flow.settings import load

ROOT = Path(__file__).resolve().parent.parent
README, TUTORIAL = ROOT / "README.md", ROOT / "docs" / "tutorial.md"
DOCUMENTS = [README, ROOT / "CONTRIBUTING.md", ROOT / "models" / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
BLOCK = re.compile(r"```(\w+)\n(.*?)```", re.DOTALL)


def blocks(document: Path, language: str) -> list[str]:
    return [text for found, text in BLOCK.findall(document.read_text()) if found == language]


def commands(text: str) -> Iterator[list[str]]:
    """Words of each command of a block: a line, or several where a quote is open or the line ends in a backslash."""
    command = ""
    for line in text.splitlines():
        command += line + "\n"
        try:
            words = shlex.split(command.replace("\\\n", " "), comments=True)
        except ValueError:
            continue  # a quote is open
        if not line.endswith("\\"):
            command = ""
            yield words


def told(program: str) -> list[str]:
    found = {
        shlex.join(words)
        for document in DOCUMENTS
        for block in blocks(document, "sh")
        for words in commands(block)
        if words[:1] == [program]
    }
    assert found, f"no document tells anybody to type {program}"
    return sorted(found)


def test_the_first_two_commands_are_demo_and_test() -> None:
    assert list(commands(blocks(README, "sh")[0])) == [["make", "demo"], ["make", "test"]]


@pytest.mark.parametrize("line", told("make"))
def test_make_knows_the_target(line: str) -> None:
    done = subprocess.run([*shlex.split(line), "--dry-run"], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("line", told("wattloop"))
def test_the_command_line_takes_it(line: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    name, *args = shlex.split(line)
    command: click.Command = typer.main.get_command(app)
    context = command.make_context(name, args)
    while isinstance(command, click.Group):
        name, found, rest = command.resolve_command(context, [*context._protected_args, *context.args])
        assert found is not None
        command, context = found, found.make_context(name, rest, parent=context)
    config = context.params.get("config")
    if config is not None and config != Path("FILE.toml"):
        load(config)


def test_the_table_of_commands_is_complete() -> None:
    told = set(re.findall(r"^\| `wattloop (\w+)", README.read_text(), re.MULTILINE))
    known = set(typer.main.get_command(app).commands)  # type: ignore[attr-defined]
    assert told == known


def test_the_python_code_runs(tmp_path: Path) -> None:
    (code,) = blocks(README, "python")
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
        for link in re.findall(r"\]\((?!https://)([^)#]+)\)", document.read_text()):
            assert (document.parent / link).exists(), f"{document.name}: {link}"


def test_every_configuration_is_legal() -> None:
    for path in sorted((ROOT / "sim" / "configs").glob("*.toml")):
        load(path)


def test_ci_runs_the_test_command() -> None:
    assert "make test" in (ROOT / ".ci" / "run").read_text()


def test_the_tutorial_s_commands_run_one_after_the_other(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for folder in ("sim", "models"):
        Path(folder).symlink_to(ROOT / folder)
    said = ""
    for _, *args in (words for block in blocks(TUTORIAL, "sh") for words in commands(block)):
        done = CliRunner().invoke(app, args, catch_exceptions=False)
        assert done.exit_code == 0, f"{args}: {done.output}"
        said += done.stdout
    for figure in figures_of(TUTORIAL.read_text()):
        assert figure in said, f"the tutorial says {figure}"


def figures_of(text: str) -> list[str]:
    """Of the tables: energies by weight as they stand, shares as fractions to the digits that they are given with."""
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in text.splitlines() if line[:2] == "| "]
    energies = [cell for row in rows if row[0].startswith("fJ") for cell in row[1:]]
    accuracies = [f"{float(row[1].rstrip(' %')) / 100:.4f}" for row in rows if row[1].endswith("%")]
    assert len(energies) == 7
    assert len(accuracies) == 3
    return energies + accuracies


def test_the_site_builds_without_a_warning(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--quiet", "--site-dir", str(tmp_path / "site")],
        cwd=ROOT,
        env=os.environ | {"NO_MKDOCS_2_WARNING": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert (done.stdout + done.stderr).strip() == ""
    assert "CompressConfig" in (tmp_path / "site" / "reference.html").read_text()
