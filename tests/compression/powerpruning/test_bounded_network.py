"""A delay bound on a real quantised network (LeNet-5, hardly trained): its points keep to it, on disk and resumed."""

from __future__ import annotations

import copy
import dataclasses
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from tests.compression.fakes import FakeProfiler
from tests.compression.powerpruning.small import BOUND_PS, DELAYS

from wattloop.compression.baselines.config import BaselinesConfig
from wattloop.compression.campaign import Profilers
from wattloop.compression.config import CompressConfig
from wattloop.compression.network import NetworkSubject
from wattloop.compression.powerpruning.config import TimingConfig
from wattloop.compression.powerpruning.problem import Choice, late_transitions
from wattloop.compression.result import CompressionResult
from wattloop.compression.run import compress
from wattloop.compression.subject import FREE
from wattloop.errors import ConfigError
from wattloop.nn import checkpoint
from wattloop.nn.datasets import Dataset, load
from wattloop.nn.input_codes import input_codes_of
from wattloop.nn.models import Normalized, build
from wattloop.nn.network import QuantizedNetwork
from wattloop.nn.quantize import quantize
from wattloop.nn.trace import trace

CONFIG = CompressConfig(
    methods=("powerpruning", "int8"),
    baselines=BaselinesConfig(epochs=1, power_values=(61,)),
    timing=TimingConfig(bound_ps=BOUND_PS, least_each_sign=4, solver="dropping"),
    batch_size=32,
    threads=1,
)
PROFILER = FakeProfiler({"conv1": 784.0, "conv2": 100.0})


@pytest.fixture(scope="module", autouse=True)
def one_thread() -> Iterator[None]:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture(scope="module")
def digits() -> Dataset:
    whole = load("digits")
    parts = {name: getattr(whole, name).take(96) for name in ("train", "validation", "test")}
    return dataclasses.replace(whole, **parts)


@pytest.fixture(scope="module")
def network(digits: Dataset) -> QuantizedNetwork:
    model = Normalized(build("lenet5", digits.classes, digits.channels, seed=0), *digits.normalisation)
    return quantize(model, digits.train.images[:64])


def run(network: QuantizedNetwork, digits: Dataset, resume: Path | None = None) -> CompressionResult:
    return compress(network, digits, Profilers(PROFILER, PROFILER, delays=lambda: DELAYS), CONFIG, resume=resume)


@pytest.fixture(scope="module")
def result(network: QuantizedNetwork, digits: Dataset) -> CompressionResult:
    return run(network, digits)


def test_what_the_array_sees_of_every_point_keeps_to_the_bound(result: CompressionResult, digits: Dataset) -> None:
    assert len(result.networks) == 2
    for found in result.networks:
        seen = trace(found, digits.test.images, layers=("conv1", "conv2"))
        weights = {int(w) for part in seen for w in np.unique(part.layer.weight)}
        codes = {int(code) for part in seen for code in np.unique(part.inputs)}
        assert len(weights) > 9 and len(codes) > 9
        choice = Choice(tuple(sorted(weights)), tuple(sorted(codes)), 0.0)
        assert late_transitions(DELAYS, BOUND_PS, choice) == 0
        assert input_codes_of(found, "conv1") == input_codes_of(found, "conv2")
        assert input_codes_of(found, "fc1") is None


def test_a_result_comes_back_with_its_restrictions(result: CompressionResult, tmp_path: Path) -> None:
    result.save(tmp_path / "result")
    loaded = CompressionResult.load(tmp_path / "result")
    assert loaded.config == result.config and loaded.journal == result.journal
    for number, ours in enumerate(result.networks):
        theirs = checkpoint.load(tmp_path / "result" / "points" / f"{number:03}.safetensors")
        assert input_codes_of(theirs, "conv2") == input_codes_of(ours, "conv2") != input_codes_of(ours, "fc1")


def test_a_run_that_is_begun_again_ends_with_the_same_networks(
    network: QuantizedNetwork, digits: Dataset, result: CompressionResult, tmp_path: Path
) -> None:
    for _ in range(2):
        again = run(network, digits, tmp_path)
        assert again.journal == result.journal
        for ours, theirs in zip(result.networks, again.networks, strict=True):
            assert all(torch.equal(theirs.state_dict()[name], part) for name, part in ours.state_dict().items())


def test_a_limit_stands_for_what_is_free_until_it_is_lifted(network: QuantizedNetwork, digits: Dataset) -> None:
    subject = NetworkSubject(copy.deepcopy(network), digits, CONFIG)
    before = subject.snapshot()
    subject.limit((-3, 0, 3))
    subject.constrain("conv2", FREE)
    subject.constrain_inputs("conv2", (0, 9))
    assert set(np.unique(subject.weight("conv2"))) <= {-3, 0, 3} and subject.allowed("conv2") is None
    subject.limit(None)
    assert subject.allowed("conv2") == (-3, 0, 3) and subject.input_codes("conv2") == (0, 9)
    subject.restore(before)
    assert subject.allowed("conv2") is None and subject.input_codes("conv2") is None
    subject.constrain_inputs("conv1", (0, 5))
    subject.constrain_inputs("conv1", None)
    assert subject.input_codes("conv1") is None


def test_a_bound_without_a_profile_is_refused_before_any_work(network: QuantizedNetwork, digits: Dataset) -> None:
    with pytest.raises(ConfigError, match="delay profile"):
        compress(network, digits, Profilers(PROFILER, PROFILER), CONFIG)
