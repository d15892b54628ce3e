from __future__ import annotations

import importlib.metadata
import subprocess
from collections.abc import Callable

import pytest

from wattloop.cli.progress import ConsoleProgress

Wattloop = Callable[..., "subprocess.CompletedProcess[str]"]


def test_it_tells_its_version(wattloop: Wattloop) -> None:
    assert wattloop("--version").stdout == f"wattloop {importlib.metadata.version('wattloop')}\n"


def test_an_unknown_command_ends_with_status_2(wattloop: Wattloop) -> None:
    done = wattloop("simulate")
    assert done.returncode == 2
    assert "No such command 'simulate'" in done.stderr


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
