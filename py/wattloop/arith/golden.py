"""Golden model of the hardware in NumPy: the MAC cell and the systolic array, cycle by cycle, bit for bit.

Integers are int64 and wrap where the RTL wraps (at `psum_bits`). Whether a sum may wrap at all is the tiler's business.
Values are those of a clock cycle, settled, before the edge that ends it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from wattloop.errors import SpecError, StimulusError
from wattloop.gates.spec import ArraySpec, MacSpec

Int64 = npt.NDArray[np.int64]
Bool = npt.NDArray[np.bool_]


def wrap(values: npt.ArrayLike, bits: int) -> Int64:
    """`values` modulo 2**bits as signed numbers of `bits` bits.

    >>> int(wrap(2**21, 22))
    -2097152
    """
    half = 1 << (bits - 1)
    return ((np.asarray(values, dtype=np.int64) + half) & ((1 << bits) - 1)) - half


def mac(psum: npt.ArrayLike, weight: npt.ArrayLike, activation: npt.ArrayLike, spec: MacSpec) -> Int64:
    """What the cell registers: psum + weight * activation, wrapped to `spec.psum_bits`."""
    product = np.asarray(weight, dtype=np.int64) * np.asarray(activation, dtype=np.int64)
    return wrap(np.asarray(psum, dtype=np.int64) + product, spec.psum_bits)


def _checked(name: str, values: npt.ArrayLike, ndim: int, legal: tuple[int, int]) -> Int64:
    given = np.asarray(values)
    if given.ndim != ndim or not np.issubdtype(given.dtype, np.integer):
        raise StimulusError(
            f"{name}: a {given.ndim}-dimensional {given.dtype} array; expected {ndim} dimensions, integers"
        )
    if given.size and (given.min() < legal[0] or given.max() > legal[1]):
        raise StimulusError(f"{name} holds {given.min()}..{given.max()}; the spec allows {legal[0]}..{legal[1]}")
    return given.astype(np.int64)


def _weights(name: str, values: npt.ArrayLike, ndim: int, spec: MacSpec) -> Int64:
    given = _checked(name, values, ndim, spec.weight_range)
    try:
        spec.weight_code(given)
    except SpecError as error:
        raise StimulusError(f"{name}: {error}") from error
    return given


@dataclass(frozen=True)
class MacStreams:
    """One cell over cycles: the registers in each cycle, all of shape (cycles,)."""

    w_q: Int64
    a_q: Int64
    p_q: Int64


def run_mac(
    spec: MacSpec,
    *,
    w_i: npt.ArrayLike,
    w_en_i: npt.ArrayLike,
    a_i: npt.ArrayLike,
    p_i: npt.ArrayLike,
    rst_ni: npt.ArrayLike,
) -> MacStreams:
    """Registers of one cell that starts in reset, under the pins' values in each cycle, each of shape (cycles,).

    A synchronous reset shows in the cycle after, an asynchronous one at once.

    Raises:
        StimulusError: a value is out of the spec's range.
    """
    weights = _weights("w_i", w_i, 1, spec)
    activations = _checked("a_i", a_i, 1, spec.activation_range)
    psums = _checked("p_i", p_i, 1, spec.psum_range)
    enable, running = np.asarray(w_en_i, dtype=np.bool_), np.asarray(rst_ni, dtype=np.bool_)

    def after_edge(values: Int64) -> Int64:
        state = np.concatenate([[0], np.where(running, values, 0)[:-1]])
        return state if spec.reset == "sync" else np.where(running, state, 0)

    # The weight is the newest event's: a load, or a reset, which loads 0. Event i shows in cycle i + 1.
    newest = np.maximum.accumulate(np.where(enable | ~running, np.arange(len(weights)), -1))
    held = np.where(newest >= 0, np.where(running, weights, 0)[newest], 0)
    w_q = after_edge(held)
    return MacStreams(w_q=w_q, a_q=after_edge(activations), p_q=after_edge(mac(psums, w_q, activations, spec)))


@dataclass(frozen=True)
class PeStreams:
    """Pins and registers of every cell of the array, cycle by cycle.

    Cycle 0 is the idle cycle before the first tile, so that every later cycle of the run has a predecessor:
    the transitions that count are all cycles but the first, `tile_cycles` a tile. The array's last products
    are registered at the edge that ends the run, and belong to the cycle after it.

    Attributes:
        w_i: shape (cycles, 1, cols); w_en_i: shape (cycles, rows, 1).
        w_q, a_i, a_q, p_i, p_q: shape (cycles, rows, cols).
        outputs: shape (pixels, cols_used), or (tiles, pixels, cols_used) of `run_tiles`.
        phases: cycles of `idle`, and of `load`, `stream`, `skew`, `drain` of the first tile.
        tile_cycles: cycles of one tile: rows + pixels + (rows - 1) + (cols - 1).
    """

    w_i: Int64
    w_en_i: Int64
    w_q: Int64
    a_i: Int64
    a_q: Int64
    p_i: Int64
    p_q: Int64
    outputs: Int64
    phases: Mapping[str, range]
    tile_cycles: int

    @property
    def cycles(self) -> int:
        """All cycles, the idle one included."""
        return int(self.w_q.shape[0])


def _phases(rows: int, pixels: int, cols: int) -> dict[str, range]:
    lengths = {"idle": 1, "load": rows, "stream": pixels, "skew": rows - 1, "drain": cols - 1}
    phases, start = {}, 0
    for name, length in lengths.items():
        phases[name] = range(start, start + length)
        start += length
    return phases


def _padded(values: Int64, shape: tuple[int, ...]) -> Int64:
    """`values` in the low corner of zeros of `shape`."""
    whole = np.zeros(shape, dtype=np.int64)
    whole[tuple(slice(n) for n in values.shape)] = values
    return whole


def _weight_streams(weights: Int64, before: Int64, tile_cycles: int) -> tuple[Int64, Int64, Int64]:
    """w_i, w_en_i and w_q of tiles (tiles, rows, cols) after the weights `before` (rows, cols)."""
    tiles, rows, cols = weights.shape
    w_i = np.repeat(weights[:, -1:, :], tile_cycles, axis=1)
    w_i[:, :rows] = weights
    w_i = np.concatenate([before[None, -1], w_i.reshape(-1, cols)])[:, None, :]
    # Row k of a tile is taken at the end of load cycle k.
    loaded = np.arange(tile_cycles)[:, None] > np.arange(rows)
    older = np.concatenate([before[None], weights[:-1]])
    w_q = np.where(loaded[None, :, :, None], weights[:, None], older[:, None]).reshape(-1, rows, cols)
    w_en = np.tile(np.eye(tile_cycles, rows, dtype=np.int64), (tiles, 1))
    idle = np.zeros((1, rows), dtype=np.int64)
    return w_i, np.concatenate([idle, w_en])[:, :, None], np.concatenate([before[None], w_q])


def _activation_streams(activations: Int64, cols: int, tile_cycles: int) -> Int64:
    """a of shape (cycles + 1, rows, cols + 1): [..., c] enters column c, [..., c + 1] is its register."""
    tiles, rows, pixels = activations.shape
    cycles = 1 + tiles * tile_cycles
    a = np.zeros((cycles + 1, rows, cols + 1), dtype=np.int64)
    for row in range(rows):
        first = 1 + rows + row + tile_cycles * np.arange(tiles)[:, None] + np.arange(pixels)
        a[first, row, 0] = activations[:, row]
    for col in range(cols):
        a[1:, :, col + 1] = a[:-1, :, col]
    return a


def _psum_streams(w_q: Int64, a_i: Int64, entering: Int64, bits: int) -> Int64:
    """p of shape (cycles + 1, rows + 1, cols): [:, r] enters row r (`entering` row 0), [:, r + 1] is its register."""
    cycles, rows, cols = w_q.shape
    p = np.empty((cycles + 1, rows + 1, cols), dtype=np.int64)
    p[:, 0] = entering
    for row in range(rows):
        p[0, row + 1] = entering[0]
        p[1:, row + 1] = wrap(p[:-1, row] + w_q[:, row] * a_i[:, row], bits)
    return p


def _entering_psums(
    psum_in: npt.ArrayLike, before: npt.ArrayLike | None, spec: ArraySpec, tiles: int, tile_cycles: int
) -> Int64:
    """What enters row 0 in each cycle, shape (tiles * tile_cycles + 2, cols)."""
    given, mac = np.asarray(psum_in), spec.mac
    if not spec.psum_preload and (given.ndim > 1 or before is not None):
        raise StimulusError("offsets of single tiles, or one from before, need a register: set psum_preload = true")
    try:
        offsets = np.broadcast_to(given, (tiles, spec.cols))
        older = offsets[0] if before is None else np.broadcast_to(before, (spec.cols,))
    except ValueError as error:
        raise StimulusError(
            f"psum_in of shape {given.shape} does not fit {tiles} tiles, {spec.cols} columns"
        ) from error
    offsets = _checked("psum_in", offsets, 2, mac.psum_range)
    older = _checked("initial_psum_in", older, 1, mac.psum_range)
    # The register takes a tile's offset at the end of its first cycle, which comes after the idle one.
    return np.concatenate([np.tile(older, (2, 1)), np.repeat(offsets, tile_cycles, axis=0)])


def run_tiles(
    weights: npt.ArrayLike,
    activations: npt.ArrayLike,
    spec: ArraySpec,
    *,
    psum_in: npt.ArrayLike = 0,
    initial_weights: npt.ArrayLike | None = None,
    initial_psum_in: npt.ArrayLike | None = None,
) -> PeStreams:
    """Run tiles back to back, without a gap, on an array that idled before (paper section 3.2).

    In the idle cycle activations are 0 and the partial sums the offset everywhere; a tile smaller than the array leaves
    the remaining rows and columns at weight 0 and activation 0.

    Args:
        weights: shape (tiles, rows_used, cols_used).
        activations: shape (tiles, rows_used, pixels); any number of pixels.
        spec: the array.
        psum_in: enters row 0 in every cycle: one value, or one for each of the array's columns, shape (cols,); with
            `spec.psum_preload` also one for each tile, shape (tiles, cols), loaded in the tile's first cycle.
        initial_weights: shape (rows_used, cols_used), what the array holds before the first tile; 0 by default.
        initial_psum_in: what the offset registers hold before the first tile, shape () or (cols,); the first tile's
            offset by default. Needs `spec.psum_preload`.

    Returns:
        the streams, `outputs` of shape (tiles, pixels, cols_used).

    Raises:
        StimulusError: a shape does not fit, or a value is out of the spec's range.
    """
    w = _weights("weights", weights, 3, spec.mac)
    a = _checked("activations", activations, 3, spec.mac.activation_range)
    before = np.zeros((1, 1), dtype=np.int64) if initial_weights is None else initial_weights
    old = _weights("initial_weights", before, 2, spec.mac)
    _require_fit(w, a, old, spec)
    tiles, pixels, cols_used = w.shape[0], a.shape[2], w.shape[2]

    tile_cycles = spec.cycles_of(pixels)
    psum = _entering_psums(psum_in, initial_psum_in, spec, tiles, tile_cycles)
    whole = _padded(w, (tiles, spec.rows, spec.cols))
    w_i, w_en_i, w_q = _weight_streams(whole, _padded(old, (spec.rows, spec.cols)), tile_cycles)
    a_bus = _activation_streams(_padded(a, (tiles, spec.rows, pixels)), spec.cols, tile_cycles)
    p_bus = _psum_streams(w_q, a_bus[:-1, :, :-1], psum, spec.mac.psum_bits)

    # Pixel t leaves column c one cycle after the bottom row's cell works on it.
    first = 1 + 2 * spec.rows + tile_cycles * np.arange(tiles)
    when = first[:, None, None] + np.arange(pixels)[:, None] + np.arange(cols_used)
    return PeStreams(
        w_i=w_i,
        w_en_i=w_en_i,
        w_q=w_q,
        a_i=a_bus[:-1, :, :-1],
        a_q=a_bus[:-1, :, 1:],
        p_i=p_bus[:-1, :-1],
        p_q=p_bus[:-1, 1:],
        outputs=p_bus[when, -1, np.arange(cols_used)],
        phases=_phases(spec.rows, pixels, spec.cols),
        tile_cycles=tile_cycles,
    )


def _require_fit(w: Int64, a: Int64, old: Int64, spec: ArraySpec) -> None:
    fits = all(rows <= spec.rows and cols <= spec.cols for rows, cols in (w.shape[1:], old.shape))
    if w.shape[:2] != a.shape[:2] or not fits or 0 in (*w.shape, *a.shape):
        raise StimulusError(
            f"weights {w.shape}, activations {a.shape} and initial weights {old.shape} do not fit: "
            f"(tiles, rows, cols), (tiles, rows, pixels) and (rows, cols) on a {spec.rows}x{spec.cols} array"
        )


def run_tile(
    weights: npt.ArrayLike,
    activations: npt.ArrayLike,
    spec: ArraySpec,
    *,
    psum_in: npt.ArrayLike = 0,
    initial_weights: npt.ArrayLike | None = None,
    initial_psum_in: npt.ArrayLike | None = None,
) -> PeStreams:
    """Run one tile: `run_tiles` without the axis of tiles.

    Args:
        weights: shape (rows_used, cols_used).
        activations: shape (rows_used, pixels).
        spec: the array.
        psum_in: see `run_tiles`.
        initial_weights: see `run_tiles`.
        initial_psum_in: see `run_tiles`.

    Returns:
        the streams over 1 + rows + pixels + (rows - 1) + (cols - 1) cycles, `outputs` of shape (pixels, cols_used).
    """
    w, a = np.asarray(weights)[None], np.asarray(activations)[None]
    streams = run_tiles(w, a, spec, psum_in=psum_in, initial_weights=initial_weights, initial_psum_in=initial_psum_in)
    return replace(streams, outputs=streams.outputs[0])
