"""What commands say while they work: steps by default, nothing with --quiet, all with --verbose."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from wattloop.cli.main import app


def synth(tmp_path: Path, *options: str) -> Result:
    done = CliRunner().invoke(app, [*options, "synth", "--out", str(tmp_path / "run")], catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return done


def test_verbose_tells_what_comes_from_the_cache(tmp_path: Path) -> None:
    synth(tmp_path)  # so that the netlist is there
    said = synth(tmp_path, "--verbose").stderr
    assert "debug: from the cache: netlist/" in said
    assert "debug: reading the Liberty library" in said


def test_quiet_prints_results_alone_and_only_where_it_was_asked_for(tmp_path: Path) -> None:
    done = synth(tmp_path, "--quiet")
    assert done.stderr == ""
    assert "critical path" in done.stdout or "slack_ps" in done.stdout
    assert "debug" not in synth(tmp_path).stderr


def test_the_log_says_what_the_console_said(tmp_path: Path) -> None:
    synth(tmp_path, "--quiet")
    log = (tmp_path / "run" / "log.txt").read_text()
    assert "INFO    synth into run" in log
    assert "INFO    mac_w8a8p22_array on nangate15" in log


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_command_says_how_it_goes_on_and_leaves_nothing(tmp_path: Path, number: int) -> None:
    command = [sys.executable, "-m", "wattloop", "train", "--set", "training.pretrain.epochs=10000"]
    with subprocess.Popen(
        [*command, "--config", "sim/configs/demo.toml", "--out", str(tmp_path / "run")],
        stderr=subprocess.PIPE,
        text=True,
    ) as run:
        assert run.stderr is not None
        while not list(tmp_path.iterdir()):  # its scratch folder: it has begun
            assert run.poll() is None
            time.sleep(0.05)
        run.send_signal(number)
        said = run.stderr.read()
    assert run.returncode == 130, said
    assert "interrupted; the same command goes on from what it has kept" in said
    assert list(tmp_path.iterdir()) == []
