"""`wattloop reproduce` as a user runs it."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path


def test_programs_get_rows_claims_and_findings(wattloop_here: Callable, tmp_path: Path) -> None:
    done = wattloop_here("reproduce", "figure3", "--quick", "--json", "--out", "out")
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert found == json.loads((tmp_path / "out" / "figure3.json").read_text())
    assert found["exhibit"] == "figure3"
    assert len(found["rows"]) == 2
    assert found["claims"]


def test_readers_get_the_table_the_claims_and_the_place(wattloop_here: Callable) -> None:
    done = wattloop_here("reproduce", "figure2", "--quick", "--set", "reproduce.weights=[3]")
    assert done.returncode == 0, done.stderr
    assert "Beside the paper" in done.stdout
    assert "w = 3: the Hamming distance explains" in done.stdout
    assert done.stdout.splitlines()[-1] == "runs/reproduce/figure2.md"


def test_unknown_exhibits_are_refused(refused_here: Callable[..., str]) -> None:
    assert refused_here("reproduce", "table5").startswith("unknown exhibit 'table5'; known: ")


def test_outside_of_a_checkout_the_folder_of_models_is_asked_for(refused_here: Callable[..., str]) -> None:
    told = refused_here("reproduce", "table1", "--from-models")
    assert told == "models holds no index.toml: run in a checkout of wattloop, or name the folder with --models"
