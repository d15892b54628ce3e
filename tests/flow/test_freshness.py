"""Stored tables are held against the network and the hardware at hand."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from wattloop.errors import StaleTableError, StorageError
from wattloop.flow.characterization import characterize_network, check_tables
from wattloop.flow.oneshot import compressed_at_once
from wattloop.flow.settings import Settings
from wattloop.flow.training import trained_network
from wattloop.nn.checkpoint import save
from wattloop.nn.constraint import constrain
from wattloop.runs import run_folder

LAYERS = ("conv1", "conv2", "fc1", "fc2", "fc3")


@pytest.fixture(scope="module")
def run(settings: Settings, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("tables") / "run"
    few = replace(settings, characterize=replace(settings.characterize, images=1, pairs=16, batches=2))
    with run_folder(out, command="characterize", settings=few, seeds=few.seeds) as made:
        rows = characterize_network(few, made)
    assert tuple(row.layer for row in rows) == LAYERS
    return out


def test_tables_of_the_network_at_hand_are_fresh_however_much_is_sampled_now(run: Path, settings: Settings) -> None:
    other = replace(settings, characterize=replace(settings.characterize, images=3, pairs=99))
    assert set(check_tables(other, run)) == set(LAYERS)


def test_a_changed_layer_makes_its_own_table_and_those_downstream_stale(
    run: Path, settings: Settings, tmp_path: Path
) -> None:
    network = compressed_at_once(trained_network(settings).network, 0.0, 256)
    constrain(network, "fc1", [-64, 0, 64], None)
    save(network, tmp_path / "changed.safetensors")
    changed = replace(settings, network=replace(settings.network, checkpoint=str(tmp_path / "changed.safetensors")))
    with pytest.raises(StaleTableError, match=r"3 of 5 tables are stale: fc1 \(statistics\); fc2 .*; fc3 ") as error:
        check_tables(changed, run)
    assert "conv" not in str(error.value)


def test_another_cell_makes_all_tables_stale(run: Path, settings: Settings) -> None:
    mac = replace(settings.hardware.array.mac, multiplier="booth")
    other = replace(settings, hardware=replace(settings.hardware, array=replace(settings.hardware.array, mac=mac)))
    with pytest.raises(StaleTableError, match=r"5 of 5 tables are stale: conv1 \(netlist\)"):
        check_tables(other, run)


def test_a_folder_without_tables_is_one_clear_error(settings: Settings, tmp_path: Path) -> None:
    with pytest.raises(StorageError, match="holds no tables"):
        check_tables(settings, tmp_path)
