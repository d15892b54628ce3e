from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import polars as pl
import pytest

from wattloop.flow.demo import demo_config
from wattloop.flow.settings import load
from wattloop.power.energy_table import ORIGINS


@pytest.fixture(scope="module")
def done(tiny: Path, tmp_path_factory: pytest.TempPathFactory) -> subprocess.CompletedProcess[str]:
    """The demo on tiny settings, in a folder of its own, as a user runs it."""
    program = Path(sys.executable).parent / "wattloop"
    cwd = tmp_path_factory.mktemp("demo")
    command = [str(program), "demo", "--config", str(tiny)]
    finished = subprocess.run(command, cwd=cwd, capture_output=True, text=True, check=False, env=dict(os.environ))
    assert finished.returncode == 0, finished.stderr
    finished.args = cwd
    return finished


def test_it_prints_accuracies_energies_sets_and_the_report(done: subprocess.CompletedProcess[str]) -> None:
    for words in ("validation accuracy", "test accuracy", "energy by table", "energy by tiles", "conv1", "conv2"):
        assert words in done.stdout
    assert done.stdout.splitlines()[-2:] == ["runs/demo/report.html", "runs/demo/report.md"]
    assert "conv2: settled" in done.stderr


def test_it_prints_the_rows_that_the_readme_shows(done: subprocess.CompletedProcess[str], repository: Path) -> None:
    (shown,) = re.findall(r"```text\n(.*?)```", (repository / "README.md").read_text(), re.DOTALL)
    wanted = [line.split("|")[0].strip() for line in shown.splitlines() if "|" in line]
    printed = [line.split("\u2502")[0].strip() for line in done.stdout.splitlines() if "\u2502" in line]
    assert len(wanted) == 7
    assert printed[: len(wanted) - 1] == wanted[1:]
    assert shown.splitlines()[-1] in done.stdout.splitlines()


def test_what_it_prints_is_what_it_stored(done: subprocess.CompletedProcess[str]) -> None:
    summary = json.loads((Path(done.args) / "runs/demo/compression/result.json").read_text())
    (line,) = [line for line in done.stdout.splitlines() if "test accuracy" in line]
    for stage in ("test_before", "test_after"):
        assert f"{100 * summary[stage]['accuracy']:.2f} %" in line
    energies = pl.read_parquet(Path(done.args) / "runs/demo/compression/layers.parquet")
    wholes = [line.split("\u2502")[1:3] for line in done.stdout.splitlines() if "with clock and leakage" in line]
    for source, printed in zip(("table", "tiles"), wholes, strict=True):
        for stage, cell in zip(("int8", "compressed"), printed, strict=True):
            parts = energies.filter(source=source, stage=stage).select(ORIGINS)
            assert float(cell) == pytest.approx(parts.to_numpy().sum() / 1e6, abs=0.006)
    for layer in summary["layers"]:
        assert " ".join(map(str, layer["values"])) in done.stdout


def test_one_run_folder_holds_it_all(done: subprocess.CompletedProcess[str]) -> None:
    run = Path(done.args) / "runs" / "demo"
    assert {path.name for path in run.parent.iterdir()} == {"demo"}
    for name in (
        "config.toml",
        "provenance.json",
        "network.safetensors",
        "history.json",
        "cells.parquet",
        "statistics/conv1.npz",
        "tables/conv1.parquet",
        "tables/conv2.parquet",
        "compression/result.json",
        "plots/energy_by_value_datapath.png",
        "plots/energy_by_layer.png",
    ):
        assert (run / name).is_file(), name
    assert (run / "report.md").read_text().startswith("# demo\n")
    page = (run / "report.html").read_text()
    sections = re.findall(r'<section id="(\w+)"', page)
    wanted = ["accuracy", "energy", "values", "cells", "transitions", "weights", "decisions", "training", "provenance"]
    assert sections == wanted
    assert "<h1>demo</h1>" in page


def test_its_own_settings_are_lenet5_on_digits() -> None:
    settings = load(demo_config())
    assert (settings.network.model, settings.network.dataset) == ("lenet5", "digits")
