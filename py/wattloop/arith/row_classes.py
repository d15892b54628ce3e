"""Classes of reduction rows whose MACs see alike transitions: by where the row lies in a tile, or by how busy it is."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from wattloop.arith.layer import LayerTrace
from wattloop.arith.tiling import tile_at, tile_grid
from wattloop.gates.spec import ArraySpec

Float = npt.NDArray[np.float64]
Int64 = npt.NDArray[np.int64]
Classify = Callable[[LayerTrace, ArraySpec], Int64]

CLASSES = 8

# Toggles between two 8-bit patterns, by their exclusive or.
_BITS = np.array([bin(pattern).count("1") for pattern in range(256)], np.uint8)


def one_class(trace: LayerTrace, spec: ArraySpec) -> Int64:
    """Every row in class 0, shape (1, 1)."""
    return np.zeros((1, 1), np.int64)


def by_position(trace: LayerTrace, spec: ArraySpec, classes: int = CLASSES) -> Int64:
    """Rows by their position in the array: the first eighth, where partial sums are near 0, the second, ...

    Returns:
        class of each row, shape (groups, reduction).
    """
    geometry = trace.layer.geometry
    position = np.arange(geometry.reduction) % spec.rows
    used = min(spec.rows, geometry.reduction)
    return np.tile(_without_gaps(position * classes // used), (geometry.groups, 1))


def by_activity(trace: LayerTrace, spec: ArraySpec, classes: int = CLASSES) -> Int64:
    """Rows by the toggles of their activations, in classes of equal numbers of rows, from the quietest on.

    Returns:
        class of each row, shape (groups, reduction).
    """
    toggles = row_toggles(trace, spec)
    bounds = np.quantile(toggles, np.arange(1, classes) / classes)
    return _without_gaps(np.searchsorted(bounds, toggles, side="right"))


def row_toggles(trace: LayerTrace, spec: ArraySpec) -> Float:
    """Mean toggles of the activation bus of each reduction row per cycle in which it moves, steps to and from idle in.

    Returns:
        shape (groups, reduction).
    """
    geometry = trace.layer.geometry
    toggles, cycles = (np.zeros((geometry.groups, geometry.reduction)) for _ in range(2))
    grid = tile_grid(trace, spec)
    indices = np.arange(np.prod(grid)).reshape(grid)[:, :, :, 0, :]  # columns share their rows' activations
    for index in indices.ravel().tolist():
        tile = tile_at(trace, spec, index)
        pattern = np.pad(tile.activations.view(np.uint8), ((0, 0), (1, 1)))
        moved = _BITS[pattern[:, :-1] ^ pattern[:, 1:]]
        rows = slice(tile.row_block * spec.rows, tile.row_block * spec.rows + len(pattern))
        toggles[tile.group, rows] += moved.sum(axis=1)
        cycles[tile.group, rows] += moved.shape[1]
    return np.asarray(toggles / cycles)


def _without_gaps(classes: Int64) -> Int64:
    """The same classes, numbered 0, 1, 2, ... in the same order."""
    _, numbered = np.unique(classes, return_inverse=True)
    return numbered.reshape(classes.shape).astype(np.int64)
