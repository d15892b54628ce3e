"""What the testbenches share: clock and reset, memory files, and the drivers of the simulation tops."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from cocotb.clock import Clock
from cocotb.handle import HierarchyObject
from cocotb.triggers import ClockCycles, FallingEdge, RisingEdge, with_timeout

from wattloop.gates.spec import ArraySpec, MacSpec

Int64 = npt.NDArray[np.int64]

PERIOD_NS = 10


def bench_options() -> dict[str, Any]:
    """What the launcher passed in $WATTLOOP_BENCH, a JSON object."""
    return json.loads(os.environ["WATTLOOP_BENCH"])


def array_spec() -> ArraySpec:
    """The array under test."""
    fields = bench_options()["array"]
    return ArraySpec(**{**fields, "mac": MacSpec(**fields["mac"])})


def mac_specs() -> list[MacSpec]:
    """The cells under test."""
    return [MacSpec(**fields) for fields in bench_options()["cells"]]


def to_bits(values: npt.ArrayLike, width: int) -> npt.NDArray[np.uint8]:
    """Bits of `values` (words, n) modulo 2**width: (words, n * width), most significant first, element 0 lowest."""
    given = np.asarray(values, dtype=np.int64)[:, ::-1, None]
    return ((given >> np.arange(width)[::-1]) & 1).astype(np.uint8).reshape(given.shape[0], -1)


def from_bits(bits: npt.NDArray[np.uint8], width: int, *, signed: bool) -> Int64:
    """Inverse of `to_bits`: shape (words, n)."""
    digits = bits.reshape(bits.shape[0], -1, width).astype(np.int64)
    values = (digits << np.arange(width)[::-1]).sum(axis=2)[:, ::-1]
    return values - ((values >> (width - 1)) << width) if signed else values


def to_integer(values: npt.ArrayLike, width: int) -> int:
    """`values` as the value of one packed port, element 0 lowest."""
    return int("".join(map(str, to_bits(np.asarray(values)[None], width)[0])), 2)


def write_memory(path: str, bits: npt.NDArray[np.uint8]) -> None:
    """Write words for $readmemh."""
    padding = np.zeros((bits.shape[0], -bits.shape[1] % 8), dtype=np.uint8)
    words = np.packbits(np.concatenate([padding, bits], axis=1), axis=1)
    Path(path).write_text("".join(word.tobytes().hex() + "\n" for word in words))


def read_memory(path: str, words: int, width: int) -> npt.NDArray[np.uint8]:
    """Bits of the first `words` words that $writememh wrote; a word that was never assigned is an error."""
    lines = [line.strip() for line in Path(path).read_text().splitlines() if line[:1] not in {"/", "@", ""}][:words]
    assert len(lines) == words, f"{path} holds {len(lines)} words of {words}"
    digits = -(-width // 4)
    assert all(len(line) == digits for line in lines), f"{path} has words that are not {width} bits wide"
    raw = np.frombuffer(bytes.fromhex("".join(line.rjust(digits + digits % 2, "0") for line in lines)), dtype=np.uint8)
    return np.unpackbits(raw.reshape(words, -1), axis=1)[:, -width:]


def start_clock(dut: HierarchyObject) -> None:
    """Run the clock without waking Python."""
    Clock(dut.clk_i, PERIOD_NS, unit="ns").start()


async def reset(dut: HierarchyObject, cycles: int = 2) -> None:
    """Hold the reset for some cycles; returns in the middle of a cycle, as all drivers change pins there."""
    dut.rst_ni.value = 0
    await ClockCycles(dut.clk_i, cycles)
    await FallingEdge(dut.clk_i)
    dut.rst_ni.value = 1


async def pulse(dut: HierarchyObject, name: str) -> None:
    """Hold a pin high over one rising clock edge."""
    await FallingEdge(dut.clk_i)
    getattr(dut, name).value = 1
    await FallingEdge(dut.clk_i)
    getattr(dut, name).value = 0


async def start_and_wait(dut: HierarchyObject, cycles: int) -> None:
    """Start a run and sleep until it is done, which must be within some `cycles`."""
    Path("results.hex").unlink(missing_ok=True)
    await pulse(dut, "start_i")
    await with_timeout(RisingEdge(dut.done_o), PERIOD_NS * (cycles + 10), "ns")


class TileDriver:
    """Runs tiles on the tile top: loads its memories, wakes when they are done, reads the results."""

    def __init__(self, dut: HierarchyObject, spec: ArraySpec, tiles: int) -> None:
        self.dut, self.spec, self.tiles = dut, spec, tiles
        dut.load_i.value = 0
        dut.start_i.value = 0
        start_clock(dut)

    async def load(self, weights: Int64, activations: Int64, psum_in: npt.ArrayLike = 0) -> None:
        """Fill the memories with tiles: weights (tiles, rows, cols), activations (tiles, rows, pixels).

        `psum_in` is one value, or (cols,), or (tiles, cols) where the array preloads it.
        """
        spec, mac = self.spec, self.spec.mac
        words = np.zeros((self.tiles, spec.rows, spec.cols), dtype=np.int64)
        words[: weights.shape[0], : weights.shape[1], : weights.shape[2]] = weights
        write_memory("weights.hex", to_bits(mac.weight_code(words.reshape(-1, spec.cols)), mac.weight_code_bits))
        tiles, rows, pixels = activations.shape
        words = np.zeros((self.tiles * spec.pixels, spec.rows), dtype=np.int64)
        words[: tiles * pixels, :rows] = activations.transpose(0, 2, 1).reshape(-1, rows)
        write_memory("activations.hex", to_bits(words, mac.activation_bits))
        self.dut.tiles_i.value = tiles
        self.dut.pixels_i.value = pixels
        if spec.psum_preload:
            words = np.zeros((self.tiles, spec.cols), dtype=np.int64)
            words[:tiles] = psum_in
            write_memory("offsets.hex", to_bits(words, mac.psum_bits))
        else:
            self.dut.p_i.value = to_integer(np.broadcast_to(psum_in, spec.cols), mac.psum_bits)
        await pulse(self.dut, "load_i")

    async def run(self, weights: Int64, activations: Int64, psum_in: npt.ArrayLike = 0) -> Int64:
        """Run tiles back to back and return their results, shape (tiles, pixels, cols_used)."""
        await self.load(weights, activations, psum_in)
        tiles, _, pixels = activations.shape
        await start_and_wait(self.dut, tiles * self.spec.cycles_of(pixels))
        width = self.spec.mac.psum_bits
        bits = read_memory("results.hex", tiles * pixels, self.spec.cols * width)
        results = from_bits(bits, width, signed=True).reshape(tiles, pixels, -1)
        return results[:, :, : weights.shape[2]]
