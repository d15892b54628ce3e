"""Tiles in the array: whole, by phase and by cell, they are the same cycles of the same cells."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
from tests.activity.plain import PlainBackend

from wattloop.activity.result import Activity
from wattloop.activity.sources import tile_stimulus
from wattloop.activity.tiles import PHASES, Part, TileRun, measure_phases, measure_tiles
from wattloop.errors import StimulusError
from wattloop.gates.netlist import Netlist
from wattloop.gates.spec import ArraySpec

SPEC = ArraySpec(rows=3, cols=4, pixels=5)
BACKEND = PlainBackend()


def run(seed: int, rows: int = 2, cols: int = 3, pixels: int = 4) -> TileRun:
    rng = np.random.default_rng(seed)
    return TileRun(
        rng.integers(-128, 128, (rows, cols)),
        rng.integers(0, 256, (rows, pixels)),
        before=rng.integers(-128, 128, (3, 2)),
        psum_in=int(rng.integers(-1000, 1000)),
    )


TILES = (run(1), run(2))


def same(one: Activity, other: Activity) -> None:
    np.testing.assert_array_equal(one.toggles, other.toggles)
    np.testing.assert_array_equal(one.high, other.high)
    assert one.transitions == other.transitions


def total(parts: Sequence[Activity]) -> tuple[object, object, int]:
    return sum(p.toggles for p in parts), sum(p.high for p in parts), sum(p.transitions for p in parts)


@pytest.mark.parametrize("part", ["used", "idle"])
def test_tiles_are_measured_cycle_by_cycle_on_the_streams_of_their_cells(mac_netlist: Netlist, part: Part) -> None:
    streams = [tile.streams(SPEC) for tile in TILES]
    whole = BACKEND.measure(mac_netlist, tile_stimulus(SPEC.mac, streams, 2, 3, idle=part == "idle"))
    same(measure_tiles(BACKEND, mac_netlist, SPEC, TILES, part=part), whole)  # type: ignore[arg-type]
    assert whole.transitions == 6 * SPEC.cycles_of(4)


def test_the_phases_of_a_tile_are_the_tile(mac_netlist: Netlist) -> None:
    whole = measure_tiles(BACKEND, mac_netlist, SPEC, TILES)
    phases = measure_phases(BACKEND, mac_netlist, SPEC, TILES)
    assert tuple(phases) == PHASES
    toggles, high, transitions = total(list(phases.values()))
    np.testing.assert_array_equal(toggles, whole.toggles)
    np.testing.assert_array_equal(high, whole.high)
    assert transitions == whole.transitions
    assert phases["load"].transitions == 6 * 3


def test_the_weight_bus_moves_in_the_load_phase_alone(mac_netlist: Netlist) -> None:
    phases = measure_phases(BACKEND, mac_netlist, SPEC, TILES)
    bus = list(mac_netlist.inputs["w_i"])
    moved = {phase: int(activity.toggles[:, bus].sum()) for phase, activity in phases.items()}
    assert moved.pop("load") > 0
    assert moved == {"stream": 0, "skew": 0, "drain": 0}


def test_an_array_of_one_column_has_no_drain(mac_netlist: Netlist) -> None:
    spec, tile = ArraySpec(rows=2, cols=1, pixels=2), TileRun(np.array([[9]]), np.array([[8, 7]]))
    assert tuple(measure_phases(BACKEND, mac_netlist, spec, [tile])) == ("load", "stream", "skew")


@pytest.mark.parametrize("part", ["used", "idle"])
def test_the_cells_of_a_tile_are_the_tile(mac_netlist: Netlist, part: Part) -> None:
    whole = measure_tiles(BACKEND, mac_netlist, SPEC, TILES, part=part)
    cells = measure_tiles(BACKEND, mac_netlist, SPEC, TILES, part=part, by="pe")
    assert cells.transitions == SPEC.cycles_of(4)
    np.testing.assert_array_equal(cells.toggles.reshape(2, 6, -1).sum(1), whole.toggles)
    np.testing.assert_array_equal(cells.high.reshape(2, 6, -1).sum(1), whole.high)


def test_cells_come_tile_by_tile_and_row_by_row(mac_netlist: Netlist) -> None:
    # A cell's register of the activation toggles as the pixels of its row do.
    cells = measure_tiles(BACKEND, mac_netlist, SPEC, TILES, by="pe").toggles[:, list(mac_netlist.bus("a_q", 8))]
    seen = cells.sum(1).reshape(2, 2, 3)
    for tile, found in zip(TILES, seen, strict=True):
        pixels = np.pad(tile.activations, ((0, 0), (1, 1)))
        moved = np.bitwise_count(pixels[:, 1:] ^ pixels[:, :-1]).sum(1)
        np.testing.assert_array_equal(found, np.repeat(moved[:, None], 3, axis=1))


def test_tiles_of_different_shapes_are_refused(mac_netlist: Netlist) -> None:
    for tiles in ((), (run(1), run(1, pixels=5))):
        with pytest.raises(StimulusError, match="all of one shape"):
            measure_tiles(BACKEND, mac_netlist, SPEC, tiles)


def test_a_part_without_cells_is_refused(mac_netlist: Netlist) -> None:
    full = run(1, 3, 4)
    with pytest.raises(StimulusError, match="leaves no cell idle"):
        measure_tiles(BACKEND, mac_netlist, SPEC, [full], part="idle")
    with pytest.raises(StimulusError, match="known: used, idle"):
        measure_phases(BACKEND, mac_netlist, SPEC, [full], part="active")  # type: ignore[arg-type]
