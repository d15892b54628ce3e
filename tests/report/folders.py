"""Run folders made by hand that hold what each command stores."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl

from wattloop.arith.joint import JointStatistics
from wattloop.arith.statistics import LayerStatistics
from wattloop.compression.result import CompressionResult
from wattloop.power.estimate import Estimate
from wattloop.power.verdict import LayerVerdict, save_verdict

from .conftest import layer, make_run, write_table
from .test_estimates import LAYERS
from .test_exploration import FOUND
from .test_timing import stored as timed

HOSTILE = "</style><script>alert(1)</script><img src=x onerror=alert(2)>\"'&"


def everything(result: CompressionResult, folder: Path) -> Path:
    """A run that holds what all commands store together."""
    make_run(result, folder)
    timed(folder)
    Estimate(LAYERS, 4, 0.95, {"conv": 1.25e5, "linear": 0.0}).save(folder / "estimate.parquet")
    FOUND.save(folder / "exploration")
    statistics(folder)
    cells(folder / "cells.parquet")
    trained(folder)
    mapped(folder)
    verdict = LayerVerdict("int8", "conv1", "conv", "joint", "datapath", 1e6, 1.02e6, 0.001, 0.02, 0.99, 0.03, 2000)
    others = replace(verdict, statistics="global", error=-0.15), replace(verdict, layer="conv2", error=0.0)
    save_verdict([verdict, *others, replace(others[0], layer="conv2")], folder / "verdict.parquet")
    facts = {"bound_ps": "90.0", "wattloop": "0.1.0", "python": "3.11", "started": "2026-01-01T00:00:00+00:00"}
    told(folder, command="compress", **facts)
    return folder


def told(folder: Path, **facts: str) -> None:
    """Adds to what a run says of itself."""
    path = folder / "provenance.json"
    known = json.loads(path.read_text()) if path.is_file() else {}
    path.write_text(json.dumps(known | facts))


def statistics(folder: Path) -> None:
    rng = np.random.default_rng(0)
    counts = np.zeros((256, 256), np.int64)
    counts[rng.integers(0, 256, 3000), rng.integers(0, 256, 3000)] = 7
    groups = rng.integers(0, 3, (50, 50)).astype(np.int64)
    empty = np.zeros((2500, 1, 2), np.int32), np.zeros(2500, np.int64)
    LayerStatistics("conv1", False, 22, counts, groups, *empty, 1, 3, 4, 0).save(folder / "statistics" / "conv1.npz")
    joint(folder)
    line = {"layer": "conv1", "weight": 0, "grouping": "50 groups", "stability": 1.5, "explained": 0.4}
    pl.DataFrame([line, line | {"weight": 1, "explained": 0.1}]).write_parquet(folder / "grouping.parquet")
    costs = [
        {"view": view, "weight": 1, "before": k, "after": k, "mean_fj": 10.0 + k, "spread_fj": 1.0, "count": 5}
        for view in ("Hamming distance", "MSB")
        for k in range(5)
    ]
    pl.DataFrame(costs).write_parquet(folder / "bit_costs.parquet")


def joint(folder: Path) -> None:
    """Two classes of rows: 30 transitions kept as three members, 10 as one."""
    activations = np.array([[0, 5], [5, 0], [0, 0], [255, 1]], np.int16)
    psums = np.array([[0, 1], [1, -1], [-1, 0], [3, 3]], np.int32)
    starts, population = np.array([0, 3, 4]), np.array([30, 10])
    model = JointStatistics("conv2", np.zeros((1, 1), np.int64), population, activations, psums, starts, 1, 2, 2, 0)
    model.save(folder / "statistics" / "conv2.npz")


def cells(path: Path) -> None:
    row, column = (part.ravel() for part in np.indices((8, 8)))
    used = (row < 6) & (column < 4)
    path.parent.mkdir(parents=True, exist_ok=True)
    energies = {"comb_switching_fj": np.where(used, 100.0 + row, 5.0), "comb_internal_fj": np.where(used, 80.0, 4.0)}
    energies |= {name: np.full(64, 20.0) for name in ("register_fj", "clock_fj", "leakage_fj")}
    frame = pl.DataFrame({"layer": ["conv2"] * 64, "row": row, "column": column, "used": used} | energies).with_columns(
        pl.lit(23).alias("cycles"), pl.lit("datapath").alias("accounting")
    )
    stages = [frame.with_columns(pl.lit(stage).alias("stage")) for stage in ("int8", "compressed")]
    pl.concat(stages).write_parquet(path)


def trained(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    rows = [
        {"stage": stage, "epoch": k, "loss": 1.0 / k, "training_accuracy": 0.5 + k / 10, "validation_accuracy": 0.5}
        for stage in ("float", "int8")
        for k in (1, 2, 3)
    ]
    (folder / "history.json").write_text(json.dumps(rows))


def mapped(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    names = ("datapath", "total", "functional", "array")
    rows = [
        {"option": option, "layer": where, "datapath_error_fj": 0.0, "preload_fj": 1e5}
        | {f"{name}_fj": 1e8 for name in names}
        | {f"{name}_saving": saved for name in names}
        for option, saved in (("as it is", 0.0), ("signs", 0.05))
        for where in ("all", "conv1")
    ]
    (folder / "savings.json").write_text(json.dumps({"rows": rows}))


def reproduced(folder: Path) -> Path:
    """What `wattloop reproduce table1` stores."""
    folder.mkdir(parents=True, exist_ok=True)
    claim = {"says": "58.6 % saved", "place": "table 1", "measured": "69.1 %", "agrees": True, "because": "more"}
    found = {"exhibit": "table1", "title": "Table 1", "place": "table 1", "rows": [{"network": "resnet20"}]}
    found |= {"claims": [claim, claim | {"agrees": None}], "findings": ["It saves more."], "paper": [], "plots": []}
    found |= {"tables": {"Networks": {"columns": ["network", "saved"], "rows": [["resnet20", "69.1 %"]]}}}
    (folder / "table1.json").write_text(json.dumps(found | {"conventions": "Of the array."}))
    told(folder, command="reproduce table1")
    return folder


def hostile(result: CompressionResult, folder: Path) -> Path:
    """A run whose names try to break out of the page."""
    first, second = result.layers
    bad = replace(first, layer=HOSTILE, **{f: replace(getattr(first, f), layer=HOSTILE) for f in ENERGIES})
    rows = tuple(replace(row, method=HOSTILE, network=HOSTILE) for row in result.rows)
    everything(replace(result, layers=(bad, second), rows=rows), folder)
    (folder / "config.toml").write_text(f"[network]\nmodel = '''{HOSTILE}'''\n")
    write_table(folder / "tables" / "bad.parquet", HOSTILE)
    told(folder, title=HOSTILE, library=HOSTILE, command=HOSTILE)
    return folder


ENERGIES = ("table_before", "table_after", "tiles_before", "tiles_after")


def deep(result: CompressionResult, folder: Path) -> Path:
    """A run of nineteen layers with long names."""
    layers = tuple(
        layer(f"stage{k // 6}.block{k // 2}.convolution{k % 2}", (-64, -8, 0, 4, 16, 64), 0.4, 1 / 19)
        for k in range(19)
    )
    return make_run(replace(result, layers=layers), folder)
