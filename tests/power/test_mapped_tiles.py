"""Energies of mapped layers: the tiles that the mapping makes, cycle by cycle, whoever simulates them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from tests.activity.plain import PlainBackend

from wattloop.activity.backend import ActivityBackend, backend
from wattloop.activity.sources import tile_stimulus
from wattloop.activity.tiles import measure_tiles
from wattloop.arith.golden import run_tiles
from wattloop.arith.im2col import im2col
from wattloop.arith.layer import ConvGeometry, IntegerLayer, LayerTrace
from wattloop.arith.tiling import tile_count
from wattloop.errors import ConfigError, OverflowRangeError
from wattloop.gates.netlist import Netlist
from wattloop.gates.spec import ArraySpec
from wattloop.power.energy import EnergyModel
from wattloop.power.oracle import IDENTITY, EnergyBreakdown, HardwareMapping
from wattloop.power.survey import Survey, TracedNetwork
from wattloop.power.tile_energies import run_at, total_fj
from wattloop.power.tile_meter import TileMeter
from wattloop.power.tile_oracle import TileOracle

SPEC = ArraySpec(rows=4, cols=3, pixels=5, psum_preload=True)


@pytest.fixture(scope="module")
def grouped() -> LayerTrace:
    """Two groups of 6 rows x 4 columns, 9 pixels: blocks of every kind, and offsets that change between them."""
    rng = np.random.default_rng(3)
    geometry = ConvGeometry(4, 8, 3, 4, kernel=(1, 3), padding=(0, 1), groups=2, stride=(1, 1))
    weight = rng.normal(0, 30, (8, 6)).clip(-127, 127).astype(np.int8)
    inputs = np.where(rng.random((1, 4, 3, 4)) < 0.3, 0, rng.gamma(2, 30, (1, 4, 3, 4)).clip(0, 255))
    return LayerTrace(IntegerLayer("conv", "conv", geometry, weight), inputs.astype(np.uint8))


FULL = HardwareMapping(
    psum_offset=(900, -70_000, 3, 0, 1 << 17, -1, 40, 5000),
    row_order=(3, 5, 0, 1, 4, 2),
    flipped_filters=(1, 2, 6),
    pixel_order="snake",
)
SNAKE = [0, 1, 2, 3, 7, 6, 5, 4, 8, 9, 10, 11]


def by_hand(netlist: Netlist, by: ActivityBackend, trace: LayerTrace) -> EnergyBreakdown:
    """All tiles of the mapped layer in one run of the array, back to back, twice over: the second pass is counted."""
    columns = im2col(trace.inputs, trace.layer.geometry)[0]
    signs = np.where(np.isin(np.arange(8), FULL.flipped_filters), -1, 1)
    weights = (trace.layer.weight.astype(int) * signs[:, None]).reshape(2, 4, 6)
    offsets = np.array(FULL.psum_offset).reshape(2, 4)
    total = EnergyBreakdown()
    passes = [
        (
            weights[g][c : c + 3, list(FULL.row_order)[r : r + 4]].T,
            offsets[g][c : c + 3],
            columns[g][:, SNAKE[p : p + 5]],
        )
        for g in range(2)
        for r in (0, 4)
        for c in (0, 3)
        for p in (0, 5, 10)
    ]
    for k, (weight, offset, seen) in enumerate(passes):
        row_block = list(FULL.row_order)[4 * (k // 6 % 2) :][:4]
        older, before, _ = passes[k - 1]
        streams = run_tiles(
            weight[None],
            seen[row_block][None],
            SPEC,
            psum_in=[np.pad(offset, (0, 3 - len(offset)))],
            initial_weights=older,
            initial_psum_in=np.pad(before, (0, 3 - len(before))),
        )
        (found,) = EnergyModel(netlist).breakdown(
            by.measure(netlist, tile_stimulus(SPEC.mac, [streams], *weight.shape))
        )
        total += found
    return total


def test_a_mapped_layer_costs_what_its_tiles_cost_by_hand(
    mac_netlist: Netlist, plain: PlainBackend, grouped: LayerTrace
) -> None:
    oracle = TileOracle(mac_netlist, SPEC, {"conv": grouped}, plain, tiles=None)
    found = oracle.energy("conv", grouped.layer.weight, FULL).energy
    assert vars(found) == pytest.approx(vars(by_hand(mac_netlist, plain, grouped)))
    assert found.dynamic_fj != pytest.approx(oracle.energy("conv", grouped.layer.weight).energy.dynamic_fj, rel=1e-3)


@pytest.mark.parametrize("simulator", ["bitparallel", "bitparallel-timed"])
def test_the_native_engine_agrees_with_golden_streams_on_mapped_tiles(
    mac_netlist: Netlist, grouped: LayerTrace, simulator: str
) -> None:
    """Also where offsets change between tiles, which its own streams of tiles leave to the golden ones."""
    engine = backend(simulator)
    runs = [run_at(grouped, SPEC, k, FULL) for k in range(tile_count(grouped, SPEC))]
    assert {run.psum_before is None for run in runs} == {True, False}
    for run in runs:
        for part in ("used", "idle"):
            used = run.weights.shape
            if part == "idle" and used == (SPEC.rows, SPEC.cols):
                continue
            found = measure_tiles(engine, mac_netlist, SPEC, [run], part=part)
            streams = tile_stimulus(SPEC.mac, [run.streams(SPEC)], *used, idle=part == "idle")
            expected = engine.measure(mac_netlist, streams)
            for name in ("toggles", "high"):
                np.testing.assert_array_equal(getattr(found, name), getattr(expected, name))


@pytest.mark.parametrize(
    "mapping",
    [
        IDENTITY,
        HardwareMapping(psum_offset=1 << 17),
        HardwareMapping(psum_offset=tuple(range(-300, 300, 100))),
        HardwareMapping(flipped_filters=(0, 3)),
        HardwareMapping(row_order=tuple(range(17, -1, -1)), pixel_order="snake"),
    ],
)
def test_a_survey_lays_layers_out_as_the_oracle_does(
    mac_netlist: Netlist, array: ArraySpec, trace: LayerTrace, mapping: HardwareMapping
) -> None:
    spec = replace(array, cols=6)
    meter = TileMeter(mac_netlist, spec, backend("bitparallel-timed"), idle=True)
    oracle = TileOracle(mac_netlist, spec, {"conv": trace}, meter.backend, tiles=None, idle=True)
    survey = Survey(TracedNetwork.of([trace]), meter, mappings={"conv": mapping})
    (layer,) = survey.fixed(None, 0, 0.95).layers
    for one, other in zip(layer, oracle.simulate("conv", trace.layer.weight, mapping), strict=True):
        np.testing.assert_allclose(one.values, other.values, rtol=1e-12)
    plain = total_fj(Survey(TracedNetwork.of([trace]), meter).fixed(None, 0, 0.95).layers[0], "datapath").total
    assert (total_fj(layer, "datapath").total == plain) == (mapping == IDENTITY)


def test_a_flipped_layer_costs_what_the_negated_weights_cost(
    mac_netlist: Netlist, array: ArraySpec, trace: LayerTrace
) -> None:
    oracle = TileOracle(mac_netlist, array, {"conv": trace}, backend("bitparallel"), tiles=None)
    weight = trace.layer.weight.copy()
    weight[[1, 4]] *= -1
    flipped = oracle.energy("conv", trace.layer.weight, HardwareMapping(flipped_filters=(1, 4)))
    assert flipped == oracle.energy("conv", weight)


def test_mappings_that_the_array_cannot_take_are_refused(mac_netlist: Netlist, grouped: LayerTrace) -> None:
    by = backend("bitparallel")
    wired = TileOracle(mac_netlist, replace(SPEC, psum_preload=False), {"conv": grouped}, by, tiles=None)
    with pytest.raises(ConfigError, match=r"layer conv: its 4 blocks of columns.*psum_preload = true"):
        wired.energy("conv", grouped.layer.weight, FULL)
    with pytest.raises(ConfigError, match="layer conv: row_order is no permutation"):
        wired.energy("conv", grouped.layer.weight, HardwareMapping(row_order=(1, 0)))
    far = HardwareMapping(psum_offset=((1 << 21) - 1,) * 8)
    with pytest.raises(OverflowRangeError, match=r"layer conv: .* in output channel \d"):
        replace(wired, spec=SPEC).energy("conv", grouped.layer.weight, far)
    survey = Survey(TracedNetwork.of([grouped]), TileMeter(mac_netlist, SPEC, by), mappings={"conv": far})
    with pytest.raises(OverflowRangeError, match="layer conv"):
        survey.fixed(None, 0, 0.95)
