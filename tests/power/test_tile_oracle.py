"""Energies of real tiles: all of them by hand, a sample within its error, and the table beside them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from tests.activity.plain import PlainBackend

from wattloop.activity.backend import ActivityBackend, backend
from wattloop.activity.sources import tile_stimulus
from wattloop.arith.golden import run_tile
from wattloop.arith.layer import ConvGeometry, IntegerLayer, LayerTrace
from wattloop.arith.tiling import tile_at, tile_count
from wattloop.errors import ConfigError, OverflowRangeError
from wattloop.gates.netlist import Netlist
from wattloop.gates.spec import ArraySpec
from wattloop.power import tile_meter as module
from wattloop.power.effort import Effort
from wattloop.power.energy import EnergyModel
from wattloop.power.energy_table import ORIGINS
from wattloop.power.oracle import EnergyBreakdown, HardwareMapping
from wattloop.power.sequential import interval
from wattloop.power.table_profiler import TableProfiler
from wattloop.power.tile_energies import TileEnergies, breakdown, total_fj
from wattloop.power.tile_oracle import TileOracle
from wattloop.power.tile_sample import sample_tiles
from wattloop.power.weight_load import load_table


def oracle_of(netlist: Netlist, spec: ArraySpec, by: ActivityBackend, trace: LayerTrace, **options: Any) -> TileOracle:
    return TileOracle(netlist, spec, {trace.layer.name: trace}, by, **options)


@pytest.fixture(scope="module")
def everything(mac_netlist: Netlist, plain: PlainBackend, array: ArraySpec, trace: LayerTrace) -> TileOracle:
    return oracle_of(mac_netlist, array, plain, trace, tiles=None)


@pytest.fixture(scope="module")
def measured(everything: TileOracle, trace: LayerTrace) -> list[TileEnergies]:
    return everything.simulate("conv", trace.layer.weight)


def by_hand(netlist: Netlist, by: ActivityBackend, trace: LayerTrace, spec: ArraySpec) -> list[EnergyBreakdown]:
    """Each tile of the trace on its own, after the tile before it."""
    found, before = [], tile_at(trace, spec, tile_count(trace, spec) - 1)
    for index in range(tile_count(trace, spec)):
        tile = tile_at(trace, spec, index)
        streams = run_tile(tile.weights, tile.activations, spec, initial_weights=before.weights)
        activity = by.measure(netlist, tile_stimulus(spec.mac, [streams], *tile.weights.shape))
        found += EnergyModel(netlist).breakdown(activity)
        before = tile
    return found


def test_all_tiles_are_the_sum_over_tiles_by_hand(
    mac_netlist: Netlist,
    plain: PlainBackend,
    array: ArraySpec,
    trace: LayerTrace,
    everything: TileOracle,
    measured: list[TileEnergies],
) -> None:
    tiles = by_hand(mac_netlist, plain, trace, array)
    expected = sum(tiles, start=EnergyBreakdown()) * (1 / trace.images)
    found = everything.energy("conv", trace.layer.weight)
    assert vars(found.energy) == pytest.approx(vars(expected))
    assert (found.macs, found.origin, found.accounting) == (6 * 18 * 16, "tiles/plain", "functional")
    assert found.standard_error_fj == 0
    for stratum in measured:
        dynamic = [tiles[index].dynamic_fj for index in stratum.stratum.chosen]
        np.testing.assert_allclose(stratum.dynamic_fj, dynamic)


def test_a_seed_gives_the_same_bits_and_so_does_verilator(
    mac_netlist: Netlist, array: ArraySpec, trace: LayerTrace
) -> None:
    found = [
        oracle_of(mac_netlist, array, by, trace, tiles=6).energy("conv", trace.layer.weight)
        for by in (PlainBackend(), PlainBackend(), backend("verilator"))
    ]
    assert found[0] == found[1]
    assert found[2] == replace(found[0], origin="tiles/verilator")


def test_the_papers_accounting_is_mean_power_over_twice_the_rows(
    array: ArraySpec, measured: list[TileEnergies]
) -> None:
    for stratum in measured:
        cycles = array.rows + stratum.stratum.pixels + array.rows - 1 + array.cols - 1
        energy_fj = sum(stratum.columns[name] for name in ORIGINS)
        assert stratum.cycles == cycles
        np.testing.assert_allclose(stratum.power_w, energy_fj * 1e-15 / (cycles * 200e-12))
        t_s = array.rows * 200e-12
        np.testing.assert_allclose(stratum.paper_fj, 2 * stratum.power_w * t_s * 1e15)
    paper = total_fj(measured, "paper")
    assert paper.total == pytest.approx(sum(stratum.paper_fj.sum() for stratum in measured))
    assert (paper.error, paper.half_width) == (0, 0)


def test_a_sample_is_an_unbiased_estimate_within_its_error(
    mac_netlist: Netlist,
    plain: PlainBackend,
    trace: LayerTrace,
    array: ArraySpec,
    everything: TileOracle,
    measured: list[TileEnergies],
) -> None:
    truth = everything.summed("conv", measured).energy.dynamic_fj
    by_tile = {
        index: value
        for part in measured
        for index, value in zip(part.stratum.chosen, part.dynamic_fj.tolist(), strict=True)
    }

    def estimate(seed: int) -> tuple[float, float]:
        strata = sample_tiles(trace, array, 14, seed)
        values = [np.array([by_tile[index] for index in part.chosen]) for part in strata]
        found = interval([part.size for part in strata], values, 0.95)
        return found.total / trace.images, found.error / trace.images

    seeds = 600
    estimates, errors = np.array([estimate(seed) for seed in range(seeds)]).T
    spread = estimates.std(ddof=1)
    assert abs(estimates.mean() - truth) < 4 * spread / np.sqrt(seeds)
    assert np.mean(errors**2) / spread**2 == pytest.approx(1, abs=0.2)
    sampled = oracle_of(mac_netlist, array, plain, trace, tiles=14, seed=3).energy("conv", trace.layer.weight)
    assert (sampled.energy.dynamic_fj, sampled.standard_error_fj) == pytest.approx(estimate(3))
    assert sampled.standard_error_fj > 0


def test_active_and_idle_cells_are_the_array(
    mac_netlist: Netlist, plain: PlainBackend, array: ArraySpec, trace: LayerTrace, measured: list[TileEnergies]
) -> None:
    both = oracle_of(mac_netlist, array, plain, trace, tiles=None, idle=True).simulate("conv", trace.layer.weight)
    assert breakdown(both) == breakdown(measured)
    for part in both:
        stratum = part.stratum
        cells, used = array.rows * array.cols, stratum.rows * stratum.cols
        if used == cells:
            assert not part.by("idle").any()
            continue
        tile, before = (tile_at(trace, array, stratum.chosen[0] + step) for step in (0, -1))
        streams = run_tile(tile.weights, tile.activations, array, initial_weights=before.weights)
        whole = tile_stimulus(array.mac, [streams], array.rows, array.cols)
        (expected,) = EnergyModel(mac_netlist).breakdown(plain.measure(mac_netlist, whole))
        # Exactly additive where energy is linear in toggles; probabilities of states of several pins are not.
        for name, tolerance in (("comb_switching_fj", 1e-9), ("clock_fj", 1e-3), ("comb_internal_fj", 0.1)):
            found = part.columns[name][0] + part.columns[f"idle_{name}"][0]
            assert found == pytest.approx(getattr(expected, name), rel=tolerance)
        assert part.by("array")[0] == pytest.approx(part.dynamic_fj[0] + part.by("idle")[0])
        assert 0 < part.by("idle")[0] / (cells - used) < part.dynamic_fj[0] / used


def test_batches_and_progress_do_not_move_the_result(
    everything: TileOracle, trace: LayerTrace, measured: list[TileEnergies], monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[tuple[int, int]] = []
    monkeypatch.setattr(module, "_PE_CYCLES_AT_ONCE", 1)
    found = everything.simulate("conv", trace.layer.weight, progress=lambda done, total: seen.append((done, total)))
    for one_by_one, together in zip(found, measured, strict=True):
        np.testing.assert_array_equal(one_by_one.values, together.values)
    assert seen == [(k, 36) for k in range(1, 37)]


def test_energy_tells_who_watches_the_layer(everything: TileOracle, trace: LayerTrace) -> None:
    told: list[object] = []

    @contextmanager
    def watch(layer: str) -> Iterator[Callable[[int, int], None]]:
        told.append(layer)
        yield lambda done, total: told.append((done, total))
        told.append("done")

    replace(everything, tiles=4, watch=watch).energy("conv", trace.layer.weight)
    assert (told[0], told[-1]) == ("conv", "done")
    assert told[-2][0] == told[-2][1]  # type: ignore[index]


def test_an_offset_of_the_partial_sums_is_simulated(everything: TileOracle, trace: LayerTrace) -> None:
    weight = trace.layer.weight
    plain_fj = everything.energy("conv", weight).energy
    shifted_fj = everything.energy("conv", weight, HardwareMapping(psum_offset=1 << 18)).energy
    assert shifted_fj.dynamic_fj < plain_fj.dynamic_fj  # the sums no longer cross zero
    assert shifted_fj.clock_fj == pytest.approx(plain_fj.clock_fj, rel=0.01)


def test_what_tiles_cannot_answer_is_refused(everything: TileOracle, trace: LayerTrace) -> None:
    weight = trace.layer.weight
    with pytest.raises(ConfigError, match="no energy profile of layer 'fc'"):
        everything.energy("fc", weight)
    with pytest.raises(ConfigError, match=r"weights of shape \(6, 17\)"):
        everything.energy("conv", weight[:, 1:])
    with pytest.raises(OverflowRangeError, match="layer conv"):
        everything.energy("conv", weight, HardwareMapping(psum_offset=(1 << 21) - 2))
    with pytest.raises(ConfigError, match="give the oracle a table"):
        everything.value_energy_fj("conv")


def test_a_companion_answers_for_values(everything: TileOracle, mac_netlist: Netlist, plain: PlainBackend) -> None:
    traces = list(everything.traces.values())
    tables = TableProfiler(mac_netlist, everything.spec, plain, effort=Effort(4, 2))(traces)
    both = replace(everything, values=tables)
    np.testing.assert_array_equal(both.value_energy_fj("conv"), tables.value_energy_fj("conv"))


def test_cheap_weights_are_cheap_in_tiles(everything: TileOracle, trace: LayerTrace) -> None:
    zeros = everything.energy("conv", np.zeros_like(trace.layer.weight)).energy.dynamic_fj
    full = everything.energy("conv", trace.layer.weight).energy.dynamic_fj
    assert 0 < zeros < 0.5 * full


def test_where_a_tables_assumptions_hold_it_agrees_with_all_tiles(mac_netlist: Netlist) -> None:
    # One row of cells: the partial sum always is 0, every cell sees every activation, and weights stay.
    rng = np.random.default_rng(2)
    spec = ArraySpec(rows=1, cols=16, pixels=64)
    weight = rng.choice(np.arange(-128, 128), 16, replace=False).astype(np.int8)[:, None]
    layer = IntegerLayer("conv", "conv", ConvGeometry(1, 16, 8, 8), weight)
    trace = LayerTrace(layer, rng.gamma(1, 40, (1, 1, 8, 8)).clip(0, 255).astype(np.uint8))
    verilator = backend("verilator")
    loads = load_table(mac_netlist, spec.mac, backend("bitparallel"))
    tables = TableProfiler(mac_netlist, spec, verilator, effort=Effort(2000), loads=loads)([trace])
    table = tables.energy("conv", weight)
    tiles = oracle_of(mac_netlist, spec, verilator, trace, tiles=None).energy("conv", weight)
    error = table.energy.dynamic_fj / tiles.energy.dynamic_fj - 1  # measured: -0.04 %
    assert abs(error) < 3 * table.standard_error_fj / table.energy.dynamic_fj < 0.005


def test_a_table_of_a_layer_is_near_all_its_tiles(
    mac_netlist: Netlist, everything: TileOracle, trace: LayerTrace, measured: list[TileEnergies]
) -> None:
    # In an array of 8 rows loading the weights is a third of a tile.
    loads = load_table(mac_netlist, everything.spec.mac, backend("bitparallel"))
    table = TableProfiler(mac_netlist, everything.spec, backend("verilator"), effort=Effort(1000), loads=loads)([trace])
    found = table.energy("conv", trace.layer.weight).energy
    truth = everything.summed("conv", measured).energy
    assert found.dynamic_fj == pytest.approx(truth.dynamic_fj, rel=0.01)  # measured: -0.26 %
    assert found.clock_fj == pytest.approx(truth.clock_fj, rel=0.01)
