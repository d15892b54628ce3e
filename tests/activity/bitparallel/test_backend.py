"""The engine as a plug: what the registry's names mean."""

from __future__ import annotations

import pickle
from pathlib import Path

import numpy as np
import pytest
from tests.activity.bitparallel.reference import mac_stimulus, reference_mac

from wattloop.activity.backend import backend
from wattloop.activity.bitparallel.backend import BitparallelBackend
from wattloop.activity.bitparallel.engine import Engine, Timing
from wattloop.activity.drive import switching_nets
from wattloop.errors import ConfigError


def test_the_native_engine_without_delays_is_the_default(shared_folder: Path) -> None:
    netlist = reference_mac(shared_folder, "nangate15-array")
    stimulus = mac_stimulus((2, 9, 70), np.random.default_rng(1))
    assert backend().name == "bitparallel"
    found = backend().measure(netlist, stimulus)
    assert found.glitches is None
    found.require_full(switching_nets(netlist))
    np.testing.assert_array_equal(found.toggles, Engine(netlist).measure([stimulus]).toggles)


def test_the_timed_one_counts_glitches_on_the_usual_grid(shared_folder: Path) -> None:
    netlist = reference_mac(shared_folder, "nangate15-array")
    stimulus = mac_stimulus((2, 9, 70), np.random.default_rng(2))
    found = backend("bitparallel-timed").measure(netlist, stimulus)
    expected = Engine(netlist, Timing()).measure([stimulus])
    assert found.glitches is not None
    assert expected.glitches is not None
    assert found.glitches.sum() > 1000
    np.testing.assert_array_equal(found.glitches, expected.glitches)
    np.testing.assert_array_equal(found.toggles, backend().measure(netlist, stimulus).toggles)


def test_the_coarse_one_counts_them_on_a_grid_twice_as_coarse(shared_folder: Path) -> None:
    netlist = reference_mac(shared_folder, "nangate15-array")
    stimulus = mac_stimulus((2, 9, 70), np.random.default_rng(2))
    found = backend("bitparallel-coarse").measure(netlist, stimulus)
    expected = Engine(netlist, Timing(1.0)).measure([stimulus])
    assert found.glitches is not None
    assert expected.glitches is not None
    np.testing.assert_array_equal(found.glitches, expected.glitches)


def test_a_netlist_that_was_seen_is_not_compiled_again(shared_folder: Path) -> None:
    netlist = reference_mac(shared_folder, "nangate15-array")
    engines = BitparallelBackend()
    assert engines.engine(netlist) is engines.engine(netlist)


def test_progress_is_told(shared_folder: Path) -> None:
    netlist = reference_mac(shared_folder, "osu018-array")
    told: list[tuple[int, int]] = []
    stimulus = mac_stimulus((3, 2, 5), np.random.default_rng(3))
    backend("bitparallel").measure(netlist, stimulus, progress=lambda done, total: told.append((done, total)))
    assert told[-1] == (3, 3)


def test_an_unknown_name_lists_the_known_ones() -> None:
    with pytest.raises(ConfigError, match="bitparallel, bitparallel-coarse, bitparallel-timed, icarus, verilator"):
        backend("spice")


def test_a_used_backend_travels_to_other_processes(shared_folder: Path) -> None:
    used = BitparallelBackend("bitparallel-timed", Timing(), 3)
    assert used.engine(reference_mac(shared_folder, "osu018-array")).kernels
    there, again = (pickle.loads(pickle.dumps(used)) for _ in range(2))
    assert (there, there._engines) == (used, {})
    assert there is again
