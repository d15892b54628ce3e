"""The examples run, on less data than they name."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType

import pytest

from wattloop import CharacterizeSettings, CompressConfig, EstimateSettings, Simulator, TrainConfig

EXAMPLES = Path(__file__).resolve().parent.parent / "examples"


def example_of(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, EXAMPLES / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    example = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(example)
    return example


def test_lenet5_on_digits(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    example = example_of("lenet5_digits")
    result = example.main(
        tmp_path / "result",
        training=TrainConfig(epochs=1, threads=1),
        compression=CompressConfig(
            ratios=(0.3,), set_sizes=(32,), delta=50.0, profile_images=1, tile_images=1, threads=1
        ),
        simulator=Simulator(
            characterize=CharacterizeSettings(simulator="bitparallel", pairs=32), estimate=EstimateSettings(tiles=2)
        ),
    )
    printed = capsys.readouterr().out.splitlines()
    assert printed[0].startswith("conv1: ")
    assert printed[-3].endswith(f"{result.tiles_saving:.1%} by tiles")


def test_cells_compared(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    example = example_of("cells_compared")
    few = dict(list(example.CELLS.items())[::2])  # the cell that holds all 256 values, and one that holds 255
    found = example.main(
        tmp_path / "cells.png",
        cells=few,
        training=TrainConfig(epochs=1, threads=1),
        sampling=CharacterizeSettings(simulator="bitparallel", pairs=64),
    )
    printed = capsys.readouterr().out.splitlines()
    assert [line.partition(":")[0] for line in printed] == list(found) == list(few)
    assert all(f"{energy_fj:.1f} fJ a cycle" in line for energy_fj, line in zip(found.values(), printed, strict=True))
    assert found["array"] > found["sign-magnitude"]
    assert (tmp_path / "cells.png").stat().st_size > 10_000
