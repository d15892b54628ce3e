"""Filters measured apart: together they are the layer, and what cannot be laid is infinitely dear."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from wattloop.activity.backend import backend
from wattloop.arith.layer import LayerTrace
from wattloop.errors import ConfigError
from wattloop.gates.netlist import Netlist
from wattloop.gates.spec import ArraySpec
from wattloop.parallel import threads
from wattloop.power.oracle import IDENTITY, HardwareMapping
from wattloop.power.tile_oracle import TileOracle

WAYS = (
    IDENTITY,
    HardwareMapping(psum_offset=1 << 16),
    HardwareMapping(psum_offset=(0, 1 << 12, -(1 << 14), 7, 8, 9), flipped_filters=(0, 1, 2, 3, 4, 5)),
    HardwareMapping(row_order=tuple(range(17, -1, -1)), pixel_order="snake"),
)


@pytest.fixture(scope="module", params=["bitparallel", "bitparallel-timed"])
def oracle(request: pytest.FixtureRequest, mac_netlist: Netlist, array: ArraySpec, trace: LayerTrace) -> TileOracle:
    spec = replace(array, cols=6)
    return TileOracle(mac_netlist, spec, {"conv": trace}, backend(request.param), tiles=None)


def test_the_filters_of_a_layer_are_the_layer(oracle: TileOracle, trace: LayerTrace) -> None:
    """But for the cycles of the last cell that belong to the next tile, and for probabilities taken cell by cell."""
    found = oracle.filter_energies_fj("conv", trace.layer.weight, WAYS)
    assert found.shape == (4, 6)
    whole = [oracle.energy("conv", trace.layer.weight, way).energy.dynamic_fj for way in WAYS]
    np.testing.assert_allclose(found.sum(axis=1), whole, rtol=0.01)


def test_each_filter_is_measured_alone(oracle: TileOracle, trace: LayerTrace) -> None:
    """A filter's energy does not depend on what the others do."""
    weight = trace.layer.weight.copy()
    weight[1:] = 0
    alone = oracle.filter_energies_fj("conv", weight, WAYS[:2])
    np.testing.assert_allclose(
        alone[:, 0], oracle.filter_energies_fj("conv", trace.layer.weight, WAYS[:2])[:, 0], rtol=1e-12
    )
    assert (alone[:, 1:] < alone[:, :1]).all()


def test_fewer_tiles_are_whole_passes_over_some_pixels(oracle: TileOracle, trace: LayerTrace) -> None:
    whole = oracle.filter_energies_fj("conv", trace.layer.weight, WAYS[:1]).sum()
    some = [
        replace(oracle, tiles=6, seed=seed).filter_energies_fj("conv", trace.layer.weight, WAYS[:1]).sum()
        for seed in range(3)
    ]
    assert some == pytest.approx([whole] * 3, rel=0.35)
    assert len(set(some)) > 1


def test_what_cannot_be_laid_is_infinitely_dear(oracle: TileOracle, trace: LayerTrace) -> None:
    weight = trace.layer.weight.copy()
    weight[2, 0] = -128
    far = (1 << 21) - 1
    ways = [HardwareMapping(flipped_filters=(1, 2)), HardwareMapping(psum_offset=(0, 0, 0, 0, far, 0))]
    found = oracle.filter_energies_fj("conv", weight, ways)
    assert np.argwhere(np.isinf(found)).tolist() == [[0, 2], [1, 4]]
    with pytest.raises(ConfigError, match="row_order is no permutation"):
        oracle.filter_energies_fj("conv", weight, [HardwareMapping(row_order=(0, 1))])


def test_whoever_works_the_bits_are_the_same(oracle: TileOracle, trace: LayerTrace) -> None:
    with threads(2) as workers:
        shared = replace(oracle, workers=workers).filter_energies_fj("conv", trace.layer.weight, WAYS)
    np.testing.assert_array_equal(shared, oracle.filter_energies_fj("conv", trace.layer.weight, WAYS))
