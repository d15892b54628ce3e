"""Runs the testbenches on both simulators."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

import pytest

from wattloop.activity.cosim.runner import SIMULATORS, build
from wattloop.gates.render import tile_top_name, write_mac_bench, write_rtl
from wattloop.gates.spec import ArraySpec, MacSpec

RunTile = Callable[..., int]


@pytest.fixture(params=sorted(SIMULATORS))
def simulator(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def run_cells(tmp_path: Path) -> Callable[..., int]:
    """Plays vectors through cells of several specs side by side; returns how many cocotb tests passed."""

    def run(simulator: str, cells: list[MacSpec], *, vectors: int) -> int:
        sources = write_mac_bench(cells, tmp_path, vectors=vectors)
        program = build("mac_bench", sources, simulator=simulator)
        options = {"cells": [asdict(cell) for cell in cells], "vectors": vectors}
        return program.run("tb_mac", work_dir=tmp_path / "run", env={"WATTLOOP_BENCH": json.dumps(options)})

    return run


@pytest.fixture
def run_tile_top(tmp_path: Path) -> Callable[..., int]:
    """Runs the tile testbench on an array; returns how many cocotb tests passed."""

    def run(simulator: str, spec: ArraySpec, *, tiles: int) -> int:
        sources = write_rtl(spec, tmp_path, tiles=tiles)
        program = build(tile_top_name(spec), sources, simulator=simulator)
        env = {"WATTLOOP_BENCH": json.dumps({"array": asdict(spec), "tiles": tiles})}
        return program.run("tb_tile", work_dir=tmp_path / "run", env=env)

    return run


@pytest.fixture
def run_array(tmp_path: Path) -> Callable[..., int]:
    """Runs the array testbench, which looks into every cell; returns how many cocotb tests passed."""

    def run(simulator: str, spec: ArraySpec) -> int:
        sources = write_rtl(spec, tmp_path)[:-1]  # without the tile top
        program = build(spec.module_name, sources, simulator=simulator, internals=True)
        env = {"WATTLOOP_BENCH": json.dumps({"array": asdict(spec)})}
        return program.run("tb_array", work_dir=tmp_path / "run", env=env)

    return run
