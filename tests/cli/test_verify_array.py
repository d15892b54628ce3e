"""`wattloop verify array` plays whole arrays on this machine, and its exit status tells whether everything agreed."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest
from typer.testing import CliRunner

from wattloop.activity.bitparallel.contract import Check
from wattloop.cli import verify
from wattloop.flow import array_verification


def test_cells_in_gates_and_registers_in_rtl_agree(wattloop_here: Callable) -> None:
    small = ("--size", "4", "--template", "array", "--simulator", "icarus", "--rtl", "4")
    done = wattloop_here("verify", "array", *small, "--set", "hardware.array.pixels=5", "--json")
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert found["passed"]
    checks = found["checks"]
    assert {check["oracle"] for check in checks} == {"icarus", "verilator"}
    assert sum("in RTL" in check["netlist"] for check in checks) == 7
    assert sum("used cells" in check["netlist"] for check in checks) == 3 * 4
    assert sum("idle cells" in check["netlist"] for check in checks) == 2 * 4
    assert all(check["passed"] == "passed" and check["total"] > 0 for check in checks)


def test_a_difference_ends_with_status_1(monkeypatch: pytest.MonkeyPatch) -> None:
    wrong = Check("toggles", "array", "icarus", "random", transitions=10, numbers=5, total=100, difference=1)
    monkeypatch.setattr(array_verification, "verify_array", lambda *_, **__: (wrong,))
    done = CliRunner().invoke(verify.app, ["array"])
    assert done.exit_code == 1
    assert "FAILED" in done.stdout
    assert "0 of 1 checks passed" in done.stdout


def test_what_cannot_be_checked_is_refused(refused_here: Callable[..., str]) -> None:
    assert "unknown simulator 'bitparallel'; known: icarus, verilator" in refused_here(
        "verify", "array", "--simulator", "bitparallel"
    )
    assert "too small or too large" in refused_here("verify", "array", "--size", "1")
