"""A run on a real network: what it keeps to, what it returns, and how it goes on."""

from __future__ import annotations

import copy
import dataclasses
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest
import torch
from tests.compression.fakes import FakeOracle, FakeProfiler
from tests.compression.lenet import FACTORS, QUICK, compressed, measured, profilers

from wattloop.compression.baselines.config import BaselinesConfig
from wattloop.compression.campaign import Profilers
from wattloop.compression.journal import Pruned, SafeSet
from wattloop.compression.network import NetworkSubject
from wattloop.compression.result import CompressionResult
from wattloop.compression.run import compress
from wattloop.errors import ModelError
from wattloop.nn.datasets import Dataset
from wattloop.nn.network import QuantizedNetwork
from wattloop.nn.quantize import quantize
from wattloop.parallel import Workers


def test_the_result_keeps_the_bound_and_saves_energy(result: CompressionResult) -> None:
    assert result.validation_after.accuracy >= result.bound
    assert result.bound == pytest.approx(result.validation_before.accuracy - 0.02)
    assert result.table_saving > 0.05
    assert result.tiles_saving == pytest.approx(result.table_saving)
    assert [layer.layer for layer in result.layers] == ["conv2", "conv1"]


def test_the_network_returned_is_the_one_described(result: CompressionResult, digits: Dataset) -> None:
    network = result.network
    assert network is not None
    subject = NetworkSubject(network, digits, QUICK)
    assert subject.score() == result.validation_after
    assert subject.test() == result.test_after
    for layer in result.layers:
        weights = network.integer_weight(layer.layer)
        assert float(np.mean(weights == 0)) == layer.sparsity
        if layer.values is not None:
            assert set(np.unique(weights).tolist()) <= set(layer.values)
            assert layer.sparsity >= (layer.ratio or 0) - 0.01
            assert len(layer.values) <= (layer.set_size or 0)


def test_the_network_given_is_left_alone(trained: QuantizedNetwork, result: CompressionResult, digits: Dataset) -> None:
    network = copy.deepcopy(trained)
    assert NetworkSubject(network, digits, QUICK).score() == result.validation_before
    for layer in result.layers:
        weights = network.integer_weight(layer.layer).astype(int).ravel()
        assert layer.histogram_before == tuple(np.bincount(weights + 128, minlength=256).tolist())


def test_every_point_has_its_row_and_its_network(result: CompressionResult, digits: Dataset, tmp_path: Path) -> None:
    assert len(result.rows) == len(result.points) == len(result.networks) > 0
    for row, point, network in zip(result.rows, result.points, result.networks, strict=True):
        subject = NetworkSubject(network, digits, QUICK)
        assert subject.score() == point.validation
        assert (row.validation, row.accuracy) == (point.validation.accuracy, point.test.accuracy)
        assert (row.network, row.dataset, row.method, row.mac) == ("lenet5", "digits", "layerwise", "array")
        zeros = [network.integer_weight(name) == 0 for name in ("conv1", "conv2")]
        assert row.sparsity == pytest.approx(sum(z.sum() for z in zeros) / sum(z.size for z in zeros))
    assert result.rows[-1].datapath_saving == pytest.approx(result.tiles_saving)
    result.save(tmp_path)
    assert {path.name for path in (tmp_path / "points").iterdir()} == {
        f"{number:03}.safetensors" for number in range(len(result.points))
    }


def test_a_killed_run_goes_on_to_the_same_bits(
    network: QuantizedNetwork,
    digits: Dataset,
    result: CompressionResult,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def die_in_the_second_layer(event: object) -> None:
        if isinstance(event, Pruned) and event.layer == "conv1":
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        compressed(network, digits, resume=tmp_path, on_event=die_in_the_second_layer)
    first = (tmp_path / "journal.jsonl").read_text()
    tunings: list[int] = []
    tune = NetworkSubject.tune
    monkeypatch.setattr(NetworkSubject, "tune", lambda *args, **options: tunings.append(1) or tune(*args, **options))
    again = compressed(network, digits, resume=tmp_path)
    assert again == result
    assert (tmp_path / "journal.jsonl").read_text().startswith(first)
    told = len([event for event in result.journal if isinstance(event, Pruned | SafeSet)])
    assert 0 < len(tunings) < told
    assert again.network is not None
    assert result.network is not None
    for name, tensor in result.network.state_dict().items():
        assert torch.equal(tensor, again.network.state_dict()[name]), name


def test_removals_are_tried_by_the_workers_that_are_given(
    network: QuantizedNetwork, digits: Dataset, result: CompressionResult
) -> None:
    busy: set[str] = set()

    def start() -> ThreadPoolExecutor:
        return ThreadPoolExecutor(2, initializer=lambda: busy.add(threading.current_thread().name))

    with closing(Workers("threads", start, count=2, remote=False)) as workers:
        assert compressed(network, digits, workers=workers) == result
    assert busy


POWERS = (-64, -32, -16, -8, -4, -2, -1, 0, 1, 2, 4, 8, 16, 32, 64)


class OfPowers(FakeOracle):
    """A cell that holds `POWERS` alone."""

    def value_energy_fj(self, layer: str) -> np.ndarray:
        return np.where(np.isin(np.arange(-128, 128), POWERS), super().value_energy_fj(layer), np.inf)


def test_free_layers_use_the_values_that_the_cell_holds(network: QuantizedNetwork, digits: Dataset) -> None:
    tables = Profilers(lambda traces: OfPowers(FACTORS), FakeProfiler(FACTORS))
    config = dataclasses.replace(QUICK, methods=("int8",), baselines=BaselinesConfig(epochs=0))
    found = compress(network, digits, tables, config, measure=measured, legal=POWERS)
    assert [(row.max_values_per_layer, row.bits_per_weight) for row in found.rows] == [(15, 4.0)]
    assert [layer.values for layer in found.layers] == [POWERS, POWERS]


def test_a_network_without_layers_in_scope_is_refused(digits: Dataset) -> None:
    model = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(1024, 10))
    linear = quantize(model, digits.train.images[:32], normalisation=digits.normalisation)
    with pytest.raises(ModelError, match=r"compress\.scope"):
        compress(linear, digits, profilers(), QUICK)
