"""Exhibits made with the settings of --quick."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from wattloop.flow.reproduce.exhibits import reproduce_flow, usual_config
from wattloop.flow.settings import Settings, load
from wattloop.report.reproduce.exhibit import Exhibit
from wattloop.runs import run_folder

Made = tuple[Exhibit, Path]


@pytest.fixture(scope="session")
def quick() -> Settings:
    return load(usual_config("figure1", quick=True))


@pytest.fixture(scope="session")
def made(quick: Settings, tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Made]:
    """Makes an exhibit, once."""
    known: dict[str, Made] = {}

    def make(name: str) -> Made:
        if name not in known:
            out = tmp_path_factory.mktemp(name) / "run"
            with run_folder(out, command=f"reproduce {name}", settings=quick, seeds=quick.seeds) as run:
                known[name] = (reproduce_flow(name, quick, run), out)
        return known[name]

    return make
