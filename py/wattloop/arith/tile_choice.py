"""Which tiles of a layer are looked at, and what flows through them."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from wattloop.arith.layer import LayerTrace
from wattloop.arith.tiling import Tile, tile_count, tile_grid
from wattloop.gates.spec import ArraySpec

Int32 = npt.NDArray[np.int32]
Int64 = npt.NDArray[np.int64]


def chosen_tiles(trace: LayerTrace, spec: ArraySpec, tiles: int | None, seed: int) -> Int64:
    """Indices of `tiles` tiles, drawn at random without replacement, ascending; of all for None."""
    total = tile_count(trace, spec)
    if tiles is None or tiles >= total:
        return np.arange(total)
    return np.sort(np.random.default_rng(seed).choice(total, tiles, replace=False))


def tile_transitions(trace: LayerTrace, spec: ArraySpec) -> Int64:
    """Transitions of all cells that each tile uses, by tile: rows * cols * (pixels + 1), steps to and from idle in."""
    geometry = trace.layer.geometry
    totals = (geometry.reduction, geometry.out_channels // geometry.groups, geometry.pixels)
    edges = (spec.rows, spec.cols, spec.pixels)
    grid = tile_grid(trace, spec)
    rows, cols, pixels = (
        np.minimum(edge, total - edge * np.arange(blocks))
        for edge, total, blocks in zip(edges, totals, grid[2:], strict=True)
    )
    transitions = rows[:, None, None] * cols[:, None] * (pixels + 1)
    return np.tile(transitions.ravel(), grid[0] * grid[1]).astype(np.int64)


def psum_streams(tile: Tile, psum_offset: int = 0) -> Int32:
    """Partial sum that enters each PE at each pixel: the sum over the rows above it.

    Returns:
        int32, shape (rows_used, cols_used, pixels_used); row 0 holds the offset.
    """
    products = tile.weights.astype(np.int32)[:, :, None] * tile.activations.astype(np.int32)[:, None, :]
    streams = np.empty_like(products)
    streams[0] = psum_offset
    np.cumsum(products[:-1], axis=0, out=streams[1:])
    streams[1:] += psum_offset
    return streams
