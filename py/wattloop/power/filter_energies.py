"""Energies of single filters: columns of the array do not see each other, so each can be measured on its own."""

from __future__ import annotations

import math
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from wattloop.activity.tiles import TileRun
from wattloop.arith.layer import LayerTrace
from wattloop.arith.mapping import HardwareMapping
from wattloop.arith.tiling import psum_bounds, tile_channels, tile_grid
from wattloop.gates.spec import ArraySpec
from wattloop.power.tile_energies import in_batches, run_at
from wattloop.power.tile_meter import TileMeter, accounted

Int64 = npt.NDArray[np.int64]
Bool = npt.NDArray[np.bool_]
Float = npt.NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class _Passes:
    """Tiles with one column each, of one shape, and what they are of.

    Attributes:
        runs: the tiles.
        at: mapping and output channel of each, shape (2, tiles).
    """

    runs: Sequence[TileRun]
    at: Int64


def filter_energies_fj(
    meter: TileMeter, trace: LayerTrace, mappings: Sequence[HardwareMapping], tiles: int | None, seed: int
) -> Float:
    """Dynamic energy of every filter of a layer, laid onto the array in several ways.

    Of some blocks of output pixels all tiles are simulated, each column in a tile of its own. An offset is taken to be
    there before the tile.

    Args:
        meter: measures; its array may not hold a filter with some of the mappings.
        trace: the layer, its weights as they are in the network.
        mappings: ways to lay it.
        tiles: how many tiles of one mapping, roughly; None for all.
        seed: of the choice of blocks of pixels.

    Returns:
        fJ per image, shape (mappings, out_channels); infinite where a filter has no negative or could overflow.
    """
    held = [_held(trace, mapping, meter.spec) for mapping in mappings]
    chosen, share = _chosen(trace, meter.spec, tiles, seed)
    energy_fj = np.zeros((len(mappings), trace.layer.geometry.out_channels))
    units = [unit for index in chosen for unit in _passes(meter, trace, index, held)]
    for unit, measured in zip(units, meter.energies(unit.runs for unit in units), strict=True):
        np.add.at(energy_fj, tuple(unit.at), accounted(measured.values, "datapath"))
    energy_fj /= share * trace.images
    for row, (_, fits) in zip(energy_fj, held, strict=True):
        row[~fits] = math.inf
    return energy_fj


def _held(trace: LayerTrace, mapping: HardwareMapping, spec: ArraySpec) -> tuple[HardwareMapping, Bool]:
    """The mapping without the signs that do not exist, and the filters that it suits, shape (out_channels,)."""
    mapping.check(trace.layer)
    flipped = np.array(mapping.flipped_filters or (), np.int64)
    low, high = spec.mac.weight_range
    values = trace.layer.weight[flipped].astype(np.int64)
    stuck = flipped[((-values < low) | (-values > high)).any(axis=1)]
    possible = replace(mapping, flipped_filters=tuple(np.setdiff1d(flipped, stuck).tolist()))
    least, greatest = psum_bounds(trace.layer, spec, possible)
    low, high = spec.mac.psum_range
    fits = (least >= low) & (greatest <= high)
    fits[stuck] = False
    return possible, fits


def _chosen(trace: LayerTrace, spec: ArraySpec, tiles: int | None, seed: int) -> tuple[list[int], float]:
    """All tiles of some blocks of output pixels, and the share of the pixels that they are."""
    images, groups, rows, cols, blocks = grid = tile_grid(trace, spec)
    total = images * blocks
    wanted = total if tiles is None else min(total, max(1, round(tiles / (groups * rows * cols))))
    rng = np.random.default_rng([seed, zlib.crc32(trace.layer.name.encode())])
    numbers = np.sort(rng.choice(total, wanted, replace=False))
    inner = np.arange(groups * rows * cols)
    index = [
        np.ravel_multi_index((k // blocks, *np.unravel_index(inner, grid[1:4]), k % blocks), grid) for k in numbers
    ]
    pixels = np.minimum(spec.pixels, trace.layer.geometry.pixels - spec.pixels * (numbers % blocks)).sum()
    return np.concatenate(index).tolist(), float(pixels / (images * trace.layer.geometry.pixels))


def _passes(
    meter: TileMeter, trace: LayerTrace, index: int, held: Sequence[tuple[HardwareMapping, Bool]]
) -> Iterator[_Passes]:
    """The columns of a tile, by mapping, as many as make a good batch."""
    runs: list[TileRun] = []
    at: list[tuple[int, int]] = []
    here = tile_channels(trace, meter.spec, index)
    for number, (mapping, fits) in enumerate(held):
        whole = run_at(trace, meter.spec, index, mapping)
        entering = np.broadcast_to(whole.psum_in, meter.spec.cols)
        for col in np.flatnonzero(fits[here]).tolist():
            runs.append(_column(whole, col, int(entering[col])))
            at.append((number, here.start + col))
    if not runs:
        return
    for batch in in_batches(len(runs), meter.at_once(runs[0].shape)):
        yield _Passes([runs[k] for k in batch], np.array([at[k] for k in batch]).T)


def _column(run: TileRun, col: int, psum_in: int) -> TileRun:
    before = run.before
    older = None if before is None or col >= before.shape[1] else before[:, col : col + 1]
    return TileRun(run.weights[:, col : col + 1], run.activations, older, psum_in)
