"""Fixtures for all rooms."""

from __future__ import annotations

import os

# Before anything imports torch: several threads in each of several workers spin on each other.
os.environ.setdefault("OMP_NUM_THREADS", "1")

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import settings

if TYPE_CHECKING:
    from wattloop.gates.library import Library

# No test is timed: a busy machine is no finding.
settings.register_profile("untimed", deadline=None)
settings.load_profile("untimed")

REPOSITORY = Path(__file__).resolve().parent.parent
# A multiplier listed here passes through every test of the built-in ones, in simulators and workers too.
OWN_MULTIPLIERS = [REPOSITORY / "examples" / "own_multiplier" / "minifloat.py"]
os.environ["WATTLOOP_MULTIPLIERS"] = os.pathsep.join(map(str, OWN_MULTIPLIERS))
SHARED = REPOSITORY.parent / "shared"


def pytest_configure() -> None:
    """In CI nothing that an earlier version of the code cached may answer for this one."""
    if os.environ.get("CI") == "true" and "WATTLOOP_CACHE" not in os.environ:
        os.environ["WATTLOOP_CACHE"] = str(REPOSITORY / ".pytest_cache" / "wattloop")


@pytest.fixture(scope="session", autouse=True)
def _libraries_are_interpreted_once() -> Iterator[None]:
    """Cells of a Liberty file take up to a second to interpret, and tests ask for the same few files all the time."""
    from wattloop.gates import libraries

    read, known = libraries.read_liberty, {}

    def remembered(path: Path, *, name: str | None = None) -> Library:
        if not path.is_file():
            return read(path, name=name)
        seen = path.stat()
        key = (str(path), path.resolve(), name, seen.st_size, seen.st_mtime_ns)
        if key not in known:
            known[key] = read(path, name=name)
        return known[key]

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(libraries, "read_liberty", remembered)
        yield


@pytest.fixture(scope="session")
def repository() -> Path:
    return REPOSITORY


@pytest.fixture(scope="session")
def shared_folder() -> Path:
    """The folder of reference data beside the repository; without it the test is skipped."""
    if not SHARED.is_dir():
        pytest.skip("needs the reference data in ../shared, which is not here")
    return SHARED
