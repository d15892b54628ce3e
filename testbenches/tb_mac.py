"""The MAC cell against the golden model; cells of several specs side by side see the same bits.

Every test hands a whole run of vectors to HDL memories and wakes once.
"""

from __future__ import annotations

import itertools

import cocotb
import numpy as np
import numpy.typing as npt
from cocotb.handle import HierarchyObject

from drivers import (
    Int64,
    bench_options,
    from_bits,
    mac_specs,
    read_memory,
    reset,
    start_and_wait,
    start_clock,
    to_bits,
    write_memory,
)
from wattloop.arith.golden import run_mac
from wattloop.gates.spec import MacSpec

Vectors = dict[str, Int64]


def narrowed(values: Int64, bits: int, *, signed: bool) -> Int64:
    """The low `bits` bits of `values` as a number."""
    return from_bits(to_bits(values[:, None], bits), bits, signed=signed)[:, 0]


def expected(vectors: Vectors, spec: MacSpec) -> tuple[Int64, Int64]:
    """a_o and p_o of a cell in the cycle of each vector, of which the cell takes the low bits."""
    streams = run_mac(
        spec,
        w_i=spec.weight_of_code(vectors["w"]),
        w_en_i=vectors["w_en"],
        a_i=narrowed(vectors["a"], spec.activation_bits, signed=spec.activation_signed),
        p_i=narrowed(vectors["p"], spec.psum_bits, signed=True),
        rst_ni=vectors["rst_n"],
    )
    return streams.a_q, streams.p_q


def word_widths(specs: list[MacSpec]) -> dict[str, int]:
    """Fields of a stimulus word, the most significant first."""
    return {
        "rst_n": 1,
        "w_en": 1,
        "w": max(spec.weight_code_bits for spec in specs),
        "a": max(spec.activation_bits for spec in specs),
        "p": max(spec.psum_bits for spec in specs),
    }


async def play(dut: HierarchyObject, vectors: Vectors) -> None:
    """Run vectors through all cells and compare every cycle of every cell."""
    specs = mac_specs()
    widths, capacity = word_widths(specs), bench_options()["vectors"]
    count = len(vectors["w"])
    bits = np.concatenate([to_bits(vectors[name][:, None], width) for name, width in widths.items()], axis=1)
    unused = np.zeros((capacity - count, bits.shape[1]), dtype=np.uint8)
    write_memory("vectors.hex", np.concatenate([bits, unused]))
    start_clock(dut)
    dut.start_i.value = 0
    dut.load_i.value = 1
    dut.count_i.value = count
    await reset(dut)
    dut.load_i.value = 0
    await start_and_wait(dut, count)
    compare(read_memory("results.hex", count, len(specs) * (widths["a"] + widths["p"])), vectors, specs)


def compare(record: npt.NDArray[np.uint8], vectors: Vectors, specs: list[MacSpec]) -> None:
    """Hold the recorded outputs of every cell against the golden model."""
    widths = word_widths(specs)
    for spec, cell in zip(reversed(specs), np.split(record, len(specs), axis=1), strict=True):
        a_bits, p_bits = np.split(cell, [widths["a"]], axis=1)
        a_o, p_o = expected(vectors, spec)
        for name, want, width, got in (("a_o", a_o, widths["a"], a_bits), ("p_o", p_o, widths["p"], p_bits)):
            own = spec.activation_bits if name == "a_o" else spec.psum_bits
            value = from_bits(got, width, signed=False)[:, 0]
            wrong = np.flatnonzero(value != want & ((1 << own) - 1))
            assert not wrong.size, (
                f"{spec.module_name}.{name}: {wrong.size} of {value.size} cycles differ, first {wrong[0]}: "
                f"{value[wrong[0]]} is not {want[wrong[0]]}"
            )


def streaming(w: Int64, a: Int64, p: Int64) -> Vectors:
    """Vectors that multiply w[i] by a[i] onto p[i], a fresh weight every cycle (loaded one cycle ahead)."""
    ones = np.ones(len(w) + 1, dtype=np.int64)
    zero = np.zeros(1, dtype=np.int64)
    return {
        "rst_n": ones,
        "w_en": ones,
        "w": np.concatenate([w, zero]),
        "a": np.concatenate([zero, a]),
        "p": np.concatenate([zero, p]),
    }


@cocotb.test()
async def every_weight_meets_every_activation(dut: HierarchyObject) -> None:
    """All weight x activation pairs, each on a random partial sum; a flush vector shows the last result."""
    widths = word_widths(mac_specs())
    w, a = (grid.ravel() for grid in np.meshgrid(np.arange(1 << widths["w"]), np.arange(1 << widths["a"])))
    p = np.random.default_rng(1).integers(0, 1 << widths["p"], w.size)
    order = np.random.default_rng(2).permutation(w.size)
    flush = np.zeros(1, dtype=np.int64)
    await play(dut, streaming(np.append(w[order], flush), np.append(a[order], flush), np.append(p, flush)))


@cocotb.test()
async def overflow_wraps_at_every_edge(dut: HierarchyObject) -> None:
    """Extreme operands on partial sums at and around each cell's least and greatest value and 0."""
    cases: list[tuple[int, int, int]] = []
    for spec in mac_specs():
        edges = [edge + step for edge in (*spec.psum_range, 0) for step in (-1, 0, 1)]
        operands = itertools.product((*spec.weight_range, -1, 0, 1), (*spec.activation_range, 1, 0))
        cases += [(w, a, p) for (w, a), p in itertools.product(operands, edges)]
    w, a, p = np.array([*dict.fromkeys(cases), (0, 0, 0)], dtype=np.int64).T
    await play(dut, streaming(w, a, p))


@cocotb.test()
async def weight_stays_and_reset_clears_in_its_style(dut: HierarchyObject) -> None:
    """Random enables and resets: held weights, and the cycle in which a sync or an async reset shows."""
    rng = np.random.default_rng(3)
    widths = word_widths(mac_specs())
    count = 4000
    vectors = {name: rng.integers(0, 1 << width, count) for name, width in widths.items()}
    vectors["w_en"] = (rng.random(count) < 0.2).astype(np.int64)
    vectors["rst_n"] = (rng.random(count) > 0.05).astype(np.int64)
    await play(dut, vectors)
