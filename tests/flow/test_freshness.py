"""Stored tables are held against the network and the hardware at hand."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from wattloop.errors import StaleTableError, StorageError
from wattloop.flow import simulator
from wattloop.flow.characterization import characterize_network, check_tables
from wattloop.flow.oneshot import compressed_at_once
from wattloop.flow.settings import Settings
from wattloop.flow.simulator import Simulator
from wattloop.flow.training import trained_network
from wattloop.nn.checkpoint import save
from wattloop.nn.constraint import constrain
from wattloop.power.energy_table import EnergyTable
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


@pytest.mark.parametrize(
    ("other", "reasons"),
    [
        ({"clock_ps": 400.0}, "clock_ps"),
        ({"load": "signoff"}, "convention, load"),
        ({"simulator": "bitparallel"}, "simulator, delays"),
    ],
    ids=str,
)
def test_whatever_else_moves_the_figures_makes_tables_stale(
    run: Path, settings: Settings, other: dict[str, Any], reasons: str
) -> None:
    where = "characterize" if "simulator" in other else "hardware"
    changed = replace(settings, **{where: replace(getattr(settings, where), **other)})
    with pytest.raises(StaleTableError, match=rf"5 of 5 tables are stale: conv1 \({reasons}\); "):
        check_tables(changed, run)


def test_other_code_makes_tables_stale(run: Path, settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(simulator, "code_key", lambda: "other code")
    with pytest.raises(StaleTableError, match=r"5 of 5 tables are stale: conv1 \(code\); "):
        check_tables(settings, run)


def test_a_table_that_does_not_say_what_it_rests_on_is_stale(run: Path, settings: Settings, tmp_path: Path) -> None:
    old = Path(shutil.copytree(run, tmp_path / "old"))
    for name in ("conv1", "fc1"):
        path = old / "tables" / f"{name}.parquet"
        table = EnergyTable.load(path)
        table = replace(table, provenance={k: v for k, v in table.provenance.items() if k not in ("code", "delays")})
        table.save(path)
    with pytest.raises(
        StaleTableError, match=r"2 of 5 tables are stale: conv1 \(made by an older version\); fc1 \(made by an older "
    ):
        check_tables(settings, old)


def test_a_table_that_was_cached_says_what_it_rests_on_too(settings: Settings, run: Path) -> None:
    table = EnergyTable.load(run / "tables" / "conv1.parquet")
    facts = Simulator.of(settings).facts
    assert {name: table.provenance[name] for name in facts} == facts
    assert {"clock_ps", "load", "convention", "simulator", "delays", "wattloop", "code"} < facts.keys()


def test_the_folder_of_another_command_is_refused_by_name(run: Path, settings: Settings, tmp_path: Path) -> None:
    other = Path(shutil.copytree(run, tmp_path / "other"))
    provenance = json.loads((other / "provenance.json").read_text())
    (other / "provenance.json").write_text(json.dumps(provenance | {"command": "estimate"}))
    with pytest.raises(StorageError, match=r"is a run of `wattloop estimate`: .* `wattloop characterize`"):
        check_tables(settings, other)


def test_a_damaged_provenance_is_one_clear_error(run: Path, settings: Settings, tmp_path: Path) -> None:
    other = Path(shutil.copytree(run, tmp_path / "other"))
    for damage in (b"{", b"[]"):
        (other / "provenance.json").write_bytes(damage)
        with pytest.raises(StorageError, match=r"provenance.json.*run the command again"):
            check_tables(settings, other)


def test_a_folder_without_tables_is_one_clear_error(settings: Settings, tmp_path: Path) -> None:
    with pytest.raises(StorageError, match="holds no tables"):
        check_tables(settings, tmp_path)
