"""What the cells of the array see during tiles, without the cycles in which nothing moves.

The weights are loaded while activations and partial sums rest, and pixels pass while the weights and their bus rest;
so the two are stimuli of their own. While pixels pass, a step is the same pixel for every cell, whatever the cycle in
which it gets there. Everything is equal to `golden.run_tile`, cycle by cycle and cell by cell.
"""

from __future__ import annotations

import ctypes
from collections.abc import Sequence

import numpy as np

from wattloop.activity.bitparallel.execute import each_range
from wattloop.activity.bitparallel.kernels import Kernels
from wattloop.activity.bitparallel.tile_batch import Codes, Index, Int32, Integers, TileBatch
from wattloop.activity.stimulus import Stimulus
from wattloop.arith.golden import wrap

_REST = 2  # steps of `native/tiles.h` before the first pixel and behind the last


class _Tiles(ctypes.Structure):
    _fields_ = (
        *((name, ctypes.c_int64) for name in ("rows", "cols", "pixels", "bits")),
        *((name, ctypes.c_void_p) for name in ("weights", "activations", "psum_in", "sums", "passing")),
    )


def passing(batch: TileBatch, kernels: Kernels, threads: int) -> Stimulus:
    """Every used cell from the rest before its first pixel to the rest behind its last: pixels + 3 steps."""
    rows, cols, pixels = batch.rows_used, batch.cols_used, batch.pixels
    tiles, steps = len(batch.weights), pixels + 2 * _REST
    sums = np.empty((tiles, steps, (rows + 1) * cols), np.int32)
    data = np.empty((tiles, steps, rows * cols), np.uint8)
    edge = np.ascontiguousarray(batch.psum_in[:, :cols])
    arrays = (batch.weights, batch.activations, edge, sums, data)
    native = _Tiles(rows, cols, pixels, batch.spec.mac.psum_bits, *(array.ctypes.data for array in arrays))
    each_range(lambda first, last: kernels.tile_streams(ctypes.byref(native), first, last), tiles, threads)
    values = data.view(np.int8) if batch.spec.mac.activation_signed else data
    bus = np.broadcast_to(batch.after[:, -1:, np.newaxis, :cols], (tiles, 1, rows, cols)).reshape(tiles, 1, -1)
    signals = {
        "w_i": bus,
        "w_q": batch.after[:, :rows, :cols].reshape(tiles, 1, -1),
        "a_i": values[:, 1:],
        "a_q": values[:, :-1],
        "p_i": sums[:, 1:, : rows * cols],
        "p_q": sums[:, :-1, cols:],
    }
    return batch.stimulus(pixels + 3, rows * cols, signals)


def below(batch: TileBatch) -> Stimulus:
    """Cells under the used ones, which pass sums on: one lane for each used column, as they all see the same."""
    sums = _rested(_sums(batch), batch.psum_in[:, : batch.cols_used])
    zero = np.full(1, batch.zero)
    signals = {"w_i": zero, "w_q": zero, "p_i": sums[:, 1:], "p_q": sums[:, :-1]}
    return batch.stimulus(batch.pixels + 3, batch.cols_used, signals)


def beside(batch: TileBatch, psum_in: Int32, owner: Index) -> Stimulus:
    """Cells right of the used ones, which pass activations on: one lane for each used row.

    Args:
        batch: the tiles.
        psum_in: what comes from above them, shape (groups,).
        owner: tile of each group, likewise.
    """
    rest = np.zeros(batch.rows_used, np.int32)
    values = _rested(batch.activations.swapaxes(1, 2), rest)[owner]
    zero, psum = np.full(1, batch.zero), psum_in[:, np.newaxis, np.newaxis]
    signals = {"w_i": zero, "w_q": zero, "a_i": values[:, 1:], "a_q": values[:, :-1], "p_i": psum, "p_q": psum}
    return batch.stimulus(batch.pixels + 3, batch.rows_used, signals, len(owner))


def _sums(batch: TileBatch) -> Int32:
    """Sums that leave the used rows, shape (tiles, pixels, cols_used)."""
    # Exact: 32-bit integers times the number of rows are far from 2**53.
    products = batch.activations.swapaxes(1, 2).astype(np.float64) @ batch.weights.astype(np.float64)
    whole = products.astype(np.int64) + batch.psum_in[:, np.newaxis, : batch.cols_used]
    return wrap(whole, batch.spec.mac.psum_bits).astype(np.int32)


def _rested(values: Int32, rest: Int32) -> Int32:
    """`values` (tiles, pixels, lanes) between two steps of `rest` (..., lanes) on either side."""
    tiles, pixels, lanes = values.shape
    whole = np.empty((tiles, pixels + 2 * _REST, lanes), np.int32)
    whole[:] = rest[..., np.newaxis, :]
    whole[:, _REST:-_REST] = values
    return whole


def resting(batch: TileBatch, cells: Index) -> Stimulus:
    """Cells at rest: with the old weight, then with the new one."""
    old, new = weights_of(batch, cells)
    return _at_rest(batch, cells, np.stack([old, new], axis=1), 1)


def older(batch: TileBatch, cells: Index) -> Stimulus:
    """Cells at rest that hold the old weight for row + 1 cycles: a group for each bit of that number, tile by tile.

    In a bit's group the cells whose number has it hold the old weight in the second step, the others the new one.
    """
    old, new = weights_of(batch, cells)
    bits = batch.spec.rows.bit_length()
    has = (cells // batch.spec.cols + 1) >> np.arange(bits)[:, np.newaxis] & 1 == 1
    mixed = np.where(has, old[:, np.newaxis], new[:, np.newaxis])
    weight = np.stack(np.broadcast_arrays(new[:, np.newaxis], mixed), axis=2)
    return _at_rest(batch, cells, weight.reshape(-1, 2, len(cells)), bits)


def weights_of(batch: TileBatch, cells: Index) -> tuple[Codes, Codes]:
    """Codes of the old and of the new weights of some cells, each of shape (tiles, cells)."""
    # `take` leaves lanes side by side in memory, which the engine reads fastest; an index would not.
    old, new = (codes.reshape(len(codes), -1).take(cells, axis=1) for codes in (batch.before, batch.after))
    return old, new


def _at_rest(batch: TileBatch, cells: Index, weight: Codes, times: int) -> Stimulus:
    """Two steps of `weight` (groups, 2, lanes), every tile `times` times."""
    col = cells % batch.spec.cols
    psum = np.repeat(batch.psum_in[:, np.newaxis].take(col, axis=2), times, axis=0)
    signals = {
        "w_i": np.repeat(batch.after[:, -1:].take(col, axis=2), times, axis=0),
        "w_q": weight,
        "p_i": psum,
        "p_q": psum,
    }
    return batch.stimulus(2, len(cells), signals, len(weight))


def loading(batch: TileBatch, cells: Index) -> Stimulus:
    """The weight bus, its enable and the weight register from the cycle before the tile to the one behind its load."""
    row, col = np.divmod(cells, batch.spec.cols)
    bus = np.concatenate([batch.before[:, -1:], batch.after, batch.after[:, -1:]], axis=1)
    step = np.arange(bus.shape[1])[:, np.newaxis]
    old, new = (codes[:, np.newaxis] for codes in weights_of(batch, cells))
    psum = batch.psum_in[:, np.newaxis].take(col, axis=2)
    signals = {
        "w_i": bus.take(col, axis=2),
        "w_en_i": (step == row + 1).astype(np.uint8),
        "w_q": np.where(step > row + 1, new, old),
        "p_i": psum,
        "p_q": psum,
    }
    return batch.stimulus(bus.shape[1], len(cells), signals)


def late(batch: TileBatch, moves: Sequence[tuple[int, int, int]]) -> Stimulus:
    """Transitions of single cells: a group for each of `moves`, tile by tile.

    Args:
        batch: the tiles.
        moves: row, column, and the pixel from which the cell goes to the next; those behind the last are rest.
    """
    names = ("a_i", "a_q", "p_i", "p_q")
    steps = [[_cell_at(batch, row, col, at) for row, col, pixel in moves for at in (pixel, pixel + 1)]]
    values = np.array(steps)[0].transpose(2, 0, 1).reshape(-1, 2, len(names))  # (tiles * moves, steps, signals)
    row, col = ([move[k] for move in moves] for k in (0, 1))
    weights = {"w_i": batch.after[:, -1, col], "w_q": batch.after[:, row, col]}
    signals: dict[str, Integers] = {name: values[:, :, k : k + 1] for k, name in enumerate(names)}
    signals |= {name: held.reshape(-1, 1, 1) for name, held in weights.items()}
    return batch.stimulus(2, 1, signals, len(values))


def _cell_at(batch: TileBatch, row: int, col: int, pixel: int) -> tuple[Int32, Int32, Int32, Int32]:
    """(a_i, a_q, p_i, p_q) of one cell when `pixel` enters it, each of shape (tiles,)."""

    def activation(at: int) -> Int32:
        inside = row < batch.rows_used and 0 <= at < batch.pixels
        return batch.activations[:, row, at] if inside else np.zeros(len(batch.weights), np.int32)

    def psum(rows: int, at: int) -> Int32:
        whole = batch.psum_in[:, col].astype(np.int64)
        if col < batch.cols_used and 0 <= at < batch.pixels:
            kept = slice(0, rows)
            whole = whole + np.einsum(
                "nr,nr->n", batch.weights[:, kept, col], batch.activations[:, kept, at], dtype=int
            )
        return wrap(whole, batch.spec.mac.psum_bits).astype(np.int32)

    return activation(pixel), activation(pixel - 1), psum(row, pixel), psum(row + 1, pixel - 1)
