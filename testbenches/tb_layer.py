"""Tiles of a real layer through the array: the launcher gives them and compares the results itself."""

from __future__ import annotations

from pathlib import Path

import cocotb
import numpy as np
from cocotb.handle import HierarchyObject

from drivers import TileDriver, array_spec, bench_options, reset


@cocotb.test()
async def given_tiles(dut: HierarchyObject) -> None:
    """Runs the tiles of the .npz file `given` and writes their results, (tiles, pixels, cols), to `results`.

    Where the file holds `psum_in`, (tiles, cols), these offsets enter row 0.
    """
    options = bench_options()
    with np.load(Path(options["given"])) as given:
        weights, activations = given["weights"].astype(np.int64), given["activations"].astype(np.int64)
        psum_in = given["psum_in"].astype(np.int64) if "psum_in" in given else 0
    driver = TileDriver(dut, array_spec(), options["tiles"])
    await reset(dut)
    np.save(Path(options["results"]), await driver.run(weights, activations, psum_in))
