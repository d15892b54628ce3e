"""Energy of every cell of the array during one tile, kept in a run for the report."""

from __future__ import annotations

import io
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import polars as pl

from wattloop.activity.backend import ActivityBackend
from wattloop.arith.layer import LayerTrace
from wattloop.flow.simulator import Simulator
from wattloop.gates.spec import ArraySpec
from wattloop.power.array_energy import CellEnergies, cell_energies
from wattloop.power.energy import EnergyModel
from wattloop.power.oracle import IDENTITY, HardwareMapping
from wattloop.power.tile_energies import run_at
from wattloop.power.tile_sample import tile_kinds
from wattloop.runs import Run

CELLS = "cells.parquet"


@dataclass(frozen=True, eq=False)
class Stage:
    """A network whose tile is looked at.

    Attributes:
        name: in the report.
        trace: a layer of it on one image or more.
        mapping: how the layer is laid onto the array.
    """

    name: str
    trace: LayerTrace
    mapping: HardwareMapping = IDENTITY


def keep_cells(run: Run, simulator: Simulator, by: ActivityBackend, *stages: Stage) -> None:
    """Simulate one tile of a layer at each stage, cell by cell; the run gets `cells.parquet`.

    The tile is one of those that use the most cells, in the middle of the first image: the same at every stage.

    Raises:
        OverflowRangeError: the layer does not fit the array's partial sums.
    """
    hardware = simulator.hardware
    model = EnergyModel(simulator.cell.netlist, hardware.clock_ps, hardware.load)
    frames = []
    for stage in stages:
        tile = run_at(stage.trace, hardware.array, _full_tile(stage.trace, hardware.array), stage.mapping)
        with simulator.progress.step(f"simulating the cells of a tile of {stage.trace.layer.name}, {stage.name}"):
            found = cell_energies(model, by, hardware.array, tile)
        frames.append(_rows(stage, found))
    buffer = io.BytesIO()
    pl.concat(frames).write_parquet(buffer)
    run.write(CELLS, buffer.getvalue())


def dearest(energies_fj: Mapping[str, float]) -> str:
    """The layer that takes the most energy."""
    return max(energies_fj, key=lambda layer: energies_fj[layer])


def _full_tile(trace: LayerTrace, spec: ArraySpec) -> int:
    kinds = tile_kinds(trace.layer, 1, spec)
    fullest = max(kinds, key=lambda kind: (kind.rows * kind.cols, kind.pixels))
    return fullest.index(fullest.size // 2)


def _rows(stage: Stage, found: CellEnergies) -> pl.DataFrame:
    """A row a cell, energies in fJ over all cycles of the tile."""
    row, column = np.indices(found.used.shape)
    cells = {"row": row.ravel(), "column": column.ravel(), "used": found.used.ravel()}
    energies = {name: values.ravel() for name, values in found.columns.items()}
    return pl.DataFrame(cells | energies).select(
        pl.lit(stage.name).alias("stage"),
        pl.lit(stage.trace.layer.name).alias("layer"),
        pl.all(),
        pl.lit(found.cycles).alias("cycles"),
        pl.lit(found.accounting).alias("accounting"),
    )
