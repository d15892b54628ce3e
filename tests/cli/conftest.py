"""The command line, run as a user runs it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from wattloop.cli.main import main

Wattloop = Callable[..., "subprocess.CompletedProcess[str]"]
Refused = Callable[..., str]


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
def wattloop_here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Wattloop:
    """Like `wattloop`, in this process: quicker, for what needs no process of its own."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(signal, "signal", lambda number, handler: None)

    def run(*args: str | Path, **env: str) -> subprocess.CompletedProcess[str]:
        command = ["wattloop", *map(str, args)]
        monkeypatch.setattr(sys, "argv", command)
        for name, value in env.items():
            monkeypatch.setenv(name, value)
        capsys.readouterr()
        with pytest.raises(SystemExit) as ended:
            main()
        assert isinstance(ended.value.code, int)
        return subprocess.CompletedProcess(command, ended.value.code, *capsys.readouterr())

    return run


@pytest.fixture
def refused(wattloop: Wattloop) -> Refused:
    """Runs a command that must end with status 2 and one line on standard error, and returns that line."""
    return partial(complaint, wattloop)


@pytest.fixture
def refused_here(wattloop_here: Wattloop) -> Refused:
    """Like `refused`, in this process."""
    return partial(complaint, wattloop_here)


def complaint(wattloop: Wattloop, *args: str | Path, **options: Any) -> str:
    """The one line of a command that is refused."""
    done = wattloop(*args, **options)
    assert done.returncode == 2, done.stderr
    lines = done.stderr.splitlines()
    assert lines[-1].startswith("wattloop: ")
    assert not [line for line in lines if "Traceback" in line]
    return lines[-1].removeprefix("wattloop: ")
