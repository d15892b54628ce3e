"""Energies of networks in tables of results: exact, sampled, and kept."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from wattloop import ArraySpec, HardwareSettings, Simulator, estimate, load_dataset, quantize
from wattloop.errors import ConfigError
from wattloop.flow import measurement
from wattloop.flow.measure_settings import MeasureSettings
from wattloop.flow.measurement import measure
from wattloop.flow.settings import CharacterizeSettings, EstimateSettings
from wattloop.nn.constraint import constrain
from wattloop.nn.network import QuantizedNetwork
from wattloop.power.edge import preload_fj
from wattloop.power.oracle import HardwareMapping
from wattloop.store import Store

IMAGES = load_dataset("digits").test.images[:3]


@pytest.fixture(scope="module")
def network() -> QuantizedNetwork:
    torch.manual_seed(0)
    plain = nn.Sequential(nn.Conv2d(1, 4, 5, stride=4), nn.ReLU(), nn.Flatten(), nn.Linear(196, 10))
    data = load_dataset("digits")
    return quantize(plain, data.train.images[:32], normalisation=data.normalisation)


@pytest.fixture(scope="module")
def simulator(tmp_path_factory: pytest.TempPathFactory) -> Simulator:
    return Simulator(
        HardwareSettings(array=ArraySpec(16, 8)),
        CharacterizeSettings(simulator="bitparallel-timed", pairs=32, tiles=4),
        EstimateSettings(tiles="all"),
        Store(tmp_path_factory.mktemp("store")),
    )


def test_all_tiles_give_what_an_estimate_by_all_tiles_gives(network: QuantizedNetwork, simulator: Simulator) -> None:
    found = measure(network, IMAGES, simulator)
    known = {row.layer: row for row in estimate(network, IMAGES, simulator=simulator).layers}
    assert found.everything
    assert [row.layer for row in found.layers] == list(known)
    for row in found.layers:
        wanted = known[row.layer]
        assert row.by_tiles == wanted.by_tiles
        assert row.fj["datapath"] == pytest.approx(wanted.by_tiles.energy.dynamic_fj)
        assert row.fj["total"] == pytest.approx(wanted.by_tiles.energy.total_fj)
        assert row.fj["functional"] == pytest.approx(wanted.functional_fj)
        assert row.fj["array"] == pytest.approx(wanted.array_fj)
        assert set(row.error_fj.values()) == {0.0}


def test_linear_layers_stand_apart(network: QuantizedNetwork, simulator: Simulator) -> None:
    found = measure(network, IMAGES, simulator)
    conv, linear = found.layers
    assert (conv.kind, linear.kind) == ("conv", "linear")
    assert found.fj("datapath") == conv.fj["datapath"]
    assert found.fj("datapath", "linear") == linear.fj["datapath"]


def test_a_sample_says_how_wrong_it_may_be(network: QuantizedNetwork, simulator: Simulator) -> None:
    exact = measure(network, IMAGES, simulator)
    sampled = measure(network, IMAGES, simulator, MeasureSettings(tiles=6, confidence=0.999))
    assert not sampled.everything
    assert 0 < sampled.tiles < exact.tiles
    assert sampled.error_fj("datapath") > 0
    assert abs(sampled.fj("datapath") - exact.fj("datapath")) <= sampled.half_width_fj
    precise = measure(network, IMAGES, simulator, MeasureSettings(precision=0.05))
    assert 0 <= precise.half_width_fj <= 0.05 * precise.fj("datapath")


def test_the_same_is_measured_once_and_anything_else_again(
    network: QuantizedNetwork, simulator: Simulator, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    own = Simulator(simulator.hardware, simulator.characterize, simulator.estimate, Store(tmp_path))
    runs: list[int] = []
    surveyed = measurement._surveyed
    monkeypatch.setattr(measurement, "_surveyed", lambda *args: runs.append(1) or surveyed(*args))
    first = measure(network, IMAGES, own)
    assert measure(network, IMAGES, own) == first
    assert len(runs) == 1
    measure(network, IMAGES[:2], own)
    assert len(runs) == 2
    constrain(network, "0", [0])
    try:
        zeros = measure(network, IMAGES, own)
    finally:
        constrain(network, "0", None)
    assert len(runs) == 3
    assert zeros.fj("datapath") < 0.6 * first.fj("datapath")


def test_registers_of_offsets_stand_beside_the_array(network: QuantizedNetwork, simulator: Simulator) -> None:
    array = replace(simulator.hardware.array, psum_preload=True)
    hardware = replace(simulator.hardware, array=array)
    own = Simulator(hardware, simulator.characterize, simulator.estimate, simulator.store)
    mappings = {"0": HardwareMapping((64, 0, 0, 0))}
    laid, plain = measure(network, IMAGES, own, mappings=mappings), measure(network, IMAGES, own)
    assert plain.preload_fj == 0.0
    cycle = preload_fj(own.cell.netlist, array, clock_ps=hardware.clock_ps, load=hardware.load).total_fj
    # 25 weights a filter are two blocks of 16 rows; each runs over all 49 output pixels.
    assert laid.preload_fj == pytest.approx(2 * array.cycles_of(49) * cycle)
    assert laid.layers[1:] == plain.layers[1:]


@pytest.mark.parametrize("name", ["bitparallel", "icarus", "verilator", "none"])
def test_a_simulator_without_glitches_is_refused_with_the_settings(name: str) -> None:
    with pytest.raises(ConfigError, match=r"simulator = .* legal: bitparallel-coarse, bitparallel-timed"):
        MeasureSettings(simulator=name)


def test_mappings_of_another_network_are_refused(network: QuantizedNetwork, simulator: Simulator) -> None:
    """Passed over they would leave a row that is called mapped and is not."""
    with pytest.raises(ConfigError, match="does not have: conv1; choose them again"):
        measure(network, IMAGES[:1], simulator, mappings={"conv1": HardwareMapping(4096), "0": HardwareMapping()})


def test_no_images_are_refused(network: QuantizedNetwork, simulator: Simulator) -> None:
    with pytest.raises(ConfigError, match="no images"):
        measure(network, np.empty((0, 1, 32, 32), np.uint8), simulator)
