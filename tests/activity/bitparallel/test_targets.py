"""Machines without wide vectors find the same numbers, slower."""

from __future__ import annotations

import platform
from pathlib import Path

import numpy as np
import pytest
from tests.activity.bitparallel.reference import counts, mac_stimulus, reference_mac

from wattloop.activity.bitparallel import kernels
from wattloop.activity.bitparallel.engine import Engine, Timing
from wattloop.activity.bitparallel.functions import library_functions
from wattloop.errors import ToolError
from wattloop.gates.libraries import resolve
from wattloop.store import Store


@pytest.mark.skipif(platform.machine() != "x86_64", reason="the targets are processors of x86-64")
@pytest.mark.parametrize("target", ["x86-64-v3", "x86-64"], ids=["AVX2", "SSE2"])
def test_processors_without_avx512_count_the_same(shared_folder: Path, target: str) -> None:
    netlist = reference_mac(shared_folder, "osu018-booth")
    stimulus = mac_stimulus((3, 9, 130), np.random.default_rng(1))
    toggles, high = counts(netlist, stimulus)
    found = Engine(netlist, target=target).measure([stimulus])
    np.testing.assert_array_equal(found.toggles, toggles)
    np.testing.assert_array_equal(found.high, high)
    timed, native = (Engine(netlist, Timing(10.0), target=t) for t in (target, kernels.NATIVE))
    glitches, expected = timed.measure([stimulus]).glitches, native.measure([stimulus]).glitches
    assert glitches is not None
    assert expected is not None
    np.testing.assert_array_equal(glitches, expected)
    np.testing.assert_array_equal(timed.settling_steps(stimulus), native.settling_steps(stimulus))
    ones = dict.fromkeys(range(len(netlist.nets)), 1.0)
    np.testing.assert_array_equal(timed.weighted_changes(stimulus, ones), native.weighted_changes(stimulus, ones))
    np.testing.assert_array_equal(timed.cell_moves([stimulus]).counts, native.cell_moves([stimulus]).counts)


def test_an_unknown_processor_is_an_error_of_the_compiler(tmp_path: Path) -> None:
    with pytest.raises(ToolError, match="g\\+\\+ failed"):
        kernels.load(library_functions(resolve("osu018")), Store(tmp_path), target="no-such-processor")


def test_a_library_is_compiled_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    few = sorted(library_functions(resolve("osu018")))[:2]
    first = kernels.load(few, Store(tmp_path))
    kernels.forget()
    monkeypatch.setattr(kernels.tools, "run", lambda *_, **__: pytest.fail("compiled again"))
    again = kernels.load(reversed(few), Store(tmp_path))
    assert again.index == first.index
