"""Late transitions of real tiles: those that every cycle of every cell of the golden array has, and no others."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest

from wattloop.activity.bitparallel.array_contract import random_tiles
from wattloop.activity.bitparallel.engine import Engine
from wattloop.activity.sources import tile_stimulus
from wattloop.activity.tiles import TileRun
from wattloop.errors import ConfigError, StimulusError
from wattloop.gates.spec import ArraySpec
from wattloop.timing.profiler import Profiler
from wattloop.timing.tiles import COLUMNS, TileTiming, late_transitions

Late = tuple[int, int, int, int, int]


def golden(cell: Profiler, spec: ArraySpec, tiles: list[TileRun], bound_ps: int) -> Counter[Late]:
    """(tile, row, col, cycle, settling) of each late transition, from all cycles of all cells."""
    found: Counter[Late] = Counter()
    for number, tile in enumerate(tiles):
        stimulus = tile_stimulus(spec.mac, [tile.streams(spec)], spec.rows, spec.cols)
        steps = cell.engine.settling_steps(stimulus)[0]
        for cycle, lane in np.argwhere(steps > bound_ps):
            found[number, *divmod(int(lane), spec.cols), int(cycle), int(steps[cycle, lane])] += 1
    return found


def told(timing: TileTiming, cycles: int) -> Counter[Late]:
    """The same of a report, without what happens behind the last cycle of the tile."""
    columns = [timing.listed[name] for name in ("tile", "row", "col", "cycle", "settling_ps")]
    rows = [tuple(map(int, row)) for row in zip(*columns, strict=True)]
    return Counter(row for row in rows if row[3] < cycles)


SHAPES = {
    "whole": ((4, 5), (4, 5, 6)),
    "idle rows and columns": ((5, 4), (3, 2, 5)),
    "idle columns": ((3, 4), (3, 1, 7)),
    "one row": ((1, 4), (1, 3, 4)),
}


@pytest.mark.parametrize("name", SHAPES)
def test_late_transitions_are_those_of_every_cycle_of_every_cell(fused: Profiler, name: str) -> None:
    (rows, cols), shape = SHAPES[name]
    spec = ArraySpec(rows, cols, mac=fused.mac)
    tiles = random_tiles(spec, [shape] * 3, seed=3)
    bound = 30
    timing = late_transitions(fused.engine, spec, tiles, bound, most=100_000)
    expected = golden(fused, spec, tiles, bound)
    assert told(timing, spec.cycles_of(shape[2]) + 1) == expected
    assert expected.total() > 30
    assert not timing.safe
    # What is beyond the last cycle is late, too.
    assert timing.late == len(timing.listed["row"]) >= expected.total()
    by_pe = np.zeros((rows, cols), int)
    np.add.at(by_pe, (timing.listed["row"].astype(int), timing.listed["col"].astype(int)), 1)
    np.testing.assert_array_equal(timing.late_by_pe, by_pe)
    assert timing.latest_ps == timing.latest_by_pe_ps.max() == timing.listed["settling_ps"].max()


def test_the_values_told_make_the_transition_again(fused: Profiler) -> None:
    spec = ArraySpec(4, 5, mac=fused.mac)
    tiles = random_tiles(spec, [(4, 5, 6)], seed=4)
    timing = late_transitions(fused.engine, spec, tiles, 30)
    streams = tiles[0].streams(spec)
    row, col, cycle = (timing.listed[name].astype(int) for name in ("row", "col", "cycle"))
    inside = cycle < streams.cycles
    row, col, cycle = row[inside], col[inside], cycle[inside]
    shape = streams.w_q.shape
    for name, signal, shift in (
        ("weight", "w_q", 0),
        ("weight_before", "w_q", 1),
        ("activation_from", "a_i", 1),
        ("activation_to", "a_i", 0),
        ("psum_from", "p_i", 1),
        ("psum_to", "p_i", 0),
    ):
        whole = np.broadcast_to(getattr(streams, signal), shape)
        np.testing.assert_array_equal(timing.listed[name][inside], whole[cycle - shift, row, col])


def test_a_bound_at_the_latest_is_safe_and_one_below_is_not(fused: Profiler) -> None:
    spec = ArraySpec(4, 5, mac=fused.mac)
    tiles = random_tiles(spec, [(3, 4, 6)] * 2, seed=5)
    latest = late_transitions(fused.engine, spec, tiles, 1000).latest_ps
    assert late_transitions(fused.engine, spec, tiles, latest).safe
    below = late_transitions(fused.engine, spec, tiles, latest - 0.5, most=1)
    assert below.late >= 1
    assert [len(below.listed[name]) for name in COLUMNS] == [1] * len(COLUMNS)
    assert below.listed["settling_ps"][0] == latest


def test_no_tile_settles_after_what_the_worst_profile_and_loading_allow(fused: Profiler) -> None:
    spec = ArraySpec(4, 5, mac=fused.mac)
    timing = late_transitions(fused.engine, spec, random_tiles(spec, [(4, 5, 9)] * 8, seed=6), 0, most=10**6)
    listed = {name: values.astype(int) for name, values in timing.listed.items()}
    kept = listed["weight"] == listed["weight_before"]
    profile = fused.worst()
    weight = np.searchsorted(profile.weights, listed["weight"])
    bound = profile.settling_ps[weight, listed["activation_from"], listed["activation_to"]]
    streaming = kept & (listed["cycle"] > spec.rows + 1 + listed["row"])  # else its bus moves
    assert streaming.sum() > 500
    assert (listed["settling_ps"] <= bound)[streaming].all()
    assert timing.latest_ps <= profile.static_ps


def test_what_cannot_be_timed_is_refused(fused: Profiler) -> None:
    spec = ArraySpec(4, 5, mac=fused.mac)
    tiles = random_tiles(spec, [(4, 5, 6), (3, 5, 6)], seed=7)
    with pytest.raises(StimulusError, match="of one shape"):
        late_transitions(fused.engine, spec, tiles, 30)
    with pytest.raises(ConfigError, match="no delays"):
        late_transitions(Engine(fused.engine.netlist), spec, tiles[:1], 30)
