"""The examples run, on less data than they name."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest

from wattloop import CharacterizeSettings, CompressConfig, EstimateSettings, Simulator, TrainConfig

EXAMPLES = Path(__file__).resolve().parent.parent / "examples"


def test_lenet5_on_digits(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    spec = importlib.util.spec_from_file_location("lenet5_digits", EXAMPLES / "lenet5_digits.py")
    assert spec is not None
    assert spec.loader is not None
    example = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(example)
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
