"""What the engine promises of whole arrays, as checks against arrays that are simulated as they are."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import numpy.typing as npt

from wattloop.activity.backend import backend
from wattloop.activity.bitparallel import array_streams
from wattloop.activity.bitparallel.contract import Check
from wattloop.activity.bitparallel.engine import Engine
from wattloop.activity.bitparallel.tile_batch import TileBatch
from wattloop.activity.cosim.array_bench import NetCounts, count_nets, record_registers
from wattloop.activity.tiles import Part, TileRun, measure_tiles
from wattloop.gates.netlist import Netlist
from wattloop.gates.spec import ArraySpec
from wattloop.gates.synthesis import Synthesis
from wattloop.store import Store

Int64 = npt.NDArray[np.int64]


def random_tiles(spec: ArraySpec, shapes: Sequence[tuple[int, int, int]], seed: int = 0) -> list[TileRun]:
    """Tiles of (rows_used, cols_used, pixels) with other weights in the whole array before, and an offset."""
    rng = np.random.default_rng(seed)
    mac = spec.mac
    low, high = mac.activation_range
    least, most = mac.psum_range
    return [
        TileRun(
            rng.choice(mac.weight_values, (rows, cols)),
            rng.integers(low, high + 1, (rows, pixels)),
            before=rng.choice(mac.weight_values, (spec.rows, spec.cols)),
            psum_in=int(rng.integers(max(-99, least), min(99, most) + 1)),
        )
        for rows, cols, pixels in shapes
    ]


def gate_array(
    cell: Synthesis, spec: ArraySpec, tiles: Sequence[TileRun], simulator: str, store: Store | None = None
) -> Iterator[Check]:
    """Every net of every cell over every cycle of each tile: the engine against an array of the netlist itself.

    Cell by cell, and by the fast path that knows no cells, for those that the tile uses and for those that it does not.

    Raises:
        ToolError: the simulator is missing or failed.
    """
    name = f"{spec.rows}x{spec.cols} {spec.mac.module_name}"
    for tile, seen in zip(tiles, count_nets(cell, spec, tiles, simulator=simulator, store=store), strict=True):
        used = np.zeros((spec.rows, spec.cols), np.bool_)
        used[: tile.shape[0], : tile.shape[1]] = True
        parts: dict[Part, npt.NDArray[np.bool_]] = {"used": used, "idle": ~used}
        for part, cells in parts.items():
            if cells.any():
                title = f"{name}, {part} cells of {'x'.join(map(str, tile.shape))}"
                yield from _part(cell.netlist, spec, tile, part, _of(seen, cells), title, simulator)


def _of(seen: NetCounts, cells: npt.NDArray[np.bool_]) -> NetCounts:
    return NetCounts(seen.toggles[cells], seen.high[cells])


def _part(
    netlist: Netlist, spec: ArraySpec, tile: TileRun, part: Part, seen: NetCounts, title: str, simulator: str
) -> Iterator[Check]:
    engine = backend("bitparallel")
    alone = measure_tiles(engine, netlist, spec, [tile], part=part, by="pe")
    whole = measure_tiles(engine, netlist, spec, [tile], part=part)
    # No clock, gated or not: the engine has none, and counters that a clock drives cannot see one.
    nets = [net for net in whole.annotated if net not in netlist.clock_nets]

    def check(fact: str, theirs: Int64, ours: Int64) -> Check:
        return _check(fact, title, simulator, whole.transitions, theirs[:, nets], ours[:, nets])

    yield check("toggles of every net of every cell", seen.toggles, alone.toggles)
    yield check("time at 1 of every net of every cell", seen.high, alone.high)
    yield check("toggles of every net", seen.toggles.sum(0, keepdims=True), whole.toggles)
    yield check("time at 1 of every net", seen.high.sum(0, keepdims=True), whole.high)


def rtl_array(spec: ArraySpec, tile: TileRun, engine: Engine, store: Store | None = None) -> Iterator[Check]:
    """Every register of every cell in every cycle: golden streams, and what the engine is fed, against the RTL.

    Raises:
        ToolError: Verilator is missing or failed.
    """
    registers, outputs = record_registers(spec, tile, store=store)
    streams, mac = tile.streams(spec), spec.mac
    title = f"{spec.rows}x{spec.cols} {mac.module_name} in RTL"
    cycles = streams.cycles * spec.rows * spec.cols
    widths = {"w_q": mac.weight_code_bits, "a_q": mac.activation_bits, "p_q": mac.psum_bits}
    raw = {name: getattr(registers, name).astype(np.int64) for name in widths}
    golden = {"w_q": mac.weight_code(streams.w_q), "a_q": streams.a_q, "p_q": streams.p_q}
    for name, width in widths.items():
        ours = golden[name] & ((1 << width) - 1)
        yield _check(f"{name} of every cell in every cycle", title, "verilator", cycles, raw[name], ours)
    yield _check("results", title, "verilator", cycles, outputs, streams.outputs)
    fed = array_streams.passing(TileBatch.of(spec, [tile]), engine.kernels, engine.threads)
    row, col = np.divmod(TileBatch.of(spec, [tile]).cells("used"), spec.cols)
    # A step of the engine is the same pixel for all cells, and the array stops before its last cells have rested.
    at = spec.rows + row + col + np.arange(fed.steps)[:, np.newaxis]
    within = at < streams.cycles
    for name, width in widths.items():
        values = np.broadcast_to(fed.signals[name], fed.shape)[0].astype(np.int64) & ((1 << width) - 1)
        theirs = raw[name][np.minimum(at, streams.cycles - 1), row, col]
        yield _check(f"{name} as the engine is fed", title, "verilator", cycles, theirs[within], values[within])


def _check(fact: str, title: str, oracle: str, transitions: int, theirs: Int64, ours: Int64) -> Check:
    if theirs.shape != ours.shape:
        raise ValueError(f"{fact}: {oracle} has shape {theirs.shape}, the engine {ours.shape}")
    difference, total = int(np.abs(theirs - ours).sum()), int(np.abs(theirs).sum())
    return Check(fact, title, oracle, "random", transitions, theirs.size, total, difference)
