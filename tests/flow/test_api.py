"""The calls of the Python API, on a network of the user's own."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

import wattloop
from wattloop import (
    ArraySpec,
    CharacterizeSettings,
    CompressConfig,
    CompressionResult,
    Dataset,
    Estimate,
    EstimateSettings,
    HardwareSettings,
    MeasureSettings,
    Simulator,
    SupplySettings,
    TrainConfig,
    characterize,
    compress,
    estimate,
    fit,
    load_dataset,
    quantize,
)
from wattloop.compression.journal import Event, Finished
from wattloop.compression.powerpruning.config import TimingConfig
from wattloop.errors import ConfigError, ModelError, OverflowRangeError
from wattloop.gates.spec import MacSpec
from wattloop.nn.network import QuantizedNetwork

CONFIG = CompressConfig(
    ratios=(0.5,), set_sizes=(8,), k_init=8, k_limit=64, delta=50.0, tolerance=50.0, rescored=1, fisher_images=32,
    recoveries=0, profile_images=1, tile_images=1, threads=1,
)  # fmt: skip


def simulator(hardware: HardwareSettings | None = None) -> Simulator:
    return Simulator(
        hardware or HardwareSettings(array=ArraySpec(16, 8)),
        CharacterizeSettings(simulator="bitparallel", pairs=32, tiles=4),
        EstimateSettings(tiles=4),
    )


@pytest.fixture(scope="module")
def digits() -> Dataset:
    whole = load_dataset("digits")
    splits = {name: getattr(whole, name).take(200) for name in ("train", "validation", "test")}
    return Dataset(**{**vars(whole), **splits})


def own_model() -> nn.Module:
    return nn.Sequential(
        nn.Conv2d(1, 6, 5, stride=3), nn.ReLU(), nn.Conv2d(6, 10, 3), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten()
    )


@pytest.fixture(scope="module")
def network(digits: Dataset) -> QuantizedNetwork:
    torch.manual_seed(0)
    quantised = quantize(own_model(), digits.train.images[:64], normalisation=digits.normalisation)
    fit(quantised, digits, TrainConfig(epochs=2, batch_size=20, threads=1))
    return quantised


def test_characterize_gives_a_table_a_layer(network: QuantizedNetwork, digits: Dataset) -> None:
    tables = characterize(network, digits.train.images[:1], layers=["2"], simulator=simulator())
    assert list(tables) == ["2"]
    assert tables["2"].weights.tolist() == list(range(-128, 128))
    # Few pairs: a value beside 0 may come out a little cheaper than 0 does.
    assert tables["2"].dynamic_fj[128] < 0.7 * tables["2"].dynamic_fj.mean()


def test_estimate_knows_every_layer(network: QuantizedNetwork, digits: Dataset) -> None:
    found = estimate(network, digits.test.images[:1], simulator=simulator())
    assert isinstance(found, Estimate)
    assert [layer.layer for layer in found.layers] == list(network.layers)
    # The first convolution: K = 25 in two row blocks, 100 pixels in two.
    assert found.layers[0].tiles == 4


def test_compress_ends_with_a_result_that_saves_and_loads(
    network: QuantizedNetwork, digits: Dataset, tmp_path: Path
) -> None:
    events: list[Event] = []
    before = network.integer_weight("0").copy()
    chosen = MeasureSettings(images=1)
    result = compress(
        network,
        digits,
        CONFIG,
        simulator=simulator(),
        measure=chosen,
        on_event=events.append,
        resume=tmp_path / "kept",
    )
    assert any(isinstance(event, Finished) for event in events)
    assert {row.images for row in result.rows} == {1}
    assert np.array_equal(network.integer_weight("0"), before)
    assert result.tiles_saving is not None
    result.save(tmp_path / "result")
    loaded = CompressionResult.load(tmp_path / "result", own_model())
    assert loaded == result
    assert result.network is not None
    assert loaded.network is not None
    assert np.array_equal(loaded.network.integer_weight("2"), result.network.integer_weight("2"))
    with pytest.raises(ModelError, match="have constraints already"):
        compress(result.network, digits, CONFIG, simulator=simulator())
    without = CompressionResult.load(tmp_path / "result")
    assert without == result
    assert without.network is None


def test_a_delay_bound_brings_a_judge_with_the_supply_that_is_asked_for(
    network: QuantizedNetwork, digits: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("wattloop.compression.run.compress", lambda *_, **given: given["judge"])
    law = SupplySettings(vt_v=0.25, margin_ps=5.0)
    bounded = replace(CONFIG, timing=TimingConfig(bound_ps=170.0))
    judge: Any = compress(
        network, digits, bounded, simulator=simulator(), supply=law, measure=MeasureSettings(images=3)
    )
    assert (judge.bound_ps, judge.supply, judge.settings.images) == (170.0, law, 3)
    assert judge.images is digits.test.images
    assert "V_t 0.25 V" in judge.law.origin
    free: Any = compress(network, digits, CONFIG, simulator=simulator(), supply=law)
    assert free is None


def test_a_layer_that_is_not_there_is_named(network: QuantizedNetwork, digits: Dataset) -> None:
    with pytest.raises(ModelError, match="'conv9'"):
        estimate(network, digits.test.images[:1], layers=["conv9"], simulator=simulator())


def test_an_array_that_could_overflow_is_refused(network: QuantizedNetwork, digits: Dataset) -> None:
    narrow = HardwareSettings(array=ArraySpec(16, 8, mac=MacSpec(psum_bits=16)))
    with pytest.raises(OverflowRangeError, match="do not fit 16 bits"):
        estimate(network, digits.test.images[:1], simulator=simulator(narrow))


def test_an_unknown_simulator_is_refused_at_once() -> None:
    with pytest.raises(ConfigError, match=r"legal: bitparallel, .*icarus, verilator"):
        CharacterizeSettings(simulator="spice")


def test_every_name_of_the_package_is_there() -> None:
    assert set(wattloop.__all__) == set(wattloop._HOMES)
    for name in wattloop.__all__:
        assert getattr(wattloop, name) is not None
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        wattloop.nothing  # noqa: B018
