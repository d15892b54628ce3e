"""What docs/own-model.md tells people to type runs, with less training, and its settings are the example's."""

from __future__ import annotations

import re
import shlex
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from wattloop.cli.main import main
from wattloop.flow.settings import load

ROOT = Path(__file__).resolve().parent.parent
DOCUMENT = ROOT / "docs" / "own-model.md"
BLOCKS = re.compile(r"```(\w+)\n(.*?)```", re.DOTALL).findall(DOCUMENT.read_text())
COMMANDS = [line for language, text in BLOCKS if language == "sh" for line in text.splitlines()]
TINY = {
    "training.pretrain.epochs": "2",
    "training.qat.epochs": "1",
    "characterize.simulator": "bitparallel",
    "characterize.pairs": "32",
    "characterize.batches": "2",
    "characterize.images": "1",
    "characterize.tiles": "2",
    "estimate.simulator": "bitparallel",
    "estimate.images": "1",
    "estimate.profiled": "1",
    "estimate.tiles": "1",
    "measure.images": "1",
    "compress.ratios": "[0.5]",
    "compress.set_sizes": "[16]",
    "compress.k_init": "16",
    "compress.k_limit": "64",
    "compress.delta": "80.0",
    "compress.tolerance": "80.0",
    "compress.recoveries": "0",
    "compress.rescored": "1",
    "compress.fisher_images": "32",
    "compress.scoring_images": "50",
    "compress.profile_images": "1",
    "compress.tile_images": "1",
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where they are typed: one folder for all, as each may read what those before it left."""
    place = tmp_path_factory.mktemp("document")
    (place / "examples").symlink_to(ROOT / "examples")
    return place


@pytest.mark.parametrize("line", COMMANDS, ids=lambda line: "-".join(line.split()[1:2] + line.split()[4:]))
def test_every_command_runs(
    line: str, folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(folder)
    monkeypatch.setattr(signal, "signal", lambda number, handler: None)
    tiny = [word for key, value in TINY.items() for word in ("--set", f"{key}={value}")]
    monkeypatch.setattr(sys, "argv", [*shlex.split(line), *tiny])
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 0, capsys.readouterr().err


def test_the_settings_are_those_of_the_example(tmp_path: Path) -> None:
    first, second = (text for language, text in BLOCKS if language == "toml")
    for name, text in (("own.toml", first), ("timm.toml", second)):
        (tmp_path / name).write_text(text)
    here, there = load(tmp_path / "own.toml"), load(ROOT / "examples" / "own_model" / "own.toml")
    assert here.training == there.training
    assert here.network.model == f"{tmp_path}/net.py:make"
    assert here.network.arguments == there.network.arguments
    assert here.network.data_arguments == there.network.data_arguments
    assert load(tmp_path / "timm.toml").network.model == "timm:create_model"


def test_the_python_code_runs(tmp_path: Path) -> None:
    (code,) = (text for language, text in BLOCKS if language == "python")
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    parts, *layers = done.stdout.splitlines()
    assert "LayerNorm" in parts
    assert [line.split()[0] for line in layers] == ["0", "2", "6"]
    assert all(float(line.split()[1]) > 0 for line in layers)
