"""Loading weights: the table's toggles are those of real tiles in which nothing else moves."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from wattloop.activity.backend import backend
from wattloop.activity.sources import tile_stimulus
from wattloop.arith.golden import run_tile
from wattloop.arith.layer import ConvGeometry, IntegerLayer, LayerTrace
from wattloop.arith.tiling import tile_at, tile_count
from wattloop.errors import StorageError
from wattloop.gates.libraries import resolve
from wattloop.gates.spec import ArraySpec, MacSpec
from wattloop.gates.synthesis import synthesize
from wattloop.power.weight_load import Loading, LoadTable, load_table, loading

CELLS = [
    MacSpec(),
    MacSpec(multiplier="booth"),
    MacSpec(multiplier="sign_magnitude", bypass_zero_weight=True),
    MacSpec(gate_weight_clock=True),
]
SIMULATORS = ["bitparallel", "bitparallel-timed"]


@pytest.mark.parametrize("mac", CELLS, ids=lambda mac: mac.module_name)
@pytest.mark.parametrize("groups", [1, 2])
@pytest.mark.parametrize("simulator", SIMULATORS)
def test_toggles_and_glitches_are_those_of_tiles_without_pixels(mac: MacSpec, groups: int, simulator: str) -> None:
    expected, found = by_tiles_and_by_table(mac, groups, simulator)
    np.testing.assert_array_equal(found, expected)
    assert expected.sum() > 0


def by_tiles_and_by_table(mac: MacSpec, groups: int, simulator: str) -> tuple[np.ndarray, np.ndarray]:
    """Toggles of every net: 11 or 22 rows x 5 columns on 8 x 3 cells, partial tiles both ways, 3 blocks of pixels."""
    netlist, by = synthesize(mac, resolve("nangate15")), backend(simulator)
    spec = ArraySpec(rows=8, cols=3, pixels=6, mac=mac)
    rng = np.random.default_rng(4)
    geometry = ConvGeometry(22, 10, 4, 4, groups=groups)
    weight = rng.choice(np.array(mac.weight_values), (10, 22 // groups)).astype(np.int8)
    layer = IntegerLayer("conv", "conv", geometry, weight)
    trace = LayerTrace(layer, np.zeros((1, 22, 4, 4), np.uint8))
    expected = np.zeros(len(netlist.nets), np.int64)
    for index in range(tile_count(trace, spec)):
        tile = tile_at(trace, spec, index)
        before = tile_at(trace, spec, (index - 1) % tile_count(trace, spec)).weights
        streams = run_tile(tile.weights, tile.activations, spec, initial_weights=before)
        activity = by.measure(netlist, tile_stimulus(mac, [streams], *tile.weights.shape))
        expected += activity.toggles[0] + (0 if activity.glitches is None else activity.glitches[0])
    table, loaded = load_table(netlist, mac, by), loading(layer, weight, spec)
    found = np.zeros(len(netlist.nets))
    found[table.nets] = table.moves(loaded)
    return expected, found


def test_energy_is_toggles_times_their_prices() -> None:
    rng = np.random.default_rng(1)
    nets, bus, more = np.array([1, 4]), rng.integers(0, 9, (2, 2)), rng.integers(0, 9, (2, 16, 2))
    table = LoadTable(np.array([-1, 0]), nets, rng.integers(0, 9, (4, 2), np.uint16), bus, more, "n")
    loaded = Loading(np.array([3.0, 0, 1, 2]), np.array([5.0, 7]), rng.random((2, 16)))
    prices = {"comb_switching_fj": rng.random(6), "register_fj": np.ones(6)}
    moves = (
        loaded.changes @ table.change + loaded.bus @ table.bus + np.einsum("bp,bpn->n", loaded.together, table.together)
    )
    assert table.energy_fj(loaded, prices) == pytest.approx({k: float(moves @ v[nets]) for k, v in prices.items()})


def test_a_file_gives_back_every_toggle(tmp_path: Path) -> None:
    table = load_table(synthesize(MacSpec(), resolve("nangate15")), MacSpec(), backend("bitparallel"))
    table.save(tmp_path / "loads.npz")
    found = LoadTable.load(tmp_path / "loads.npz")
    assert found.netlist == table.netlist
    for name in ("weights", "nets", "change", "bus", "together"):
        np.testing.assert_array_equal(getattr(found, name), getattr(table, name))
    (tmp_path / "loads.npz").write_bytes(b"no")
    with pytest.raises(StorageError):
        LoadTable.load(tmp_path / "loads.npz")
