"""Whole arrays in a simulator that knows nothing of the engine: cells in gates that count, or in RTL that record."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from wattloop import resources
from wattloop.activity.cosim.runner import Build, build
from wattloop.activity.tiles import TileRun
from wattloop.errors import AnnotationError, NetlistError
from wattloop.gates.cell_models import identifier, verilog_models
from wattloop.gates.netlist import Netlist
from wattloop.gates.render import render_array, render_mac
from wattloop.gates.render_numbers import ArrayNumbers
from wattloop.gates.spec import ArraySpec
from wattloop.gates.synthesis import Synthesis
from wattloop.store import Store

Int64 = npt.NDArray[np.int64]
UInt32 = npt.NDArray[np.uint32]

_TOP = "array_bench"
_PORTS, _OUTPUTS, _RESULTS = "ports.txt", "outputs.txt", "results.txt"
_WIRE = re.compile(r"^\s*wire\s+(?:signed\s+)?(?:\[[^\]]+\]\s+)?(\\\S+|\w+)\s*;", re.MULTILINE)
_LINE = re.compile(r"\.gen_row\[(\d+)\]\.gen_col\[(\d+)\]\.\S* (\d+) (\d+) (\d+)")


@dataclass(frozen=True)
class NetCounts:
    """What the counters inside the cells saw during one tile.

    Attributes:
        toggles: shape (rows, cols, nets); 0 of the clocks, which are not counted.
        high: cycles at whose end the net was 1, likewise.
    """

    toggles: Int64
    high: Int64


@dataclass(frozen=True)
class Registers:
    """Raw bits of every cell's registers at the end of every cycle of a tile, the idle one before it included.

    Attributes:
        w_q, a_q, p_q: shape (cycles, rows, cols).
    """

    w_q: UInt32
    a_q: UInt32
    p_q: UInt32


def count_nets(
    cell: Synthesis, spec: ArraySpec, tiles: Sequence[TileRun], *, simulator: str, store: Store | None = None
) -> list[NetCounts]:
    """Play tiles through an array of netlists, flip-flops and all, and count on every net of every cell.

    The netlist is the file that the synthesiser wrote; the models of its cells come from the library's functions.

    Args:
        cell: the cell.
        spec: the array.
        tiles: one after the other, each after its own weights before it.
        simulator: "icarus" or "verilator".
        store: cache of compiled simulations.

    Raises:
        ToolError: the simulator is missing or failed.
        AnnotationError: a cell did not report all of its nets.
    """
    text = (cell.folder / "netlist.v").read_text()
    files = {
        "cells.v": verilog_models(cell.netlist),
        "mac.v": with_counters(text, cell.netlist),
        "array.sv": render_array(spec),
        "array_bench.sv": _bench(spec, registers=False),
    }
    with tempfile.TemporaryDirectory(prefix="wattloop-") as folder:
        work = Path(folder)
        _run(_compiled(files, work, simulator, store), spec, tiles, work, counting=True)
        return _parsed((work / _RESULTS).read_text(), spec, len(tiles), len(cell.netlist.nets))


def record_registers(
    spec: ArraySpec, tile: TileRun, *, simulator: str = "verilator", store: Store | None = None
) -> tuple[Registers, Int64]:
    """Play one tile through the array in RTL.

    Returns:
        every register in every cycle, and the results, shape (pixels, cols_used).

    Raises:
        ToolError: the simulator is missing or failed.
    """
    files = {
        "mac.sv": render_mac(spec.mac),
        "array.sv": render_array(spec),
        "array_bench.sv": _bench(spec, registers=True),
    }
    with tempfile.TemporaryDirectory(prefix="wattloop-") as folder:
        work = Path(folder)
        _run(_compiled(files, work, simulator, store), spec, [tile], work, counting=False)
        state = np.fromfile(work / _RESULTS, np.uint32).reshape(-1, spec.rows, spec.cols, 3)
        outputs = [int(line, 16) for line in (work / _OUTPUTS).read_text().split()]
    return Registers(*np.moveaxis(state, -1, 0)), _results(outputs, spec, tile)


def with_counters(text: str, netlist: Netlist) -> str:
    """Verilog of a netlist with a counter at every net, in the order of `netlist.nets`.

    Clocks, gated or not, are counted as 0: the counters sample at clock edges, and the engine says nothing of clocks.
    """
    declared = {name.removeprefix("\\") for name in _WIRE.findall(text)}
    names: dict[int, list[str]] = {}
    for name, net in netlist.aliases.items():
        names.setdefault(net, []).append(name)
    nets = [_expression(netlist, net, names.get(net, []), declared) for net in range(len(netlist.nets))]
    body, end, rest = text.rpartition("endmodule")
    counters = resources.templates("rtl").get_template("net_counters.sv.j2").render(nets=nets)
    # One C++ class for all cells: Verilator would otherwise compile each of them.
    body = body.replace(");", "); /*verilator no_inline_module*/", 1)
    return body + counters + end + rest


def _expression(netlist: Netlist, net: int, names: Sequence[str], declared: set[str]) -> str:
    """A net as the file names it."""
    if net in netlist.clock_nets:
        return "1'b0"
    if net in netlist.constants:
        return f"1'b{netlist.constants[net]}"
    for name in names:
        base, bracket, index = name.rpartition("[")
        if name in declared:
            return identifier(name)
        if bracket and base in declared:
            return f"{identifier(base)}[{index}"
    raise NetlistError(f"netlist {netlist.name}: net {netlist.nets[net]} is not declared in the file")


def _bench(spec: ArraySpec, *, registers: bool) -> str:
    environment = resources.templates("rtl")
    environment.filters["bus"] = lambda bits: f"[{bits - 1}:0]"
    template = environment.get_template("array_bench.sv.j2")
    return template.render(array=spec, numbers=ArrayNumbers(spec), registers=registers, results=_RESULTS)


def _compiled(files: dict[str, str], folder: Path, simulator: str, store: Store | None) -> Build:
    paths = []
    for name, text in files.items():
        paths.append(folder / name)
        paths[-1].write_text(text)
    return build(_TOP, paths, simulator=simulator, store=store)


def _run(program: Build, spec: ArraySpec, tiles: Sequence[TileRun], work: Path, *, counting: bool) -> None:
    played = [_played(spec, tile, counting=counting) for tile in tiles]
    lines = [" ".join(words) for columns in played for words in zip(*columns.values(), strict=True)]
    (work / _PORTS).write_text("\n".join([" ".join(played[0]), *lines]) + "\n")
    program.run("tb_array_bench", work_dir=work)


def _played(spec: ArraySpec, tile: TileRun, *, counting: bool) -> dict[str, list[str]]:
    """Ports over the cycles that bring the array to the weights before the tile, and over those of the tile itself."""
    streams, mac = tile.streams(spec), spec.mac
    before = streams.w_q[0]
    quiet, load = 2 * spec.rows + spec.cols, spec.rows
    w_i = np.concatenate([before, np.repeat(before[-1:], quiet, axis=0), streams.w_i[:, 0]])
    enable = np.concatenate([np.eye(load, dtype=np.int64), np.zeros((quiet, load), np.int64), streams.w_en_i[:, :, 0]])
    lead = load + quiet
    a_i = np.concatenate([np.zeros((lead, spec.rows), np.int64), streams.a_i[:, :, 0]])
    p_i = np.concatenate([np.repeat(streams.p_i[:1, 0], lead, axis=0), streams.p_i[:, 0]])
    taken = enable[:, :1]  # as in the tile's top: the offset comes with row 0's weights
    if spec.psum_preload:
        p_i = p_i * taken
    counted = np.arange(len(w_i)) >= lead + counting
    last = np.arange(len(w_i)) == len(w_i) - 1
    return {
        "w_i": _hexadecimal(mac.weight_code(w_i), mac.weight_code_bits),
        "w_en_i": _hexadecimal(enable, 1),
        "a_i": _hexadecimal(a_i, mac.activation_bits),
        "p_i": _hexadecimal(p_i, mac.psum_bits),
        **({"p_en_i": _hexadecimal(taken, 1)} if spec.psum_preload else {}),
        "count_i": [str(int(flag)) for flag in counted],
        "due": [str(int(flag)) for flag in last & counting],
    }


def _hexadecimal(values: Int64, width: int) -> list[str]:
    """Packed ports of (cycles, elements), element 0 lowest."""
    mask = (1 << width) - 1
    return [f"{sum((int(v) & mask) << (width * k) for k, v in enumerate(row)):x}" for row in values]


def _parsed(text: str, spec: ArraySpec, tiles: int, nets: int) -> list[NetCounts]:
    numbers = np.array([match.groups() for match in _LINE.finditer(text)], np.int64)
    size = spec.rows * spec.cols * nets
    if len(numbers) != tiles * size:
        raise AnnotationError(f"the array reported {len(numbers)} counts of {tiles * size}")
    found = []
    for part in np.split(numbers, tiles):
        counts = np.full((2, spec.rows, spec.cols, nets), -1, np.int64)
        row, col, net, toggles, high = part.T
        counts[:, row, col, net] = toggles, high
        if counts.min() < 0:
            raise AnnotationError("a cell of the array reported a net twice and another not at all")
        found.append(NetCounts(*counts))
    return found


def _results(outputs: Sequence[int], spec: ArraySpec, tile: TileRun) -> Int64:
    """Sums that leave the array's last row, each in the cycle behind the one in which its last cell worked on it."""
    _, cols, pixels = tile.shape
    width = spec.mac.psum_bits
    first = len(outputs) - tile.streams(spec).cycles
    found = np.zeros((pixels, cols), np.int64)
    for pixel in range(pixels):
        for col in range(cols):
            word = outputs[first + 2 * spec.rows + pixel + col]
            value = word >> (col * width) & ((1 << width) - 1)
            found[pixel, col] = value - (value >> (width - 1) << width)
    return found
