"""A stratified random sample of a layer's tiles: tiles of one size are a stratum."""

from __future__ import annotations

import math
import zlib
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from wattloop.arith.layer import LayerTrace
from wattloop.arith.tiling import tile_grid
from wattloop.gates.spec import ArraySpec

Int64 = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Stratum:
    """Tiles that use the same part of the array for the same number of pixels.

    Attributes:
        rows, cols, pixels: what each of them uses.
        size: how many there are in the trace.
        chosen: indices (`arith.tiling.tile_at`) of those that are sampled, ascending.
    """

    rows: int
    cols: int
    pixels: int
    size: int
    chosen: tuple[int, ...]


def sample_tiles(trace: LayerTrace, spec: ArraySpec, tiles: int | None, seed: int) -> list[Stratum]:
    """Choose tiles at random, without replacement, in proportion to the work of each stratum.

    The choice depends on the layer's name, shape and images and on the seed, not on its weights: energies of two sets
    of weights are of the same tiles.

    Args:
        trace: the layer.
        spec: the array.
        tiles: how many in all (but 2 of each stratum at least, where it has them); None for all.
        seed: of the choice.
    """
    strata = _strata(trace, spec)
    work = [len(indices) * rows * cols * spec.cycles_of(pixels) for (rows, cols, pixels), indices in strata.items()]
    rng = np.random.default_rng([seed, zlib.crc32(trace.layer.name.encode())])
    sampled = []
    for (size, indices), share in zip(strata.items(), work, strict=True):
        wanted = len(indices) if tiles is None else max(2, round(tiles * share / sum(work)))
        chosen = rng.choice(indices, min(wanted, len(indices)), replace=False)
        sampled.append(Stratum(*size, size=len(indices), chosen=tuple(sorted(chosen.tolist()))))
    return sampled


def _strata(trace: LayerTrace, spec: ArraySpec) -> dict[tuple[int, int, int], Int64]:
    """Indices of the tiles by (rows, cols, pixels) used."""
    geometry = trace.layer.geometry
    grid = tile_grid(trace, spec)
    totals = (geometry.reduction, geometry.out_channels // geometry.groups, geometry.pixels)
    edges = (spec.rows, spec.cols, spec.pixels)
    used = [
        np.minimum(edge, total - edge * np.arange(blocks))
        for edge, total, blocks in zip(edges, totals, grid[2:], strict=True)
    ]
    sizes = np.stack(np.meshgrid(*used, indexing="ij"), axis=-1).reshape(-1, 3)
    sizes = np.tile(sizes, (grid[0] * grid[1], 1))
    kinds, kind = np.unique(sizes, axis=0, return_inverse=True)
    return {
        (int(rows), int(cols), int(pixels)): np.flatnonzero(kind.ravel() == k)
        for k, (rows, cols, pixels) in enumerate(kinds)
    }


def stratified_total(sizes: list[int], values: list[npt.NDArray[np.float64]]) -> tuple[float, float]:
    """Estimated total over all strata, and its standard error.

    Args:
        sizes: members of each stratum.
        values: the sampled values of each; all of them, or at least 2.
    """
    total = variance = 0.0
    for size, sampled in zip(sizes, values, strict=True):
        total += size * float(sampled.mean())
        if size > len(sampled):
            spread = float(sampled.var(ddof=1)) / len(sampled)
            variance += size**2 * spread * (1 - len(sampled) / size)
    return total, math.sqrt(variance)
