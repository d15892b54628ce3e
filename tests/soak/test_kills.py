"""The soak sees what it is there to see."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from tests.soak.kills import digest


@pytest.fixture
def run(tmp_path: Path) -> Path:
    write(tmp_path / "run", started="2026-01-01T00:00:00+00:00", seconds="1.0")
    return tmp_path / "run"


def write(run: Path, weights: bytes = b"w", **facts: str) -> None:
    run.mkdir()
    (run / "provenance.json").write_text(json.dumps({"seed": "0", **facts}))
    (run / "report.md").write_text(f"made at {facts['started']}")
    (run / "log.txt").write_text(facts["started"])
    (run / "network.safetensors").write_bytes(weights)


def test_when_and_how_fast_a_run_was_is_no_difference(run: Path) -> None:
    write(run.with_name("later"), started="2026-02-02T00:00:00+00:00", seconds="2.0")
    assert digest(run.with_name("later")) == digest(run)


@pytest.mark.parametrize("change", [{"weights": b"W"}, {"seed": "1"}])
def test_a_byte_or_a_fact_is_one(run: Path, change: dict[str, bytes | str]) -> None:
    write(run.with_name("other"), **{"started": "2026-02-02T00:00:00+00:00", **change})
    assert digest(run.with_name("other")) != digest(run)


def test_a_missing_file_is_one(run: Path) -> None:
    before = digest(run)
    (run / "network.safetensors").unlink()
    assert digest(run) != before
