"""Delay profiles: what Icarus sees with the same delays, and never beyond the longest path."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from tests.timing.conftest import TIMING, profiler

from wattloop.activity.bitparallel import icarus
from wattloop.activity.bitparallel.engine import Engine
from wattloop.errors import ConfigError, NetlistError
from wattloop.timing.profile import DelayProfile
from wattloop.timing.profiler import Profiler, uniform_psums
from wattloop.timing.transitions import transitions


def by_icarus(cell: Profiler, ends: Sequence[int], psums: np.ndarray | None, folder: Path) -> np.ndarray:
    """Last change of any of `ends`, shape (weights, from, to)."""
    stimulus = transitions(cell.mac, np.array(cell.mac.weight_values), psums)
    circuit = replace(cell.engine.circuit, ends=tuple(ends))
    seen = icarus.simulate(cell.engine.netlist, circuit, cell.steps, stimulus, folder, counting=False)
    return seen.settling[:, 1].reshape(8, 8, 8)


def every_psum() -> np.ndarray:
    """All pairs of partial sums of 7 bits, each with every transition: (16384, 2, 64)."""
    before, after = (values.ravel() for values in np.meshgrid(np.arange(-64, 64), np.arange(-64, 64)))
    return np.repeat(np.stack([before, after], axis=1)[..., np.newaxis], 64, axis=2).astype(np.int32)


def test_the_whole_cell_settles_when_icarus_says(fused: Profiler, tmp_path: Path) -> None:
    psums = uniform_psums(fused.mac, 2, seed=0)
    seen = []
    for k, psum in enumerate(psums):
        (folder := tmp_path / str(k)).mkdir()
        seen.append(by_icarus(fused, fused.engine.circuit.ends, psum, folder))
    found = fused.sampled(psums)
    np.testing.assert_array_equal(found.settling_ps, np.max(seen, axis=0))
    assert found.transitions == 2 * 8 * 64
    assert np.unique(found.settling_ps).size > 10


def test_the_multiplier_settles_when_icarus_says_and_the_adder_comes_on_top(apart: Profiler, tmp_path: Path) -> None:
    product = by_icarus(apart, apart.paths.product, None, tmp_path)
    found = apart.multiplier()
    adder, psum = apart.paths.adder_steps, found.psum_ps[0]
    assert adder > 0
    np.testing.assert_array_equal(found.settling_ps, np.maximum(np.where(product > 0, product + adder, 0), psum))
    assert (found.settling_ps > psum).any()


@pytest.mark.parametrize("name", ["fused", "apart"])
def test_the_worst_case_bounds_every_partial_sum(name: str, request: pytest.FixtureRequest) -> None:
    cell: Profiler = request.getfixturevalue(name)
    psums = every_psum()[np.random.default_rng(1).permutation(16384)[:512]]
    exact, bound = cell.sampled(psums), cell.worst()
    assert (exact.settling_ps <= bound.settling_ps).all()
    # A bound that told all transitions alike would hold as well.
    assert np.unique(bound.settling_ps).size > 10
    assert (exact.settling_ps == bound.settling_ps).any()


def profiles(cell: Profiler) -> list[DelayProfile]:
    found = [cell.sampled(uniform_psums(cell.mac, 4, seed=2)), cell.worst()]
    return [*found, cell.multiplier()] if cell.mac.multiplier == "hierarchical" else found


@pytest.mark.parametrize("name", ["fused", "apart"])
def test_nothing_settles_after_the_longest_path_of_its_weight(name: str, request: pytest.FixtureRequest) -> None:
    for found in profiles(request.getfixturevalue(name)):
        latest = found.spread()[:, 2]
        assert (latest <= found.held_ps).all(), found.method
        assert (found.held_ps <= found.static_ps).all(), found.method
        # Zero opens less of the cell than other weights do.
        assert found.held_ps[list(found.weights).index(0)] < found.held_ps.max() or found.method == "multiplier"
        assert latest.max() > 0.8 * found.static_ps, found.method


def test_the_longest_path_is_the_last_change_that_the_engine_allows_for(fused: Profiler) -> None:
    program = fused.engine.program(observed=fused.engine.circuit.ends)
    assert fused.paths.free_steps == program.times - 1


def test_any_number_of_threads_gives_the_same_profile(apart: Profiler) -> None:
    for one, other in zip(profiles(apart), profiles(profiler("hierarchical", threads=3)), strict=True):
        np.testing.assert_array_equal(one.settling_ps, other.settling_ps)


def test_a_finer_grid_is_rounded_up_to_whole_picoseconds(fused: Profiler) -> None:
    fine = Profiler(Engine(fused.engine.netlist, replace(TIMING, delay_step_ps=0.5)), fused.mac)
    psums = uniform_psums(fused.mac, 1, seed=0)
    found = fine.sampled(psums)
    steps = fine.engine.settling_steps(transitions(fine.mac, found.weights, psums[0]))
    assert (steps % 2).any()
    np.testing.assert_array_equal(found.settling_ps, -(-steps[:, 1].reshape(8, 8, 8).astype(int) // 2))


def test_a_cell_without_a_product_of_its_own_is_refused(fused: Profiler) -> None:
    with pytest.raises(NetlistError, match='time a cell with multiplier = "hierarchical"'):
        fused.multiplier()


def test_what_does_not_fit_is_refused(fused: Profiler) -> None:
    with pytest.raises(ConfigError, match=r"give \(samples, 2, 64\)"):
        fused.sampled(np.zeros((1, 2, 63), np.int32))
    with pytest.raises(ConfigError, match="no delays"):
        Profiler(Engine(fused.engine.netlist), fused.mac).worst()
