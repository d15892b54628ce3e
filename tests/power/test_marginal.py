"""What a MAC would cost with each weight, and tables that have to agree with it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from wattloop.activity.backend import backend
from wattloop.activity.sources import tile_stimulus
from wattloop.arith.golden import run_tile
from wattloop.arith.kinds import KINDS
from wattloop.arith.layer import ConvGeometry, IntegerLayer, LayerTrace
from wattloop.gates.netlist import Netlist
from wattloop.gates.spec import ArraySpec, MacSpec
from wattloop.power.effort import Effort
from wattloop.power.energy_table import EnergyTable
from wattloop.power.layer_use import LayerUse, weight_counts
from wattloop.power.marginal import marginal_fj
from wattloop.power.table_profiler import TableProfiler
from wattloop.power.tile_oracle import TileOracle
from wattloop.power.weight_load import Loading, LoadTable, load_table


@pytest.fixture(scope="module")
def loads(mac_netlist: Netlist) -> LoadTable:
    return load_table(mac_netlist, MacSpec(), backend("bitparallel"))


def column(rows: int, pixels: int, seed: int = 0) -> LayerTrace:
    """One output channel: every reduction row is one cell of the array."""
    rng = np.random.default_rng(seed)
    geometry = ConvGeometry(rows, 1, pixels, 1)
    layer = IntegerLayer("column", "conv", geometry, rng.integers(-128, 128, (1, rows)).astype(np.int8))
    busy = np.linspace(5, 90, rows)[:, None, None]
    return LayerTrace(layer, (rng.gamma(0.7, 1.0, (1, rows, pixels, 1)) * busy).clip(0, 255).astype(np.uint8))


def test_a_single_cell_costs_what_its_tile_costs_with_that_weight(mac_netlist: Netlist, loads: LoadTable) -> None:
    trace, spec, by = column(1, 20), ArraySpec(rows=2, cols=2, pixels=20), backend("bitparallel")
    found = marginal_fj(mac_netlist, spec, trace, by, {"toggles": np.ones(len(mac_netlist.nets))}, cells=3)
    assert found.shape == (256,)
    for weight in (-128, -3, 0, 1, 64, 127):
        streams = run_tile([[weight]], trace.inputs[0, :, :, 0], spec, initial_weights=[[weight]])
        whole = by.measure(mac_netlist, tile_stimulus(spec.mac, [streams], 1, 1)).toggles.sum()
        at = weight + 128
        passing = spec.mac.weight_code(np.array([0, weight, 0]))
        bus = ((passing[1:] ^ passing[:-1])[:, None] >> np.arange(8) & 1).sum(axis=0).astype(float)
        changes = np.zeros(256 * 256)
        changes[at * 256 + at] = 1
        assert found[at] * 21 == pytest.approx(whole - loads.moves(Loading(changes, bus, np.zeros((8, 16)))).sum())


def profiled(
    netlist: Netlist, spec: ArraySpec, trace: LayerTrace, loads: LoadTable, kind: str, pairs: int
) -> tuple[float, float, EnergyTable]:
    """Energy of the layer by table, its sampling error, and the table."""
    profiler = TableProfiler(
        netlist, spec, backend("bitparallel"), kind=KINDS[kind], effort=Effort(pairs, 16), loads=loads
    )
    oracle = profiler([trace])
    found = oracle.energy(trace.layer.name, trace.layer.weight)
    return found.energy.dynamic_fj, found.standard_error_fj, oracle.tables[trace.layer.name]


def test_where_each_cell_is_a_class_of_its_own_a_joint_table_is_exact(mac_netlist: Netlist, loads: LoadTable) -> None:
    # 8 rows x 1 column: every transition is kept, and a class holds those of one cell, whose weight is what it is.
    trace, spec, by = column(8, 600), ArraySpec(rows=8, cols=2, pixels=200), backend("bitparallel")
    exact = TileOracle(mac_netlist, spec, {"column": trace}, by, tiles=None).energy("column", trace.layer.weight)
    energy_fj, error_fj, table = profiled(mac_netlist, spec, trace, loads, "rows", 20_000)
    assert len(table.shares) == 8
    assert error_fj < 0.004 * energy_fj
    assert abs(energy_fj - exact.energy.dynamic_fj) < 3 * error_fj + 1e-3 * energy_fj
    # One class for all cells does not know that quiet rows hold other weights than busy ones.
    pooled_fj, _, _ = profiled(mac_netlist, spec, trace, loads, "joint", 20_000)
    assert abs(pooled_fj - exact.energy.dynamic_fj) > 5 * error_fj + 1e-3 * energy_fj


def test_the_tables_weights_cost_what_cells_measure(mac_netlist: Netlist, loads: LoadTable, trace: LayerTrace) -> None:
    spec = ArraySpec(rows=8, cols=4, pixels=6)
    _, _, table = profiled(mac_netlist, spec, trace, loads, "joint", 20_000)
    marginal = marginal_fj(mac_netlist, spec, trace, backend("bitparallel"), table.prices, cells=4000)
    # 4000 cells of some 600 that the layer has: every one of them about seven times.
    np.testing.assert_allclose(table.dynamic_fj, marginal, rtol=0.05)
    assert np.abs(table.dynamic_fj / marginal - 1).mean() < 0.02


def test_prices_times_toggles_are_the_energies_of_the_convention(mac_netlist: Netlist, trace: LayerTrace) -> None:
    from wattloop.activity.bitparallel.mac_vectors import random_vectors
    from wattloop.power.energy import EnergyModel

    model = EnergyModel(mac_netlist)
    activity = backend("bitparallel-timed").measure(mac_netlist, random_vectors(MacSpec(), 50, 64))
    prices, columns = model.prices_fj(activity), model.columns_fj(activity)
    density = activity.rates().density[0]
    assert {name: float(density @ price) for name, price in prices.items()} == pytest.approx(
        {name: float(columns[name][0]) for name in prices}
    )
    assert set(prices) == {"comb_switching_fj", "comb_internal_fj", "register_fj"}


def test_weights_are_counted_by_value_and_class_of_their_row() -> None:
    geometry = ConvGeometry(4, 4, 1, 1, groups=2)  # two rows a group, two channels a group
    weight = np.array([[1, 2], [1, 1], [2, 0], [2, 2]], np.int8)
    layer = IntegerLayer("g", "conv", geometry, weight)
    found = weight_counts(layer, weight, np.array([0, 1, 2]), np.array([[0, 1], [1, 0]]), 2)
    assert found.tolist() == [[1, 0], [2, 1], [1, 3]]
    assert LayerUse([layer], ArraySpec()).counts(np.array([0, 1, 2]), np.zeros((1, 1), np.int64), 1).tolist() == [
        [2],
        [6],
        [8],
    ]  # two cycles each: to the one pixel and back


def test_sampling_stops_when_every_weight_and_the_layer_are_known_well_enough(
    mac_netlist: Netlist, loads: LoadTable, trace: LayerTrace
) -> None:
    spec = ArraySpec(rows=8, cols=4, pixels=6)
    profiler = TableProfiler(
        mac_netlist, spec, backend("bitparallel"), effort=Effort(256, 8, precision=0.03), loads=loads
    )
    oracle = profiler([trace])
    table, found = oracle.tables["conv"], oracle.energy("conv", trace.layer.weight)
    assert table.worst_error <= 0.03
    assert found.standard_error_fj <= 1.05 * 0.03 / 4 * found.energy.dynamic_fj
    assert table.pairs.min() < table.pairs.max()  # no weight is sampled more than it needs
    again = replace(profiler, workers=profiler.workers)([trace]).tables["conv"]
    assert again.batch_fj.tobytes() == table.batch_fj.tobytes()
    capped = replace(profiler, effort=Effort(256, 8, precision=0.001, most_pairs=512))([trace]).tables["conv"]
    assert capped.pairs.max() < 700  # rounded up in every class and batch
