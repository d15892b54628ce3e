from __future__ import annotations

import logging
import re
from pathlib import Path

import pytest

from wattloop.errors import StorageError
from wattloop.logs import LOGGER, written_to
from wattloop.runs import run_folder
from wattloop.store import Store


def test_what_happens_within_the_block_is_in_the_file_and_nothing_else(tmp_path: Path) -> None:
    LOGGER.info("before")
    with written_to(tmp_path / "log.txt"):
        LOGGER.debug("within %d", 1)
        LOGGER.getChild("progress").warning("and below")
    LOGGER.info("after")
    lines = (tmp_path / "log.txt").read_text().splitlines()
    stamp = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z"
    assert re.fullmatch(f"{stamp} DEBUG   within 1", lines[0])
    assert re.fullmatch(f"{stamp} WARNING and below", lines[1])
    assert len(lines) == 2


def test_a_library_user_sees_nothing_and_finds_the_logger_as_it_was(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    handlers, level = list(LOGGER.handlers), LOGGER.level
    with written_to(tmp_path / "outer"), written_to(tmp_path / "inner"):
        LOGGER.debug("x")
    assert (list(LOGGER.handlers), LOGGER.level) == (handlers, level)
    assert (tmp_path / "outer").read_text().split("Z")[1] == (tmp_path / "inner").read_text().split("Z")[1]
    assert capfd.readouterr() == ("", "")


def test_a_run_keeps_its_log_with_what_was_built_and_what_the_cache_held(tmp_path: Path) -> None:
    store = Store(tmp_path / "cache")
    with run_folder(tmp_path / "run", command="test", settings=Store(tmp_path), seeds={}):
        store.entry("netlist", "k", lambda folder: None)
        store.entry("netlist", "k", lambda folder: None)
    said = [line.split(maxsplit=2)[2] for line in (tmp_path / "run" / "log.txt").read_text().splitlines()]
    assert said == ["test into run", "building the cache entry netlist/k", "from the cache: netlist/k", "done"]


def test_a_damaged_cache_entry_is_told(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    def damaged(folder: Path) -> None:
        raise ValueError("no table")

    with caplog.at_level(logging.WARNING, "wattloop"), pytest.raises(StorageError):
        Store(tmp_path).load("table", "k", lambda folder: None, damaged)
    assert "is damaged (no table): building it anew" in caplog.text
