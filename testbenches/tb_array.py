"""Every register and pin of every cell of a small array, cycle by cycle, against the golden streams."""

from __future__ import annotations

import cocotb
import numpy as np
from cocotb.handle import HierarchyObject
from cocotb.triggers import FallingEdge, RisingEdge, Timer

from drivers import PERIOD_NS, array_spec, reset, start_clock, to_integer
from wattloop.arith.golden import Int64, PeStreams, run_tiles
from wattloop.gates.spec import ArraySpec

SIGNALS = ("w_i", "w_en_i", "w_q", "a_i", "a_q", "p_i", "p_q")
PSUM_IN = -77
NOT_TAKEN = 0x55


def cells(dut: HierarchyObject, spec: ArraySpec) -> list[tuple[int, int, HierarchyObject]]:
    """Row, column and handle of every cell."""
    return [(r, c, dut.gen_row[r].gen_col[c].u_mac) for r in range(spec.rows) for c in range(spec.cols)]


def golden(spec: ArraySpec) -> PeStreams:
    """Two random tiles back to back; where offsets are preloaded, each has its own, after 0 from the reset."""
    rng = np.random.default_rng(11)
    least, most = spec.mac.activation_range
    weights = rng.choice(spec.mac.weight_values, (2, spec.rows, spec.cols))
    activations = rng.integers(least, most + 1, (2, spec.rows, spec.pixels))
    if spec.psum_preload:
        offsets = rng.integers(*spec.mac.psum_range, (2, spec.cols))
        return run_tiles(weights, activations, spec, psum_in=offsets, initial_psum_in=0)
    return run_tiles(weights, activations, spec, psum_in=PSUM_IN)


def drive(dut: HierarchyObject, spec: ArraySpec, streams: PeStreams, cycle: int) -> None:
    """Put a cycle's values on the array's ports."""
    mac = spec.mac
    dut.w_i.value = to_integer(mac.weight_code(streams.w_i[cycle, 0]), mac.weight_code_bits)
    dut.w_en_i.value = to_integer(streams.w_en_i[cycle, :, 0], 1)
    dut.a_i.value = to_integer(streams.a_i[cycle, :, 0], mac.activation_bits)
    entering = streams.p_i[cycle, 0]
    if spec.psum_preload:
        taken = cycle > 0 and (cycle - 1) % streams.tile_cycles == 0
        dut.p_en_i.value = int(taken)
        entering = streams.p_i[cycle + 1, 0] if taken else np.full(spec.cols, NOT_TAKEN)
    dut.p_i.value = to_integer(entering, mac.psum_bits)


def sampled(dut: HierarchyObject, spec: ArraySpec, name: str) -> Int64:
    """A signal of all cells, raw bits, shape (rows, cols)."""
    values = np.zeros((spec.rows, spec.cols), dtype=np.int64)
    for row, col, cell in cells(dut, spec):
        values[row, col] = int(getattr(cell, name).value)
    return values


def raw(values: Int64, spec: ArraySpec, name: str) -> Int64:
    """`values` as the bits of signal `name`, shape (rows, cols)."""
    mac = spec.mac
    if name in ("w_i", "w_q"):
        values = mac.weight_code(values)
    widths = {"w_en_i": 1, "w": mac.weight_code_bits, "a": mac.activation_bits, "p": mac.psum_bits}
    width = widths.get(name, widths[name[0]])
    return np.broadcast_to(values & ((1 << width) - 1), (spec.rows, spec.cols))


async def idle(dut: HierarchyObject, spec: ArraySpec, streams: PeStreams) -> None:
    """Reset, then idle until the offset has reached the last row."""
    start_clock(dut)
    drive(dut, spec, streams, 0)
    await reset(dut)
    for _ in range(spec.rows + 1):
        await RisingEdge(dut.clk_i)


@cocotb.test()
async def every_cell_follows_the_golden_streams(dut: HierarchyObject) -> None:
    """All pins and registers in every cycle of two tiles."""
    spec = array_spec()
    streams = golden(spec)
    await idle(dut, spec, streams)
    for cycle in range(streams.cycles):
        drive(dut, spec, streams, cycle)
        await FallingEdge(dut.clk_i)
        for name in SIGNALS:
            want = raw(getattr(streams, name)[cycle], spec, name)
            np.testing.assert_array_equal(sampled(dut, spec, name), want, err_msg=f"{name} in cycle {cycle}")
        await RisingEdge(dut.clk_i)


@cocotb.test()
async def reset_in_mid_tile_clears_every_register_in_its_style(dut: HierarchyObject) -> None:
    """An asynchronous reset acts at once, a synchronous one at the next clock edge."""
    spec = array_spec()
    streams = golden(spec)
    await idle(dut, spec, streams)
    for cycle in range(streams.phases["skew"].start):
        drive(dut, spec, streams, cycle)
        await RisingEdge(dut.clk_i)
    await FallingEdge(dut.clk_i)
    before = {name: sampled(dut, spec, name) for name in ("w_q", "a_q", "p_q")}
    assert all(values.any() for values in before.values())
    dut.rst_ni.value = 0
    await Timer(PERIOD_NS // 4, "ns")
    for name, values in before.items():
        want = values if spec.mac.reset == "sync" else np.zeros_like(values)
        np.testing.assert_array_equal(sampled(dut, spec, name), want, err_msg=f"{name} before the clock edge")
    await FallingEdge(dut.clk_i)
    for name in before:
        assert not sampled(dut, spec, name).any(), f"{name} after the clock edge"
