"""What else a run is not taken up for."""

from __future__ import annotations

import dataclasses

import pytest
import torch
from tests.compression.lenet import QUICK

from wattloop.compression.run import run_key
from wattloop.nn.datasets import Dataset
from wattloop.nn.network import QuantizedNetwork


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
