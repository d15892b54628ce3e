"""The cache of trained networks and of tables."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from wattloop.flow.settings import Settings
from wattloop.flow.simulator import Simulator
from wattloop.flow.training import trained_network
from wattloop.nn.trace import trace
from wattloop.store import Store


@pytest.mark.parametrize(
    ("name", "damage"), [("network.safetensors", b"\x10\0"), ("history.json", b"["), ("history.json", None)]
)
def test_a_damaged_network_is_trained_again(
    name: str, damage: bytes | None, settings: Settings, tmp_path: Path
) -> None:
    store = Store(tmp_path)
    first = trained_network(settings, store=store)
    (kept,) = tmp_path.glob(f"network/*/{name}")
    whole = kept.read_bytes()
    kept.unlink() if damage is None else kept.write_bytes(damage)
    again = trained_network(settings, store=store)
    assert kept.read_bytes() == whole
    assert again.history == first.history
    assert np.array_equal(again.network.integer_weight("conv2"), first.network.integer_weight("conv2"))


def test_a_damaged_table_is_measured_again(settings: Settings, tmp_path: Path) -> None:
    trained = trained_network(settings)
    traces = trace(trained.network, trained.dataset.train.images[:1], layers=["conv2"])
    simulator = Simulator.of(settings, store=Store(tmp_path))
    first = simulator.tables(traces).tables["conv2"]
    (kept,) = tmp_path.glob("table/*/table.parquet")
    kept.write_bytes(kept.read_bytes()[:500])
    again = simulator.tables(traces).tables["conv2"]
    assert np.array_equal(again.toggles, first.toggles)
    assert np.array_equal(again.dynamic_fj, first.dynamic_fj)
