"""Whole arrays of netlists, flip-flops and all, in simulators that know nothing of the engine: every net agrees."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from tests.cells import mapped, small_templates

from wattloop.activity.bitparallel.array_contract import gate_array, random_tiles, rtl_array
from wattloop.activity.bitparallel.engine import Engine
from wattloop.activity.cosim.array_bench import count_nets, with_counters
from wattloop.activity.drive import switching_nets
from wattloop.arith.layer import ConvGeometry, IntegerLayer, LayerTrace
from wattloop.arith.mapping import HardwareMapping
from wattloop.arith.tiling import tile_count
from wattloop.errors import NetlistError
from wattloop.gates.libraries import resolve
from wattloop.gates.netlist import Netlist
from wattloop.gates.spec import ArraySpec, MacSpec
from wattloop.gates.synthesis import Synthesis, run_synthesis
from wattloop.power.tile_energies import check_mapping, run_at

# One tile that fills the array, one that leaves rows and columns, one that leaves columns only.
SHAPES = {2: [(2, 3, 4), (1, 2, 3)], 4: [(4, 4, 5), (3, 2, 5), (4, 1, 2)]}


# The larger an array, the longer it compiles: `wattloop verify array` takes 8x8 of both multipliers to both simulators.
@pytest.mark.parametrize(
    ("multiplier", "simulator"), [("array", "icarus"), ("array", "verilator"), ("booth", "icarus")]
)
def test_every_net_of_every_cell_of_an_array_in_gates(multiplier: str, simulator: str) -> None:
    spec = ArraySpec(4, 4, mac=MacSpec(multiplier=multiplier))
    cell = run_synthesis(spec.mac, resolve("nangate15"))
    checks = list(gate_array(cell, spec, random_tiles(spec, SHAPES[4]), simulator))
    assert [check for check in checks if not check.passed] == []
    whole = [check for check in checks if check.fact == "toggles of every net of every cell"]
    assert len(whole) == 2 * len(SHAPES[4]) - 1  # used and idle cells, but for the tile that fills the array
    assert whole[0].numbers > 4 * 4 * 500
    assert whole[0].total > 10_000


def small(template: str, *, psum_preload: bool = False) -> tuple[Synthesis, ArraySpec]:
    """A cell of few bits, and the smallest array that the fast path takes."""
    spec = ArraySpec(2, 3, mac=small_templates()[template], psum_preload=psum_preload)
    return mapped("nangate15", spec.mac), spec


@pytest.mark.parametrize("template", small_templates())
def test_every_net_of_every_cell_of_a_small_array_of_every_template(template: str) -> None:
    """Also of kept products, which are buses inside the cell, and with weights behind a gated clock."""
    cell, spec = small(template)
    checks = list(gate_array(cell, spec, random_tiles(spec, SHAPES[2]), "icarus"))
    assert [check for check in checks if not check.passed] == []
    assert len(checks) == 4 * (2 * len(SHAPES[2]) - 1)
    assert checks[0].numbers == spec.rows * spec.cols * len(switching_nets(cell.netlist))
    assert checks[0].total > 400


def test_offsets_of_a_small_array_are_preloaded() -> None:
    cell, spec = small("array_gated", psum_preload=True)
    first, second = random_tiles(spec, SHAPES[2])
    tiles = [replace(first, psum_in=np.array([5, -64, 63])), replace(second, psum_in=np.array([-1, 0, 21]))]
    checks = list(gate_array(cell, spec, tiles, "icarus"))
    assert [check for check in checks if not check.passed] == []
    assert len(checks) == 4 * (2 * len(SHAPES[2]) - 1)


def test_a_mapped_layer_toggles_an_array_of_netlists_as_its_tiles_say() -> None:
    """Flipped filters, an offset a channel, rows and pixels in another order: every net of every cell."""
    cell, spec = small("array", psum_preload=True)
    rng, mac = np.random.default_rng(4), spec.mac
    low, high = mac.weight_range
    weight = rng.integers(low + 1, high + 1, (3, 4)).astype(np.int8)
    layer = IntegerLayer("c", "conv", ConvGeometry(4, 3, 2, 2), weight, activation_bits=mac.activation_bits)
    trace = LayerTrace(layer, rng.integers(0, mac.activation_range[1] + 1, (1, 4, 2, 2)).astype(np.uint8))
    mapping = HardwareMapping((3, -2, 0), (2, 0, 3, 1), (0, 2), "snake")
    check_mapping(layer, spec, mapping)
    tiles = [run_at(trace, spec, index, mapping) for index in range(tile_count(trace, spec))]
    assert len(tiles) == 2
    np.testing.assert_array_equal(tiles[0].weights, weight[:, [2, 0]].T * np.array([-1, 1, -1]))
    assert [check for check in gate_array(cell, spec, tiles, "icarus") if not check.passed] == []


def test_offsets_of_an_array_in_rtl_are_preloaded() -> None:
    cell, spec = small("array", psum_preload=True)
    checks = list(rtl_array(spec, random_tiles(spec, [(2, 3, 3)])[0], Engine(cell.netlist)))
    assert [check for check in checks if not check.passed] == []
    assert len(checks) == 7


def test_clocks_are_not_counted_but_the_register_behind_one_is() -> None:
    cell, spec = small("array_gated")
    assert cell.netlist.gated_clocks
    [seen] = count_nets(cell, spec, random_tiles(spec, [(2, 3, 3)]), simulator="icarus")
    clocks = sorted(cell.netlist.clock_nets)
    assert not seen.toggles[:, :, clocks].any()
    assert not seen.high[:, :, clocks].any()
    assert seen.toggles[:, :, cell.netlist.bus("w_q", 3)].any()


CONTRADICTION = """
from dataclasses import dataclass
from wattloop.gates.multipliers import SignMagnitude

@dataclass(frozen=True)
class Contradiction(SignMagnitude):
    name: str = "contradiction"
    template: str = "mul_array.sv.j2"

MULTIPLIER = Contradiction()
"""


def test_a_decode_that_contradicts_the_rtl_is_seen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Weights are laid down as sign and magnitude, and the hardware takes them for two's complement."""
    (tmp_path / "mine.py").write_text(CONTRADICTION)
    monkeypatch.setenv("WATTLOOP_MULTIPLIERS", str(tmp_path / "mine.py"))
    spec = ArraySpec(2, 3, mac=MacSpec(3, 3, psum_bits=7, multiplier="contradiction"))
    cell = mapped("nangate15", spec.mac)
    checks = list(gate_array(cell, spec, random_tiles(spec, SHAPES[2]), "icarus"))
    assert any(not check.passed for check in checks)


def test_a_net_that_moves_once_more_is_seen() -> None:
    spec = ArraySpec(4, 4)
    cell = run_synthesis(spec.mac, resolve("nangate15"))
    tile, other = random_tiles(spec, [(4, 4, 5)]), random_tiles(spec, [(4, 4, 5)])
    other[0].activations[2, 3] ^= 1
    one, two = (list(gate_array(cell, spec, tiles, "icarus")) for tiles in (tile, other))
    assert all(check.passed for check in (*one, *two))
    assert one[0].total != two[0].total


def test_registers_and_results_of_an_array_in_rtl(mac_netlist: Netlist) -> None:
    """`wattloop verify array` takes that of the paper, which compiles half a minute."""
    spec = ArraySpec(16, 12, pixels=20)
    checks = list(rtl_array(spec, random_tiles(spec, [(16, 12, 20)])[0], Engine(mac_netlist)))
    assert [check for check in checks if not check.passed] == []
    assert len(checks) == 7
    assert checks[0].numbers == 16 * 12 * (1 + spec.tile_cycles)


def test_a_net_that_the_file_does_not_declare_is_named(mac_netlist: Netlist) -> None:
    with pytest.raises(NetlistError, match=r"net \S+ is not declared in the file"):
        with_counters("module m(a);\n  wire clk_i;\nendmodule\n", mac_netlist)
