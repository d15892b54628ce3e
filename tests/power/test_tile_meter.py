"""Energies of tiles by column: those of the energy model, with glitches and without, of used and of idle cells."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from wattloop.activity.backend import backend
from wattloop.activity.tiles import TileRun, measure_tiles
from wattloop.arith.layer import LayerTrace
from wattloop.gates.netlist import Netlist
from wattloop.gates.spec import ArraySpec
from wattloop.power.energy import EnergyModel
from wattloop.power.energy_table import DYNAMIC, ORIGINS
from wattloop.power.tile_energies import run_at
from wattloop.power.tile_meter import ACCOUNTINGS, COLUMNS, TileMeter, accounted
from wattloop.power.tile_sample import sample_tiles


@pytest.fixture(scope="module")
def runs(trace: LayerTrace, array: ArraySpec) -> list[list[TileRun]]:
    """All tiles, a batch for each size."""
    return [[run_at(trace, array, k) for k in part.chosen] for part in sample_tiles(trace, array, None, 0)]


def test_columns_are_the_energy_models(mac_netlist: Netlist, array: ArraySpec, runs: list[list[TileRun]]) -> None:
    by = backend("bitparallel-timed")
    model = EnergyModel(mac_netlist)
    for batch, found in zip(runs, TileMeter(mac_netlist, array, by, idle=True).energies(runs), strict=True):
        assert found.accounting == "datapath"
        for part, prefix in (("used", ""), ("idle", "idle_")):
            if part == "idle" and batch[0].shape[:2] == (array.rows, array.cols):
                assert not found.values[:, COLUMNS.index("idle_comb_switching_fj") :].any()
                continue
            activity = measure_tiles(by, mac_netlist, array, batch, part=part)
            apart = model.by_toggle_kind(activity)
            both = [a + b for a, b in zip(apart["functional"], apart["glitch"], strict=True)]
            for name in ORIGINS:
                expected = [getattr(energy, name) for energy in both]
                np.testing.assert_allclose(found.values[:, COLUMNS.index(prefix + name)], expected, rtol=1e-9)
            for name in DYNAMIC:
                expected = [getattr(energy, name) for energy in apart["functional"]]
                column = COLUMNS.index(f"{prefix}functional_{name}")
                np.testing.assert_allclose(found.values[:, column], expected, rtol=1e-9)


def test_without_delays_what_is_measured_is_functional(
    mac_netlist: Netlist, array: ArraySpec, runs: list[list[TileRun]]
) -> None:
    (found,) = TileMeter(mac_netlist, array, backend("bitparallel")).energies(runs[:1])
    assert found.accounting == "functional"
    np.testing.assert_array_equal(accounted(found.values, "datapath"), accounted(found.values, "functional"))


def test_accountings_are_sums_of_columns() -> None:
    powers = 2.0 ** np.arange(len(COLUMNS))[None]
    sums = {name: float(accounted(powers, name)[0]) for name in ACCOUNTINGS}
    assert sums["array"] == sums["datapath"] + sums["idle"]
    assert (
        sums["total"]
        == sums["datapath"] + powers[0, COLUMNS.index("clock_fj")] + powers[0, COLUMNS.index("leakage_fj")]
    )
    assert int(sums["functional"]) & int(sums["total"]) == 0


def test_batches_are_of_a_size_that_suits_memory(mac_netlist: Netlist) -> None:
    meter = TileMeter(mac_netlist, ArraySpec(), backend())
    assert meter.at_once((64, 64, 64)) == 4
    assert meter.at_once((1, 1, 1)) > 10_000
    huge = replace(meter, spec=ArraySpec(rows=256, cols=256, pixels=256))
    assert huge.at_once((256, 256, 256)) == 1
