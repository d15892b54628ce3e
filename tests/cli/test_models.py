"""`wattloop models`: a network comes in, is listed, and is measured again."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import CliRunner

from wattloop.cli.main import app
from wattloop.flow.oneshot import compressed_at_once
from wattloop.flow.reproduce.exhibits import usual_config
from wattloop.flow.settings import load
from wattloop.flow.training import trained_network
from wattloop.nn.checkpoint import save
from wattloop.nn.network import QuantizedNetwork

MADE = ("--made-by", "hand", "--dataset", "digits")
QUICK = ("--set", "measure.images=1", "--set", "measure.tiles=2", "--set", "reproduce.test_images=100")


@pytest.fixture(scope="module")
def network() -> QuantizedNetwork:
    return trained_network(load(usual_config("figure1", quick=True))).network


def ran(*args: str) -> str:
    done = CliRunner().invoke(app, args, catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return done.stdout


def test_networks_that_were_added_are_listed_and_measured_again(
    network: QuantizedNetwork, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    save(network, tmp_path / "int8.safetensors")
    save(compressed_at_once(network, 0.5, 16), tmp_path / "p.safetensors")
    ran("models", "add", "int8.safetensors", "--as", "lenet5/int8.safetensors", *MADE)
    against = ("--int8", "lenet5/int8.safetensors", "--method", "prune", "--exhibits", "table1,figure4")
    ran("models", "add", "p.safetensors", "--as", "lenet5/p.safetensors", *against, *MADE)
    listed = json.loads(ran("models", "list", "--json"))
    assert [(entry["file"], entry["role"], entry["exhibits"]) for entry in listed] == [
        ("lenet5/int8.safetensors", "int8", []),
        ("lenet5/p.safetensors", "compressed", ["table1", "figure4"]),
    ]
    assert "lenet5/p.safetensors" in ran("models", "list")
    ran("reproduce", "table1", "--from-models", *QUICK)
    rows = json.loads((tmp_path / "runs" / "reproduce" / "table1.json").read_text())["rows"]
    assert [(row["method"], row["max_values_per_layer"]) for row in rows] == [("int8", 256), ("prune", 16)]
    assert rows[1]["datapath_saving"] > 0


def test_a_compressed_network_must_name_what_it_is_held_against(
    network: QuantizedNetwork, refused_here: Callable[..., str], tmp_path: Path
) -> None:
    save(network, tmp_path / "n.safetensors")
    told = refused_here("models", "add", "n.safetensors", "--as", "a.safetensors", "--method", "prune", *MADE)
    assert "a compressed network names its int8 network" in told
