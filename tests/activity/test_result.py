"""Partial annotation never passes for a measurement."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from wattloop.activity.backend import backend, backend_names, register
from wattloop.activity.cosim.backend import CosimBackend
from wattloop.activity.cosim.bench import RESULTS
from wattloop.activity.cosim.runner import Build
from wattloop.activity.result import Activity
from wattloop.activity.sources import mac_pairs
from wattloop.errors import AnnotationError, ConfigError, ToolError
from wattloop.gates.netlist import Netlist
from wattloop.gates.spec import MacSpec
from wattloop.power.energy import EnergyModel


def activity(annotated: tuple[int, ...], nets: tuple[str, ...] = ("a", "b", "c")) -> Activity:
    counts = np.zeros((1, len(nets)), np.int64)
    return Activity(nets, annotated, counts, counts, 10, "fake")


def test_missing_nets_are_counted_and_named() -> None:
    activity((0, 1, 2)).require_full([0, 2])
    with pytest.raises(AnnotationError, match=r"covers 1 of 3 nets; missing: b, c"):
        activity((0,)).require_full([0, 1, 2])


def test_no_net_at_all_is_no_measurement() -> None:
    with pytest.raises(AnnotationError, match="covers 0 of 0 nets"):
        activity(()).require_full([])


def test_energy_refuses_partial_activity_and_another_netlists(mac_netlist: Netlist) -> None:
    nets = mac_netlist.nets
    with pytest.raises(AnnotationError, match=rf"covers 0 of {len(nets) - 1} nets"):
        EnergyModel(mac_netlist).breakdown(activity((), nets))
    with pytest.raises(AnnotationError, match=rf"{len(nets) - 2} of {len(nets) - 1} nets; missing: w_q\[7\]"):
        EnergyModel(mac_netlist).breakdown(activity(tuple(range(len(nets) - 1)), nets))
    with pytest.raises(AnnotationError, match="not of netlist mac_w8a8p22_array"):
        EnergyModel(mac_netlist).breakdown(activity((0, 1, 2)))


def test_a_simulation_that_wrote_too_little_is_an_error(mac_netlist: Netlist, monkeypatch: pytest.MonkeyPatch) -> None:
    run = Build.run

    def cut(self: Build, module: str, *, work_dir: Path, **options: Any) -> int:
        passed = run(self, module, work_dir=work_dir, **options)
        with (work_dir / RESULTS).open("r+b") as results:
            results.truncate(8 * 1000)
        return passed

    monkeypatch.setattr(Build, "run", cut)
    zeros = np.zeros((2, 2, 3), np.int64)
    with pytest.raises(ToolError, match="wrote 1000 counters instead of"):
        CosimBackend("icarus").measure(mac_netlist, mac_pairs(MacSpec(), [1, 2], zeros, zeros))


def test_backends_are_found_by_name(monkeypatch: pytest.MonkeyPatch) -> None:
    assert {"icarus", "verilator"} <= set(backend_names())
    assert backend("icarus").name == "icarus"
    with pytest.raises(ConfigError, match=r"unknown simulator 'questa'; known: .*icarus.*verilator"):
        backend("questa")
    monkeypatch.setattr("wattloop.activity.backend._FACTORIES", {})
    mine = CosimBackend("icarus")
    register("mine", lambda: mine)
    assert backend("mine") is mine
    assert "mine" in backend_names()
