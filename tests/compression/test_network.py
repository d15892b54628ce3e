"""The loop on a real quantised network (LeNet-5 on digits), with a made-up energy curve."""

import copy
import dataclasses
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from tests.compression.fakes import FakeOracle, FakeProfiler, energies_of

from wattloop.compression.baselines.config import BaselinesConfig
from wattloop.compression.campaign import Profilers
from wattloop.compression.config import CompressConfig
from wattloop.compression.energies import NetworkEnergies
from wattloop.compression.journal import Pruned, SafeSet
from wattloop.compression.layerwise.bench import Bench
from wattloop.compression.network import NetworkSubject
from wattloop.compression.pruning import magnitude_mask
from wattloop.compression.result import CompressionResult
from wattloop.compression.run import compress, run_key
from wattloop.compression.subject import FREE, Constraint
from wattloop.errors import ModelError, StorageError
from wattloop.nn.config import TrainConfig
from wattloop.nn.datasets import Dataset, load
from wattloop.nn.models import Normalized, build
from wattloop.nn.network import QuantizedNetwork
from wattloop.nn.quantize import quantize
from wattloop.nn.train import fit
from wattloop.parallel import Workers

FACTORS = {"conv1": 784.0, "conv2": 100.0, "fc1": 1.0, "fc2": 1.0, "fc3": 1.0}
QUICK = CompressConfig(
    ratios=(0.5, 0.7),
    set_sizes=(12, 8),
    k_init=12,
    k_limit=24,
    delta=2.0,
    batch_size=32,
    fisher_images=64,
    max_configurations=2,
)


@pytest.fixture(scope="module", autouse=True)
def one_thread() -> Iterator[None]:
    """Two workers of a test run with two threads each would wait for each other on two cores."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture(scope="module")
def digits() -> Dataset:
    whole = load("digits")
    return dataclasses.replace(whole, train=whole.train.take(640), validation=whole.validation.take(200))


@pytest.fixture(scope="module")
def network(digits: Dataset) -> QuantizedNetwork:
    torch.manual_seed(0)
    model = Normalized(build("lenet5", digits.classes, digits.channels), *digits.normalisation)
    fit(model, digits, TrainConfig(epochs=4, batch_size=32))
    found = quantize(model, digits.train.images[:128])
    fit(found, digits, TrainConfig(epochs=1, batch_size=32, learning_rate=0.01))
    return found


def measured(network: QuantizedNetwork, mappings: object) -> NetworkEnergies:
    kinds = {name: layer.kind for name, layer in network.layers.items()}
    return energies_of({name: network.integer_weight(name) for name in kinds}, kinds, FACTORS)


def profilers() -> Profilers:
    return Profilers(FakeProfiler(FACTORS), FakeProfiler(FACTORS, "tiles/fake"))


def compressed(network: QuantizedNetwork, digits: Dataset, **options: Any) -> CompressionResult:
    return compress(network, digits, profilers(), QUICK, measure=measured, mac="array", **options)


@pytest.fixture(scope="module")
def result(network: QuantizedNetwork, digits: Dataset) -> CompressionResult:
    return compressed(network, digits)


def subject_of(network: QuantizedNetwork, digits: Dataset) -> NetworkSubject:
    subject = NetworkSubject(network, digits, QUICK)
    for name in subject.kinds:
        subject.constrain(name, FREE)
    return subject


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


def test_the_network_given_is_left_alone(network: QuantizedNetwork, result: CompressionResult, digits: Dataset) -> None:
    assert NetworkSubject(network, digits, QUICK).score() == result.validation_before
    for layer in result.layers:
        weights = network.integer_weight(layer.layer).astype(int).ravel()
        assert layer.histogram_before == tuple(np.bincount(weights + 128, minlength=256).tolist())


def test_a_result_comes_back_from_disk_to_the_bit(result: CompressionResult, tmp_path: Path) -> None:
    result.save(tmp_path / "run")
    again = CompressionResult.load(tmp_path / "run")
    assert again == result
    assert result.network is not None
    assert again.network is not None
    for name, tensor in result.network.state_dict().items():
        assert torch.equal(tensor, again.network.state_dict()[name]), name


@pytest.mark.parametrize("name", ["result.json", "layers.parquet", "values.parquet", "journal.jsonl", "rows.json"])
def test_a_missing_or_damaged_file_of_a_result_is_named(result: CompressionResult, tmp_path: Path, name: str) -> None:
    result.save(tmp_path)
    (tmp_path / name).write_bytes((tmp_path / name).read_bytes()[:-40])
    with pytest.raises(StorageError, match="damaged"):
        CompressionResult.load(tmp_path)
    (tmp_path / name).unlink()
    with pytest.raises(StorageError, match=name):
        CompressionResult.load(tmp_path)


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


def test_a_run_with_other_inputs_has_another_key(network: QuantizedNetwork, digits: Dataset) -> None:
    key = run_key(network, digits, QUICK, "gates")
    assert key == run_key(network, digits, dataclasses.replace(QUICK, max_hours=3.0), "gates")
    others = (
        run_key(network, digits, dataclasses.replace(QUICK, seed=1), "gates"),
        run_key(network, digits, QUICK, "other gates"),
        run_key(network, dataclasses.replace(digits, train=digits.train.take(639)), QUICK, "gates"),
        run_key(network, dataclasses.replace(digits, test=digits.test.take(99)), QUICK, "gates"),
        run_key(network, dataclasses.replace(digits, flip=not digits.flip), QUICK, "gates"),
        run_key(network, dataclasses.replace(digits, crop_padding=digits.crop_padding + 1), QUICK, "gates"),
    )
    assert len({key, *others}) == 1 + len(others)


def test_a_run_on_another_torch_or_other_threads_has_another_key(
    network: QuantizedNetwork, digits: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    fixed, free = (dataclasses.replace(QUICK, threads=threads) for threads in (1, None))
    keys = [run_key(network, digits, config, "gates") for config in (fixed, free)]
    monkeypatch.setattr(torch, "get_num_threads", lambda: 77)
    assert run_key(network, digits, fixed, "gates") == keys[0]
    keys.append(run_key(network, digits, free, "gates"))
    monkeypatch.setattr(torch, "__version__", "0.0")
    keys.append(run_key(network, digits, fixed, "gates"))
    assert len(set(keys)) == len(keys)


def test_sensitivities_take_the_threads_of_the_settings(network: QuantizedNetwork, digits: Dataset) -> None:
    seen: list[int] = []
    before = torch.get_num_threads()
    subject = NetworkSubject(copy.deepcopy(network), digits, dataclasses.replace(QUICK, threads=before + 1))
    subject.network.register_forward_hook(lambda *_: seen.append(torch.get_num_threads()))
    subject.sensitivity("conv1")
    assert set(seen) == {before + 1}
    assert torch.get_num_threads() == before


def test_any_seed_of_a_campaign_can_train(network: QuantizedNetwork, digits: Dataset) -> None:
    subject = NetworkSubject(copy.deepcopy(network), digits, QUICK)
    subject.tune(0, CompressConfig(seed=(1 << 32) - 1).seed * 1_000_000 + 1)


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


POWERS = (-64, -32, -16, -8, -4, -2, -1, 0, 1, 2, 4, 8, 16, 32, 64)


class OfPowers(FakeOracle):
    """A cell that holds `POWERS` alone."""

    def value_energy_fj(self, layer: str) -> np.ndarray:
        return np.where(np.isin(np.arange(-128, 128), POWERS), super().value_energy_fj(layer), np.inf)


def test_free_layers_use_the_values_that_the_cell_holds(network: QuantizedNetwork, digits: Dataset) -> None:
    profilers = Profilers(lambda traces: OfPowers(FACTORS), FakeProfiler(FACTORS))
    config = dataclasses.replace(QUICK, methods=("int8",), baselines=BaselinesConfig(epochs=0))
    found = compress(network, digits, profilers, config, measure=measured, legal=POWERS)
    assert [(row.max_values_per_layer, row.bits_per_weight) for row in found.rows] == [(15, 4.0)]
    assert [layer.values for layer in found.layers] == [POWERS, POWERS]


def test_removals_are_tried_by_the_workers_that_are_given(
    network: QuantizedNetwork, digits: Dataset, result: CompressionResult
) -> None:
    busy: set[str] = set()

    def start() -> ThreadPoolExecutor:
        return ThreadPoolExecutor(2, initializer=lambda: busy.add(threading.current_thread().name))

    with closing(Workers("threads", start, count=2, remote=False)) as workers:
        assert compressed(network, digits, workers=workers) == result
    assert busy


def test_the_bench_remaps_as_the_network_does(network: QuantizedNetwork, digits: Dataset) -> None:
    subject = subject_of(network, digits)
    rng = np.random.default_rng(0)
    for layer in ("conv1", "conv2", "fc1"):
        mask = magnitude_mask(subject.latent(layer), 0.4)
        bench = Bench(subject, FakeOracle(FACTORS), layer, Constraint(None, mask))
        assert np.array_equal(bench.weights(None), subject.weight(layer))
        values = {0, *rng.choice(np.arange(-90, 90), 12, replace=False).tolist()}
        bench.allow(values)
        assert np.array_equal(bench.weights(values), subject.weight(layer))
        assert not subject.weight(layer)[~mask].any()
        subject.constrain(layer, FREE)


def test_a_restored_network_scores_as_before(network: QuantizedNetwork, digits: Dataset) -> None:
    subject = subject_of(network, digits)
    before, start = subject.score(), subject.snapshot()
    subject.constrain("conv1", Constraint((-40, 0, 40), magnitude_mask(subject.latent("conv1"), 0.5)))
    subject.tune(1, seed=3)
    assert subject.score() != before
    constrained, moved = subject.score(), subject.snapshot()
    subject.restore(start)
    assert subject.score() == before
    assert subject.allowed("conv1") is None
    subject.restore(moved)
    assert subject.score() == constrained
    assert subject.allowed("conv1") == (-40, 0, 40)
    subject.restore(start)


def test_fisher_information_predicts_which_noise_hurts(network: QuantizedNetwork, digits: Dataset) -> None:
    """The loss rises more for noise on the weights that matter than for the same noise on those that do not."""
    subject = subject_of(network, digits)
    start, free = subject.snapshot(), subject.weight("conv2")
    information = subject.sensitivity("conv2")
    assert information.shape == free.shape
    assert (information >= 0).all()
    halves = information > np.median(information)
    noise = np.where(np.random.default_rng(0).random(free.shape) < 0.5, -12, 12)
    losses = []
    for half in (halves, ~halves):
        shaken = np.clip(free + noise * half, -127, 127).astype(np.int8)
        network.set_integer_weight("conv2", shaken)
        losses.append(subject.score().loss)
        subject.restore(start)
    assert losses[0] > losses[1]


def test_information_of_many_layers_is_that_of_each(network: QuantizedNetwork, digits: Dataset) -> None:
    subject = subject_of(network, digits)
    together = subject.sensitivities(["conv2", "fc1"])
    assert list(together) == ["conv2", "fc1"]
    for layer, information in together.items():
        np.testing.assert_allclose(information, subject.sensitivity(layer), rtol=1e-5, atol=1e-12)


def test_relocated_weights_are_what_the_network_computes_with(network: QuantizedNetwork, digits: Dataset) -> None:
    subject = subject_of(network, digits)
    start = subject.snapshot()
    wanted = np.where(subject.weight("conv2") > 5, 16, 0).astype(np.float32)
    subject.relocate("conv2", wanted)
    subject.constrain("conv2", Constraint((0, 16)))
    np.testing.assert_array_equal(subject.weight("conv2"), wanted)
    np.testing.assert_allclose(subject.latent("conv2"), wanted, rtol=1e-6)
    subject.restore(start)


def test_signs_that_nothing_takes_back_are_not_flipped(network: QuantizedNetwork, digits: Dataset) -> None:
    subject = subject_of(network, digits)
    before = subject.weight("conv1").copy()
    assert not subject.flip("conv1", np.ones(len(before), np.bool_))
    np.testing.assert_array_equal(subject.weight("conv1"), before)


def test_a_network_without_layers_in_scope_is_refused(digits: Dataset) -> None:
    model = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(1024, 10))
    linear = quantize(model, digits.train.images[:32], normalisation=digits.normalisation)
    with pytest.raises(ModelError, match=r"compress\.scope"):
        compress(linear, digits, profilers(), QUICK)
