"""`wattloop verify activity` compares on this machine, and its exit status tells whether everything agreed."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest
from typer.testing import CliRunner

from wattloop.activity.bitparallel.contract import Check
from wattloop.cli import verify
from wattloop.flow import verification
from wattloop.flow.verification import Verification

SMALL = ("--library", "nangate15", "--template", "array", "--transitions", "1000", "--timed", "60", "--netlists", "2")
QUICK_TRAINING = ("--set", "training.pretrain.epochs=1", "--set", "training.qat.epochs=1")


def test_every_clause_is_checked_and_passes(wattloop_here: Callable) -> None:
    done = wattloop_here("verify", "activity", *SMALL, *QUICK_TRAINING, "--json")
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert found["passed"]
    assert found["real"] == "lenet5 on digits, conv2"
    checks = found["checks"]
    assert {check["oracle"] for check in checks} == {"golden model", "icarus", "verilator"}
    assert {check["vectors"] for check in checks} == {"random", "real"}
    assert {check["netlist"] for check in checks} == {"nangate15 array", "2 random netlists"}
    facts = " ".join(check["fact"] for check in checks)
    for words in ("register inputs", "zero-delay toggles", "inertial", "transport", "settling times"):
        assert words in facts
    for check in checks:
        assert check["passed"] == "passed"
        assert check["difference"] == 0
        assert check["total"] > 0


def test_a_difference_ends_with_status_1(monkeypatch: pytest.MonkeyPatch) -> None:
    wrong = Check("toggles", "mac", "icarus", "random", transitions=10, numbers=5, total=100, difference=1)
    assert not wrong.passed
    monkeypatch.setattr(
        verification, "verify_activity", lambda *_, **__: Verification(wrong.passed, "a layer", (wrong,))
    )
    done = CliRunner().invoke(verify.app, ["activity"])
    assert done.exit_code == 1
    assert "FAILED" in done.stdout
    assert "0 of 1 checks passed" in done.stdout


def test_nothing_to_compare_is_refused(refused_here: Callable[..., str]) -> None:
    assert "transitions = 0 is illegal" in refused_here("verify", "activity", "--transitions", "0")


def test_an_unknown_library_is_refused(refused_here: Callable[..., str]) -> None:
    assert "nangate16" in refused_here("verify", "activity", "--library", "nangate16")
