"""A run folder made by hand: two layers, one of them compressed, table and tiles."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from wattloop.compression.bound_facts import BoundFacts
from wattloop.compression.config import CompressConfig
from wattloop.compression.journal import ConfigurationTried, Finished, LayerDecided, LayerStarted, Started
from wattloop.compression.result import CompressionResult, LayerResult, PointResult
from wattloop.compression.rows import Row
from wattloop.compression.subject import Quality
from wattloop.power.oracle import EnergyBreakdown, LayerEnergy

CURVE = 50.0 + np.abs(np.arange(-128, 128)) / 2


def energy(layer: str, scale: float, origin: str) -> LayerEnergy:
    parts = EnergyBreakdown(3.0e6 * scale, 2.0e6 * scale, 1.0e6 * scale, 0.5e6, 0.01e6)
    return LayerEnergy(layer, parts, 50_000, 0.02e6 * scale, origin, "functional")


def layer(name: str, values: tuple[int, ...] | None, left: float, share: float) -> LayerResult:
    before = np.random.default_rng(len(name)).multinomial(2400, np.exp(-np.abs(np.arange(-128, 128)) / 20) / 39.98)
    after = before.copy()
    if values is not None:
        after[:] = 0
        after[np.array(values) + 128] = 2400 // len(values)
    size = 3.0 * share
    return LayerResult(
        layer=name,
        kind="conv",
        share=share,
        ratio=None if values is None else 0.5,
        set_size=None if values is None else 8,
        values=values,
        sparsity=float(after[128] / after.sum()),
        table_before=energy(name, size, "table"),
        table_after=energy(name, size * left, "table"),
        tiles_before=energy(name, 1.05 * size, "tiles/verilator"),
        tiles_after=energy(name, 1.02 * size * left, "tiles/verilator"),
        histogram_before=tuple(before.tolist()),
        histogram_after=tuple(after.tolist()),
        curve_before=tuple(CURVE.tolist()),
        curve_after=tuple((0.9 * CURVE).tolist()),
    )


def row(method: str, setting: str, validation: float, accuracy: float, saved: float, error: float) -> Row:
    energies = {"datapath": 2e8, "total": 3e8, "functional": 1.4e8, "array": 4e8}
    return Row(
        network="lenet5",
        dataset="digits",
        method=method,
        setting=setting,
        mac="array",
        seed=7,
        epochs=3,
        accuracy_int8=0.9034,
        accuracy=accuracy,
        validation_int8=0.912,
        validation=validation,
        **{f"{name}_saving": saved * fj / 4e8 for name, fj in energies.items()},
        datapath_saving_error=error,
        **{f"{name}_int8_fj": fj for name, fj in energies.items()},
        **{f"{name}_fj": fj * (1 - saved * fj / 4e8) for name, fj in energies.items()},
        preload_fj=0.0,
        datapath_saving_over_array=None,
        max_values_per_layer=16,
        bits_per_weight=4.0,
        sparsity=0.5,
        images=16,
        tiles="all",
        mapped=False,
        **vars(BoundFacts()),
    )


@pytest.fixture(scope="session")
def result() -> CompressionResult:
    whole = 6.0e6 * 3.0
    return CompressionResult(
        config=CompressConfig(delta=1.0, seed=7),
        layers=(layer("conv2", (-40, -8, 0, 4, 8, 16, 64), 0.5, 0.75), layer("conv1", None, 1.0, 0.25)),
        validation_before=Quality(0.912, 0.30, 5000),
        validation_after=Quality(0.905, 0.33, 5000),
        test_before=Quality(0.9034, 0.31, 10_000),
        test_after=Quality(0.8973, 0.35, 10_000),
        bound=0.902,
        versions={"python": "3.11", "wattloop": "0.1.0"},
        points=(
            PointResult(
                "four-bit", "values=16", Quality(0.893, 0.4, 5000), Quality(0.891, 0.4, 10_000), 0.8 * whole, {}
            ),
            PointResult(
                "layerwise", "layers=1", Quality(0.905, 0.33, 5000), Quality(0.8973, 0.35, 10_000), 0.6 * whole, {}
            ),
        ),
        best=1,
        front=(1,),
        out_of_time=False,
        rows=(
            row("four-bit", "values=16", 0.893, 0.891, 0.2, 0.0),
            row("layerwise", "layers=1", 0.905, 0.8973, 0.4, 0.01),
        ),
        journal=(
            Started(0.912, 0.30, 0.902, 7, ("conv2", "conv1"), (0.75, 0.25)),
            LayerStarted("conv2", 0.75 * whole, 0.902, ((0.7, 8), (0.5, 8)), (5e6, 6e6)),
            ConfigurationTried("conv2", 0.7, 8, (-40, 0, 4), 0.3 * whole, 0.884, 0.4, "accuracy below the bound"),
            ConfigurationTried("conv2", 0.5, 8, (0, 4), 0.375 * whole, 0.905, 0.33, "accepted"),
            LayerDecided(
                "conv2",
                0.5,
                8,
                0.905,
                0.75 * whole,
                0.375 * whole,
                ("conv2", "conv1"),
                0.9 * whole,
                0.4 * whole,
                0.0,
                0.0,
            ),
            LayerStarted("conv1", 0.25 * whole, 0.902, ((0.7, 8),), (5e6,)),
            ConfigurationTried("conv1", 0.7, 8, (), 5e6, None, None, "no such set holds the bound"),
            LayerDecided("conv1", None, None, 0.905, 0.25 * whole, 0.25 * whole, ("conv2", "conv1")),
            Finished(0.905, 0.33, 0.902, whole, 0.625 * whole),
        ),
    )


@pytest.fixture
def run_folder(result: CompressionResult, tmp_path: Path) -> Path:
    return make_run(result, tmp_path / "lenet")


def make_run(result: CompressionResult, folder: Path) -> Path:
    result.save(folder / "compression")
    (folder / "tables").mkdir(parents=True)
    write_table(folder / "tables" / "conv1.parquet", "conv1")
    facts = {"library": "nangate15", "library sha256": "0953", "load convention": "typical", "seed compress": "7"}
    (folder / "provenance.json").write_text(json.dumps(facts))
    (folder / "config.toml").write_text("[compress]\ndelta = 1.0\n")
    return folder


def write_table(path: Path, name: str) -> None:
    columns = {
        "weight": np.arange(-128, 128),
        "comb_switching_fj": 0.4 * CURVE,
        "comb_internal_fj": 0.4 * CURVE,
        "register_fj": 0.2 * CURVE,
        "clock_fj": np.full(256, 90.0),
        "leakage_fj": np.full(256, 2.0),
        "standard_error_fj": np.full(256, 0.7),
    }
    pl.DataFrame(columns).write_parquet(path, metadata={"layer": name, "accounting": "functional", "backend": "icarus"})


def without_tiles(result: CompressionResult) -> CompressionResult:
    layers = tuple(dataclasses.replace(r, tiles_before=None, tiles_after=None) for r in result.layers)
    return dataclasses.replace(result, layers=layers)
