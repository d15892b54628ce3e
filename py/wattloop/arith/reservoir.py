"""A uniform sample of a bounded number of members per cell, drawn in one pass and independent of the order of parts."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Int32 = npt.NDArray[np.int32]
Int64 = npt.NDArray[np.int64]
Float64 = npt.NDArray[np.float64]

_MERGE_AT = 1 << 19


class CellReservoir:
    """Keeps, for every cell, the `capacity` members with the smallest random keys.

    The keys come from outside (one generator per part of the data), so the outcome depends on the parts and their keys,
    not on the order in which they are added.
    """

    def __init__(self, cells: int, capacity: int) -> None:
        """Start empty, for cells 0..cells-1."""
        self._cells, self._capacity = cells, capacity
        self._threshold = np.full(cells, np.inf)
        self._kept: list[tuple[Int64, Float64, Int32]] = []
        self._waiting = 0

    def add(self, cell: Int64, key: Float64, pair: Int32) -> None:
        """Offer members.

        Args:
            cell: shape (n,).
            key: uniform random, shape (n,).
            pair: the members, shape (n, 2).
        """
        wanted = key < self._threshold[cell]
        self._kept.append((cell[wanted], key[wanted], pair[wanted]))
        self._waiting += int(wanted.sum())
        if self._waiting > _MERGE_AT:
            self._merge()

    def _merge(self) -> tuple[Int64, Int64, Int32]:
        cell, key, pair = (np.concatenate(part) for part in zip(*self._kept, strict=True))
        order = np.lexsort((key, cell))
        cell = cell[order]
        rank = np.arange(len(cell)) - np.searchsorted(cell, cell)
        order, cell, rank = (part[rank < self._capacity] for part in (order, cell, rank))
        last = rank == self._capacity - 1
        self._threshold[cell[last]] = key[order[last]]
        self._kept, self._waiting = [(cell, key[order], pair[order])], 0
        return cell, rank, pair[order]

    def members(self) -> tuple[Int32, Int64]:
        """Members, shape (cells, capacity, 2), zero where there are fewer, and their number, shape (cells,)."""
        out = np.zeros((self._cells, self._capacity, 2), np.int32)
        if not self._kept:
            return out, np.zeros(self._cells, np.int64)
        cell, rank, pair = self._merge()
        out[cell, rank] = pair
        return out, np.bincount(cell, minlength=self._cells).astype(np.int64)
