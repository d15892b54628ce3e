"""Whole arrays of netlists, flip-flops and all, in simulators that know nothing of the engine: every net agrees."""

from __future__ import annotations

from itertools import product

import pytest

from wattloop.activity.bitparallel.array_contract import gate_array, random_tiles, rtl_array
from wattloop.activity.bitparallel.engine import Engine
from wattloop.activity.cosim.array_bench import with_counters
from wattloop.errors import NetlistError
from wattloop.gates.libraries import resolve
from wattloop.gates.netlist import Netlist
from wattloop.gates.spec import ArraySpec, MacSpec
from wattloop.gates.synthesis import run_synthesis

# One tile that fills the array, one that leaves rows and columns, one that leaves columns only.
SHAPES = {4: [(4, 4, 5), (3, 2, 5), (4, 1, 2)], 8: [(8, 8, 4), (5, 7, 3)]}


# The larger an array, the longer it compiles: `wattloop verify array` takes 8x8 of both multipliers to both simulators.
@pytest.mark.parametrize(
    ("multiplier", "simulator", "size"),
    [*product(("array", "booth"), ("icarus", "verilator"), (4,)), ("array", "icarus", 8)],
)
def test_every_net_of_every_cell_of_an_array_in_gates(multiplier: str, simulator: str, size: int) -> None:
    spec = ArraySpec(size, size, mac=MacSpec(multiplier=multiplier))
    cell = run_synthesis(spec.mac, resolve("nangate15"))
    checks = list(gate_array(cell, spec, random_tiles(spec, SHAPES[size]), simulator))
    assert [check for check in checks if not check.passed] == []
    whole = [check for check in checks if check.fact == "toggles of every net of every cell"]
    assert len(whole) == 2 * len(SHAPES[size]) - 1  # used and idle cells, but for the tile that fills the array
    assert whole[0].numbers > size * size * 500
    assert whole[0].total > 10_000


def test_a_net_that_moves_once_more_is_seen() -> None:
    spec = ArraySpec(4, 4)
    cell = run_synthesis(spec.mac, resolve("nangate15"))
    tile, other = random_tiles(spec, [(4, 4, 5)]), random_tiles(spec, [(4, 4, 5)])
    other[0].activations[2, 3] ^= 1
    one, two = (list(gate_array(cell, spec, tiles, "icarus")) for tiles in (tile, other))
    assert all(check.passed for check in (*one, *two))
    assert one[0].total != two[0].total


def test_registers_and_results_of_the_array_of_the_paper_in_rtl(mac_netlist: Netlist) -> None:
    spec = ArraySpec()
    checks = list(rtl_array(spec, random_tiles(spec, [(64, 64, 64)])[0], Engine(mac_netlist)))
    assert [check for check in checks if not check.passed] == []
    assert len(checks) == 7
    assert checks[0].numbers == 64 * 64 * (1 + spec.tile_cycles)


def test_a_net_that_the_file_does_not_declare_is_named(mac_netlist: Netlist) -> None:
    with pytest.raises(NetlistError, match=r"net \S+ is not declared in the file"):
        with_counters("module m(a);\n  wire clk_i;\nendmodule\n", mac_netlist)
