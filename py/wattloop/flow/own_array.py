"""The array around a user's Verilog, simulated as it stands."""

from __future__ import annotations

import json
import tempfile
from dataclasses import asdict
from pathlib import Path

import numpy as np

from wattloop.activity.bitparallel.contract import Check
from wattloop.activity.cosim.runner import build
from wattloop.activity.tiles import TileRun
from wattloop.arith.golden import run_tiles
from wattloop.gates.render import tile_top_name
from wattloop.gates.spec import ArraySpec
from wattloop.gates.synthesis import Synthesis
from wattloop.own.rtl import write_own_rtl
from wattloop.store import Store


def own_rtl_array(cell: Synthesis, spec: ArraySpec, tile: TileRun, simulator: str, store: Store | None = None) -> Check:
    """Results of a tile: those of the golden array against the array of the user's cells in Verilog.

    Args:
        cell: the user's cell.
        spec: the array.
        tile: plays after a reset; what it says of the weights before is left out.
        simulator: "icarus" or "verilator".
        store: cache of builds.

    Raises:
        ToolError: the simulator is missing, failed, or does not take the user's Verilog.
    """
    shape = (1, spec.cols) if spec.psum_preload else (spec.cols,)
    psum_in = np.broadcast_to(tile.psum_in, shape).astype(np.int64)
    with tempfile.TemporaryDirectory(prefix="wattloop-") as folder:
        work = Path(folder)
        program = build(tile_top_name(spec), write_own_rtl(cell, spec, work), simulator=simulator, store=store)
        given, results = work / "given.npz", work / "results.npy"
        np.savez(given, weights=tile.weights[None], activations=tile.activations[None], psum_in=psum_in)
        bench = {"array": asdict(spec), "tiles": 1, "given": str(given), "results": str(results)}
        program.run("tb_layer", work_dir=work / "run", env={"WATTLOOP_BENCH": json.dumps(bench)})
        theirs = np.load(results).astype(np.int64)
    ours = run_tiles(tile.weights[None], tile.activations[None], spec, psum_in=psum_in).outputs
    title = f"{spec.rows}x{spec.cols} {spec.mac.module_name} of {cell.netlist.name} in Verilog"
    difference, total = int(np.abs(theirs - ours).sum()), int(np.abs(theirs).sum())
    cycles = spec.cycles_of(tile.shape[2]) * spec.rows * spec.cols
    return Check("results", title, simulator, "random", cycles, theirs.size, total, difference)
