"""What docs/own-mac.md tells people to type runs, on less data than it names, and its settings are legal."""

from __future__ import annotations

import re
import shlex
import signal
import sys
from collections.abc import Iterator
from pathlib import Path
from unittest.mock import patch

import pytest

from wattloop.cli.main import main
from wattloop.flow.settings import load
from wattloop.gates import synthesis
from wattloop.gates.recipes import portfolio

ROOT = Path(__file__).resolve().parent.parent
DOCUMENT = ROOT / "docs" / "own-mac.md"
BLOCK = re.compile(r"```(\w+)\n(.*?)```", re.DOTALL)
BLOCKS = BLOCK.findall(DOCUMENT.read_text())
COMMANDS = [line for language, text in BLOCKS if language == "sh" for line in text.splitlines()]
TINY = {
    "training.pretrain.epochs": "1",
    "training.qat.epochs": "1",
    "characterize.pairs": "32",
    "characterize.batches": "2",
    "characterize.images": "1",
    "characterize.tiles": "2",
    "estimate.images": "1",
    "estimate.profiled": "1",
    "estimate.tiles": "1",
    "measure.images": "1",
    "compress.ratios": "[0.5]",
    "compress.set_sizes": "[16]",
    "compress.k_init": "16",
    "compress.k_limit": "64",
    "compress.delta": "50.0",
    "compress.tolerance": "50.0",
    "compress.recoveries": "0",
    "compress.rescored": "1",
    "compress.fisher_images": "32",
    "compress.scoring_images": "50",
    "compress.profile_images": "1",
    "compress.tile_images": "1",
    "explore.tiles": "1",
    "explore.mapped": "false",
    "timing.samples": "1",
    "timing.delay_step_ps": "2.0",
}
SMALLER = {
    "--templates array,split": "--templates split",
    "--size 4 --rtl 8": "--size 2 --rtl 2 --simulator icarus",
    "verify activity": "verify activity --transitions 64 --timed 64 --netlists 2",
    "wattloop saif ": "wattloop saif --transitions 200 ",
}


@pytest.fixture(autouse=True)
def _few_recipes() -> Iterator[None]:
    area, *_ = portfolio(200.0)
    with patch.object(synthesis, "portfolio", lambda _: (area,)):
        yield


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where they are typed: one folder for all, as each may read what those before it left."""
    place = tmp_path_factory.mktemp("document")
    (place / "examples").symlink_to(ROOT / "examples")
    return place


def typed(line: str) -> list[str]:
    for usual, less in SMALLER.items():
        line = line.replace(usual, less)
    words = shlex.split(line)[1:]
    if "--config" in words:
        words += [word for key, value in TINY.items() for word in ("--set", f"{key}={value}")]
    return words


def run(words: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """Run a command of wattloop's, which must succeed."""
    monkeypatch.setattr(signal, "signal", lambda number, handler: None)
    monkeypatch.setattr(sys, "argv", ["wattloop", *words])
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 0, capsys.readouterr().err


@pytest.mark.parametrize("line", COMMANDS, ids=lambda line: " ".join(line.split()[1:3]))
def test_every_command_runs(
    line: str, folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(folder)
    run(typed(line), monkeypatch, capsys)


def test_the_settings_are_legal_and_those_of_the_example(folder: Path) -> None:
    blocks = [text for language, text in BLOCKS if language == "toml"]
    (folder / "settings").mkdir()
    paths = [folder / "settings" / f"{number}.toml" for number in range(len(blocks))]
    for path, text in zip(paths, blocks, strict=True):
        path.write_text(text)
    first, second = map(load, paths)
    example = load(ROOT / "examples" / "own_mac" / "own.toml")
    assert first.hardware.own_mac is not None
    assert example.hardware.own_mac is not None
    assert first.hardware.own_mac.ports == example.hardware.own_mac.ports
    assert first.hardware.own_mac.module == example.hardware.own_mac.module
    assert second.hardware.own_mac is not None
    assert second.hardware.own_mac.netlist is not None


def test_it_tells_what_is_told() -> None:
    """The sections that people look for, and links that lead somewhere."""
    text = DOCUMENT.read_text()
    for link in re.findall(r"\]\(([^)#]+)\)", text):
        assert (DOCUMENT.parent / link).exists(), link
    assert len(COMMANDS) == 12
