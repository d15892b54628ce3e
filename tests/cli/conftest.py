"""The command line, run as a user runs it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from wattloop.cli.main import main

Wattloop = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture
def wattloop(tmp_path: Path) -> Wattloop:
    """Runs `wattloop ARGS...` in an empty folder; keyword arguments are added to its environment."""
    program = Path(sys.executable).parent / "wattloop"

    def run(*args: str | Path, wrapper: Sequence[str] = (), **env: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [*wrapper, str(program), *map(str, args)],
            cwd=tmp_path,
            env={**os.environ, **env},
            capture_output=True,
            stdin=subprocess.DEVNULL,
            text=True,
            check=False,
        )

    return run


@pytest.fixture
def refused(wattloop: Wattloop) -> Callable[..., str]:
    """Runs a command that must end with status 2 and one line on standard error, and returns that line."""

    def run(*args: str | Path, wrapper: Sequence[str] = (), **env: str) -> str:
        done = wattloop(*args, wrapper=wrapper, **env)
        assert done.returncode == 2, done.stderr
        lines = done.stderr.splitlines()
        assert lines[-1].startswith("wattloop: ")
        assert not [line for line in lines if "Traceback" in line]
        return lines[-1].removeprefix("wattloop: ")

    return run


@pytest.fixture
def refused_here(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Callable[..., str]:
    """Like `refused`, in this process: quicker, for what needs no environment of its own."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(signal, "signal", lambda number, handler: None)

    def run(*args: str | Path) -> str:
        monkeypatch.setattr(sys, "argv", ["wattloop", *map(str, args)])
        with pytest.raises(SystemExit) as ended:
            main()
        assert ended.value.code == 2
        return capsys.readouterr().err.splitlines()[-1].removeprefix("wattloop: ")

    return run
