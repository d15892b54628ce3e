"""The array with its HDL memories against the golden model and against plain matrix products."""

from __future__ import annotations

import cocotb
import numpy as np
import numpy.typing as npt
from cocotb.handle import HierarchyObject
from cocotb.triggers import ClockCycles, FallingEdge

from drivers import Int64, TileDriver, array_spec, bench_options, pulse, reset, to_integer
from wattloop.arith.golden import run_tiles, wrap
from wattloop.gates.spec import ArraySpec


async def prepared(dut: HierarchyObject) -> tuple[TileDriver, ArraySpec, int]:
    """A driver whose array has come out of reset, the spec, and how many tiles fit the memories."""
    spec, tiles = array_spec(), bench_options()["tiles"]
    driver = TileDriver(dut, spec, tiles)
    await reset(dut)
    return driver, spec, tiles


def random_tiles(spec: ArraySpec, shape: tuple[int, int, int, int], seed: int) -> tuple[Int64, Int64]:
    """Weights and activations over their whole ranges; `shape` is (tiles, rows, cols, pixels)."""
    tiles, rows, cols, pixels = shape
    rng = np.random.default_rng(seed)
    least, most = spec.mac.activation_range
    weights = rng.choice(spec.mac.weight_values, (tiles, rows, cols))
    return weights, rng.integers(least, most + 1, (tiles, rows, pixels))


async def check(driver: TileDriver, weights: Int64, activations: Int64, psum_in: npt.ArrayLike = 0) -> None:
    """Run tiles and compare with the golden array and with integer matrix products."""
    got = await driver.run(weights, activations, psum_in)
    golden = run_tiles(weights, activations, driver.spec, psum_in=psum_in).outputs
    tiles, _, cols_used = weights.shape
    offsets = np.broadcast_to(psum_in, (tiles, driver.spec.cols))[:, None, :cols_used]
    plain = wrap(activations.transpose(0, 2, 1) @ weights + offsets, driver.spec.mac.psum_bits)
    np.testing.assert_array_equal(got, golden)
    np.testing.assert_array_equal(got, plain)


@cocotb.test()
async def full_tile(dut: HierarchyObject) -> None:
    """One tile that fills the array."""
    driver, spec, _ = await prepared(dut)
    await check(driver, *random_tiles(spec, (1, spec.rows, spec.cols, spec.pixels), seed=1))


@cocotb.test()
async def partial_sum_offset_enters_row_0(dut: HierarchyObject) -> None:
    """A preloaded offset, and one at the edge of the range, on which the sums wrap."""
    driver, spec, _ = await prepared(dut)
    tile = random_tiles(spec, (1, spec.rows, spec.cols, spec.pixels), seed=2)
    for offset in (-4097, spec.mac.psum_range[0], spec.mac.psum_range[1]):
        await check(driver, *tile, psum_in=offset)


@cocotb.test()
async def every_tile_and_column_has_its_offset(dut: HierarchyObject) -> None:
    """Offsets over the whole range, another one in each column, and in each tile where the array preloads them."""
    driver, spec, tiles = await prepared(dut)
    least, most = spec.mac.psum_range
    shape = (tiles, spec.cols) if spec.psum_preload else (spec.cols,)
    offsets = np.random.default_rng(10).integers(least, most + 1, shape)
    await check(driver, *random_tiles(spec, (tiles, spec.rows, spec.cols, spec.pixels), seed=11), offsets)


@cocotb.test()
async def extremes(dut: HierarchyObject) -> None:
    """Every weight and every activation at its most negative or greatest value."""
    driver, spec, _ = await prepared(dut)
    for weight in spec.mac.weight_range:
        for activation in spec.mac.activation_range:
            weights = np.full((1, spec.rows, spec.cols), weight)
            await check(driver, weights, np.full((1, spec.rows, spec.pixels), activation))


@cocotb.test()
async def tile_smaller_than_the_array(dut: HierarchyObject) -> None:
    """Rows, columns and pixels that do not fill it."""
    driver, spec, _ = await prepared(dut)
    used = tuple(max(1, 2 * size // 3) for size in (spec.rows, spec.cols, spec.pixels))
    await check(driver, *random_tiles(spec, (1, *used), seed=3))
    await check(driver, *random_tiles(spec, (1, 1, 1, 1), seed=4))


@cocotb.test()
async def back_to_back_tiles(dut: HierarchyObject) -> None:
    """Tiles without a gap, then a second run, all without a reset in between."""
    driver, spec, tiles = await prepared(dut)
    shape = (tiles, spec.rows, spec.cols, spec.pixels)
    await check(driver, *random_tiles(spec, shape, seed=5))
    await check(driver, *random_tiles(spec, (tiles, spec.rows, spec.cols, max(1, spec.pixels // 2)), seed=6))


@cocotb.test()
async def array_ports_follow_the_golden_streams(dut: HierarchyObject) -> None:
    """Weights, enables and skewed activations in every cycle of back-to-back tiles, and no cycle more."""
    driver, spec, tiles = await prepared(dut)
    weights, activations = random_tiles(spec, (tiles, spec.rows, spec.cols, spec.pixels), seed=9)
    streams = run_tiles(weights, activations, spec)
    await driver.load(weights, activations)
    dut.start_i.value = 1
    for cycle in range(1, streams.cycles):
        await FallingEdge(dut.clk_i)
        dut.start_i.value = 0
        want = {
            "w_bus": to_integer(spec.mac.weight_code(streams.w_i[cycle, 0]), spec.mac.weight_code_bits),
            "w_en": to_integer(streams.w_en_i[cycle, :, 0], 1),
            "a_west": to_integer(streams.a_i[cycle, :, 0], spec.mac.activation_bits),
        }
        for name, value in want.items():
            assert int(getattr(dut, name).value) == value, f"{name} in cycle {cycle}"
    # The last result is captured, the file written, and then done_o rises.
    for done in (0, 0, 1, 0):
        await FallingEdge(dut.clk_i)
        assert int(dut.done_o.value) == done


@cocotb.test()
async def reset_in_mid_tile(dut: HierarchyObject) -> None:
    """A reset in each phase ends the tile, and the next one is right."""
    driver, spec, _ = await prepared(dut)
    tile = random_tiles(spec, (1, spec.rows, spec.cols, spec.pixels), seed=7)
    other = random_tiles(spec, (1, spec.rows, spec.cols, spec.pixels), seed=8)
    for cycle in (1, spec.rows + spec.pixels // 2, spec.tile_cycles - 1):
        await driver.load(*tile)
        await pulse(dut, "start_i")
        await ClockCycles(dut.clk_i, cycle)
        await FallingEdge(dut.clk_i)
        await reset(dut, cycles=1)
        for _ in range(4):
            await FallingEdge(dut.clk_i)
            assert dut.done_o.value == 0, "a tile that was reset says that it is done"
        await check(driver, *other)
