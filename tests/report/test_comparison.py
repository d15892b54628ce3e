"""Several runs in one page."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from tests.report import folders
from typer.testing import CliRunner

from wattloop.cli.main import app
from wattloop.compression.result import CompressionResult
from wattloop.errors import ConfigError
from wattloop.report.inputs import read_run
from wattloop.report.page.comparison import comparison_of
from wattloop.report.page.render import html

from .test_page import Tree


@pytest.fixture(scope="module")
def runs(result: CompressionResult, tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Two campaigns of one network and a training."""
    base = tmp_path_factory.mktemp("runs")
    better = replace(result, rows=tuple(replace(row, datapath_saving=0.9) for row in result.rows))
    made = [folders.everything(result, base / "first"), folders.everything(better, base / "second")]
    (made[1] / "config.toml").write_text("[compress]\ndelta = 2.0\n")
    folders.told(made[1], library="nangate45")
    folders.trained(base / "third")
    return [*made, base / "third"]


def test_runs_stand_beside_each_other(runs: list[Path]) -> None:
    page = comparison_of([read_run(run) for run in runs])
    anchors = [part.anchor for part in page.sections]
    assert anchors == ["runs", "accuracy", "energy", "values", "timing", "training", "differences"]
    assert page.facts is not None
    assert [fact.name for fact in page.facts.facts] == ["first", "second", "third"]
    text = "".join(Tree(html(page)).text)
    assert "90.00 %" in text


def test_settings_and_provenance_that_differ_are_listed_and_no_others(runs: list[Path]) -> None:
    page = comparison_of([read_run(run) for run in runs[:2]])
    settings, facts = (block.frame for block in page.sections[-1].blocks)  # type: ignore[union-attr]
    assert settings.rows() == [("compress.delta", "1.0", "2.0")]
    assert facts.rows() == [("library", "nangate15", "nangate45")]


def test_runs_of_one_name_are_told_apart(runs: list[Path]) -> None:
    page = comparison_of([read_run(runs[0])] * 2)
    assert page.facts is not None
    assert [fact.name for fact in page.facts.facts] == ["first (1)", "first (2)"]
    assert "Neither settings nor provenance differ." in html(page)


def test_hostile_runs_are_escaped(result: CompressionResult, tmp_path: Path) -> None:
    run = read_run(folders.hostile(result, tmp_path / "run"))
    found = Tree(html(comparison_of([run, run])))
    assert not found.all("script")
    assert "".join(found.text).count(folders.HOSTILE) > 10


def test_one_run_is_no_comparison(runs: list[Path]) -> None:
    with pytest.raises(ConfigError, match="two runs"):
        comparison_of([read_run(runs[0])])


def test_the_command_writes_one_page_of_several_runs(runs: list[Path], tmp_path: Path) -> None:
    out = tmp_path / "both.html"
    done = CliRunner().invoke(app, ["report", *map(str, runs), "--out", str(out)])
    assert done.exit_code == 0, done.output
    assert done.stdout.splitlines()[-1] == str(out)
    assert "Runs compared" in out.read_text()
    assert not (runs[0] / "report.html").exists()
