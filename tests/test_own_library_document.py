"""What docs/own-library.md and docs/sign-off.md tell people to type runs, on less data than it names."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from unittest.mock import patch

import pytest
from tests.test_own_mac_document import TINY, run

from wattloop.flow.settings import load
from wattloop.gates import synthesis
from wattloop.gates.libraries import resolve
from wattloop.gates.recipes import portfolio

ROOT = Path(__file__).resolve().parent.parent
DOCUMENTS = [ROOT / "docs" / name for name in ("own-library.md", "sign-off.md")]
BLOCK = re.compile(r"```(\w+)\n(.*?)```", re.DOTALL)
COMMANDS = [
    line.partition("#")[0].strip()
    for document in DOCUMENTS
    for language, text in BLOCK.findall(document.read_text())
    if language == "sh"
    for line in text.splitlines()
]
(SETTINGS,) = (text for language, text in BLOCK.findall(DOCUMENTS[0].read_text()) if language == "toml")
# Commands that run a network, and so take the smaller settings.
LONG = ("characterize", "estimate", "compress", "timing")
SMALLER = {"wattloop saif ": "wattloop saif --transitions 200 "}
QUICK = TINY | {
    "timing.delay_step_ps": "20.0",
    "network.model": "lenet5",
    "measure.tiles": "1",
    "compress.max_layers": "1",
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where they are typed; `my.lib` is no library that wattloop knows by that name."""
    place = tmp_path_factory.mktemp("document")
    (place / "sim").symlink_to(ROOT / "sim")
    (place / "own.toml").write_text(SETTINGS)
    (place / "my.lib").write_bytes(Path(resolve("nangate45").path).read_bytes())
    return place


@pytest.fixture(autouse=True)
def _few_recipes() -> Iterator[None]:
    area, *_ = portfolio(1000.0)
    with patch.object(synthesis, "portfolio", lambda _: (area,)):
        yield


def typed(line: str) -> list[str]:
    for usual, less in SMALLER.items():
        line = line.replace(usual, less)
    words = shlex.split(line)[1:]
    if words[0] in LONG or "--real" in words:
        words += [word for key, value in QUICK.items() for word in ("--set", f"{key}={value}")]
    return words


@pytest.mark.parametrize("line", COMMANDS, ids=lambda line: " ".join(line.split()[1:3]))
def test_every_command_runs(
    line: str, folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(folder)
    run(typed(line), monkeypatch, capsys)


def test_a_library_is_looked_for_beside_the_settings_that_name_it(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert load(folder / "own.toml").hardware.library == str(folder / "my.lib")
    assert load(folder / "own.toml", {"hardware.library": "my.lib"}).hardware.library == "my.lib"
    assert load(folder / "own.toml", {"hardware.library": "nangate15"}).hardware.library == "nangate15"
    (tmp_path / "away.toml").write_text(SETTINGS)
    assert load(tmp_path / "away.toml").hardware.library == "my.lib"


def test_all_of_them_were_found() -> None:
    assert len(COMMANDS) == 11
    for document in DOCUMENTS:
        for link in re.findall(r"\]\(([^)#]+)\)", document.read_text()):
            assert (document.parent / link).exists(), link
