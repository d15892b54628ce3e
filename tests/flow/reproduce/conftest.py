"""Exhibits made with the settings of --quick, and a folder of tiny checkpoints."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import tomli_w

from wattloop.compression.one_shot import one_shot
from wattloop.flow.oneshot import compressed_at_once
from wattloop.flow.reproduce.exhibits import reproduce_flow, usual_config
from wattloop.flow.settings import Settings, load
from wattloop.flow.training import trained_network
from wattloop.nn.checkpoint import save
from wattloop.nn.constraint import constrain
from wattloop.nn.network import QuantizedNetwork
from wattloop.report.reproduce.exhibit import Exhibit
from wattloop.runs import run_folder

Made = tuple[Exhibit, Path]

# File, method, setting, cell; every network is pruned by `ratio` and keeps `values` values.
TINY = (
    ("layerwise.safetensors", "layerwise", "ratio=0.7 values=16", "array"),
    ("global.safetensors", "global", "ratio=0.7 values=16", "array"),
    ("naive.safetensors", "naive", "values=20", "array"),
    ("prune.safetensors", "prune", "ratio=0.5", "array"),
    ("set.safetensors", "set", "values=16", "array"),
    ("power.safetensors", "powerpruning", "values=32", "array"),
    ("bypass.safetensors", "layerwise", "ratio=0.7 values=16", "sign_magnitude"),
)
SHAPES = {"layerwise": (0.7, 16), "global": (0.7, 16), "naive": (0.0, 20), "powerpruning": (0.0, 32)}


@pytest.fixture(scope="session")
def quick() -> Settings:
    return load(usual_config("figure1", quick=True))


@pytest.fixture(scope="session")
def made(quick: Settings, tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Made]:
    """Makes an exhibit, once."""
    known: dict[str, Made] = {}

    def make(name: str) -> Made:
        if name not in known:
            out = tmp_path_factory.mktemp(name) / "run"
            known[name] = (reproduced(name, quick, out), out)
        return known[name]

    return make


def reproduced(name: str, settings: Settings, out: Path) -> Exhibit:
    with run_folder(out, command=f"reproduce {name}", settings=settings, seeds=settings.seeds) as run:
        return reproduce_flow(name, settings, run)


@pytest.fixture(scope="session")
def models(quick: Settings, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Checkpoints of LeNet-5 on the digits, compressed at one stroke."""
    folder = tmp_path_factory.mktemp("models")
    trained = trained_network(quick).network
    save(trained, folder / "int8.safetensors")
    entries = [entry("int8.safetensors", "int8", "", "array")]
    for file, method, setting, mac in TINY:
        save(compressed(trained, method), folder / file)
        entries.append(entry(file, method, setting, mac))
    (folder / "power.mapping.json").write_text(json.dumps({"conv1": {"psum_offset": 0}}))
    (folder / "index.toml").write_text(tomli_w.dumps({"models": entries}))
    return folder


def entry(file: str, method: str, setting: str, mac: str) -> dict[str, object]:
    role = {"role": "int8"} if method == "int8" else {"role": "compressed", "int8": "int8.safetensors"}
    plain = {"file": file, "network": "lenet5", "dataset": "digits", "method": method, "setting": setting, "mac": mac}
    exhibits = ["table1", "table2", "table3", "table4", "figure4", "powerpruning", "ablations"]
    return (
        plain
        | role
        | {
            "seed": 0,
            "accuracy": 0.5,
            "validation": 0.25,
            "command": f"made {file}",
            "exhibits": exhibits if mac == "array" else ["table1", "ablations"],
        }
    )


def compressed(network: QuantizedNetwork, method: str) -> QuantizedNetwork:
    if method not in ("prune", "set"):
        return compressed_at_once(network, *SHAPES[method])
    found = compressed_at_once(network, 0.0, 16)
    for name in network.layers:
        if method == "set":
            continue
        weight = one_shot(network.integer_weight(name), 0.5, 256)
        constrain(found, name, None, np.asarray(weight != 0))
    return found


@pytest.fixture(scope="session")
def measured(quick: Settings, models: Path) -> Settings:
    """Settings that measure the tiny checkpoints."""
    return replace(quick, reproduce=replace(quick.reproduce, from_models=True, models=str(models)))
