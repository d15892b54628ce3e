"""How far the engine is from this core's limit: operations and bytes of a program against what the core can do."""

from __future__ import annotations

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from wattloop.activity.bitparallel.functions import Function
from wattloop.activity.bitparallel.kernels import Kernels
from wattloop.activity.bitparallel.layout import COLUMNS, WORD
from wattloop.activity.bitparallel.program import SOURCE, Program

VECTOR_BYTES = COLUMNS * WORD // 8
LANES = COLUMNS * WORD
_CHAINS, _L1 = 16, 256  # as in native/peak.h
_ROUNDS = {"logic": 2_000_000, "count": 2_000_000, "load": 100_000}


@dataclass(frozen=True)
class Cost:
    """Work on one position: one transition of 512 lanes.

    Attributes:
        logic: bitwise operations and additions on vectors of 512 bits, as the source writes them.
        counts: population counts.
        loads, stores: vectors moved between registers and the first-level cache.
    """

    logic: int = 0
    counts: int = 0
    loads: int = 0
    stores: int = 0

    def __add__(self, other: Cost) -> Cost:
        return Cost(*(a + b for a, b in zip(vars(self).values(), vars(other).values(), strict=True)))

    def times(self, factor: int) -> Cost:
        """The same work `factor` times."""
        return Cost(*(value * factor for value in vars(self).values()))


@dataclass(frozen=True)
class Core:
    """What this core does in a second, each alone: vectors of 512 bits."""

    logic_per_s: float
    counts_per_s: float
    loads_per_s: float

    def least_seconds(self, cost: Cost) -> float:
        """Time of a position if nothing but the scarcest resource counted; stores are as dear as loads."""
        arithmetic = cost.logic / self.logic_per_s + cost.counts / self.counts_per_s
        return max(arithmetic, (cost.loads + cost.stores) / self.loads_per_s)


def measure_core(kernels: Kernels) -> Core:
    """Time the loops of `native/peak.h`, the best of five."""

    def rate(kind: int, name: str, each: int) -> float:
        best = min(_seconds(kernels, kind, _ROUNDS[name]) for _ in range(5))
        return _ROUNDS[name] * each / best

    return Core(rate(0, "logic", 2 * _CHAINS), rate(1, "count", _CHAINS), rate(2, "load", _L1))


def measure_scaling(kernels: Kernels, threads: int) -> float:
    """How many times as much arithmetic `threads` threads do as one: less than `threads` where they share a core."""

    def rate(workers: int) -> float:
        rounds = [_ROUNDS["logic"]] * workers
        with ThreadPoolExecutor(workers) as pool:
            start = time.perf_counter()
            list(pool.map(lambda n: kernels.peak(0, n), rounds))
            return sum(rounds) / (time.perf_counter() - start)

    return max(rate(threads) for _ in range(5)) / max(rate(1) for _ in range(5))


def _seconds(kernels: Kernels, kind: int, rounds: int) -> float:
    start = time.perf_counter()
    kernels.peak(kind, rounds)
    return time.perf_counter() - start


def cost(program: Program, kernels: Kernels) -> Cost:
    """Work of the cells of `program` on one position in which every cell's inputs move; packing is left out."""
    return sum((_timed(*cell) if program.timed else _settled(cell[0]) for cell in _cells(program, kernels)), Cost())


def _cells(program: Program, kernels: Kernels) -> Iterator[tuple[Function | None, int, int]]:
    """(function, events, levels) of every cell; no function for an input."""
    function_of = {number: function for function, number in kernels.index.items()}
    code, at = program.code.tolist(), 0
    for _ in range(program.cells):
        function = function_of.get(code[at])
        fan_in = 0 if function is None else function.fan_in
        if program.timed:
            yield function, code[at + 3], code[at + 4]
            at += 7 if code[at] == SOURCE else 6 + 2 * fan_in
        else:
            yield function, 1, 0
            at += 3 + fan_in


def _operators(function: Function | None) -> int:
    return 0 if function is None else sum(function.text.count(sign) for sign in "&|^~")


def _settled(function: Function | None) -> Cost:
    """The function; exclusive or with the vector before, two counts, two additions; most blocks need no masks."""
    fan_in = 1 if function is None else function.fan_in
    return Cost(_operators(function) + 3, 2, fan_in, int(function is not None))


def _timed(function: Function | None, events: int, levels: int) -> Cost:
    """See `native/timed.h`: a pass over the events, windows, and a pass that lets short pulses die."""
    fan_in = 1 if function is None else function.fan_in
    close = Cost(6, 2, 4, 4)
    if levels == 0:
        return Cost(_operators(function) + 3, 1, fan_in, 1).times(events) + close
    first = Cost(_operators(function) + 1, 0, fan_in, 1)
    windows = Cost(2, 0, 0, 1).times(min(levels - 1, 1)) + Cost(2, 0, 3, 1).times(max(levels - 2, 0))
    second = Cost(9, 1, 4, 1)
    return (first + windows + second).times(events) + close
