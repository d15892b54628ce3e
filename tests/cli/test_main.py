from __future__ import annotations

import importlib.metadata
import json
import re
import subprocess
from collections.abc import Callable

import numpy as np
import pytest
import typer.main

from wattloop.activity.backend import backend_names
from wattloop.cli.main import app
from wattloop.cli.output import print_json
from wattloop.cli.progress import ConsoleProgress

Wattloop = Callable[..., "subprocess.CompletedProcess[str]"]


def test_it_tells_its_version(wattloop: Wattloop) -> None:
    assert wattloop("--version").stdout == f"wattloop {importlib.metadata.version('wattloop')}\n"


def test_an_unknown_command_ends_with_status_2(wattloop: Wattloop) -> None:
    done = wattloop("simulate")
    assert done.returncode == 2
    assert "No such command 'simulate'" in done.stderr


@pytest.mark.parametrize("command", ["characterize", "estimate", "compress", "demo"])
def test_the_help_names_every_simulator(command: str) -> None:
    options = typer.main.get_command(app).commands[command].params  # type: ignore[attr-defined]
    (told,) = [option.help for option in options if option.name == "simulator"]
    assert set(re.findall(r"[a-z]+(?:-[a-z]+)?", told)) >= set(backend_names())


def test_where_there_is_no_terminal_slow_steps_and_told_lines_stay(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = iter([0.0, 10.0, 10.5, 62.0])
    monkeypatch.setattr("wattloop.cli.progress.time.monotonic", lambda: next(clock))
    progress = ConsoleProgress()
    with progress.step("compressing") as outer, progress.step("a quick look"):
        outer(1, 2, "conv1")
        progress.tell("conv1: [settled]")
    assert capsys.readouterr().err.splitlines() == ["    conv1: [settled]", "compressing: 62.0 s"]


def test_json_holds_no_infinity(capsys: pytest.CaptureFixture[str]) -> None:
    print_json({"width": float("inf"), "total": np.float64(0.1)})
    assert json.loads(capsys.readouterr().out, parse_constant=pytest.fail) == {"width": None, "total": 0.1}
