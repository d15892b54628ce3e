"""Tiles without their streams: the engine's array counts what the golden streams of every cell give, net by net."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.cells import mapped

from wattloop.activity.backend import ActivityBackend, Progress, backend
from wattloop.activity.bitparallel.backend import BitparallelBackend
from wattloop.activity.result import Activity
from wattloop.activity.stimulus import Stimulus
from wattloop.activity.tiles import TileBackend, TileRun, measure_tiles
from wattloop.errors import StimulusError
from wattloop.gates.netlist import Netlist
from wattloop.gates.spec import ArraySpec, MacSpec

# Sums of 8 bits wrap; the code of a weight is not the weight; zeros take another way.
SMALL = MacSpec(
    weight_bits=4,
    activation_bits=4,
    activation_signed=True,
    psum_bits=8,
    multiplier="sign_magnitude",
    bypass_zero_weight=True,
    bypass_zero_activation=True,
)


@dataclass(frozen=True)
class Streamed:
    """A backend that hides that it knows arrays, so that it is given golden streams."""

    inner: ActivityBackend

    @property
    def name(self) -> str:
        return self.inner.name

    def measure(self, netlist: Netlist, stimulus: Stimulus, *, progress: Progress | None = None) -> Activity:
        return self.inner.measure(netlist, stimulus, progress=progress)


@pytest.fixture(scope="session")
def cells(mac_netlist: Netlist) -> dict[str, tuple[MacSpec, Netlist]]:
    return {"default": (MacSpec(), mac_netlist), "small": (SMALL, mapped("nangate15", SMALL).netlist)}


BACKENDS = {name: backend(name) for name in ("bitparallel", "bitparallel-timed")}


@st.composite
def arrays(draw: st.DrawFn) -> tuple[tuple[int, int], tuple[int, int, int]]:
    rows, cols = draw(st.integers(1, 9)), draw(st.integers(1, 9))
    return (rows, cols), (draw(st.integers(1, rows)), draw(st.integers(1, cols)), draw(st.integers(1, 7)))


def runs(spec: ArraySpec, shape: tuple[int, int, int], seed: int, count: int) -> list[TileRun]:
    """Tiles that share weights, hold others before or none, and take offsets of all kinds."""
    rng = np.random.default_rng(seed)
    mac, (rows, cols, pixels) = spec.mac, shape
    low, high = mac.activation_range
    weights = [rng.choice(mac.weight_values, (rows, cols)) for _ in range(2)]
    befores = [None, weights[0], rng.choice(mac.weight_values, (spec.rows, spec.cols))]
    offsets = [0, int(rng.integers(*mac.psum_range)), rng.integers(-2, 2, spec.cols)]
    return [
        TileRun(
            weights[k % 2],
            rng.integers(low, high + 1, (rows, pixels)) * rng.integers(0, 2, (rows, pixels)),
            before=befores[int(rng.integers(3))],
            psum_in=offsets[int(rng.integers(3))],
        )
        for k in range(count)
    ]


def same(one: Activity, other: Activity) -> None:
    np.testing.assert_array_equal(one.toggles, other.toggles)
    np.testing.assert_array_equal(one.high, other.high)
    assert one.transitions == other.transitions
    assert one.annotated == other.annotated
    if other.glitches is None:
        assert one.glitches is None
    else:
        assert one.glitches is not None
        np.testing.assert_array_equal(one.glitches, other.glitches)


@pytest.mark.parametrize("simulator", ["bitparallel", "bitparallel-timed"])
@pytest.mark.parametrize("cell", ["default", "small"])
@given(shapes=arrays(), seed=st.integers(0, 2**32 - 1), count=st.integers(1, 4))
@settings(max_examples=30, deadline=None)
def test_every_net_of_every_cell_toggles_as_on_golden_streams(
    cells: dict[str, tuple[MacSpec, Netlist]],
    cell: str,
    simulator: str,
    shapes: tuple[tuple[int, int], tuple[int, int, int]],
    seed: int,
    count: int,
) -> None:
    mac, netlist = cells[cell]
    (rows, cols), used = shapes
    spec, engine = ArraySpec(rows, cols, mac=mac), BACKENDS[simulator]
    tiles = runs(spec, used, seed, count)
    for part in ("used", "idle") if used[:2] != (rows, cols) else ("used",):
        ours = measure_tiles(engine, netlist, spec, tiles, part=part)
        same(ours, measure_tiles(Streamed(engine), netlist, spec, tiles, part=part))


@pytest.mark.parametrize("simulator", ["bitparallel", "bitparallel-timed"])
@pytest.mark.parametrize("used", [(64, 64, 64), (27, 16, 64), (64, 16, 5)], ids=str)
def test_the_array_of_the_paper_does_too(mac_netlist: Netlist, used: tuple[int, int, int], simulator: str) -> None:
    engine, spec = BACKENDS[simulator], ArraySpec()
    tiles = runs(spec, used, 1, 2)
    part = "used" if used[1] == 64 else "idle"
    ours = measure_tiles(engine, mac_netlist, spec, tiles, part=part)
    same(ours, measure_tiles(Streamed(engine), mac_netlist, spec, tiles, part=part))


def test_the_numbers_depend_neither_on_threads_nor_on_the_company_of_other_tiles(mac_netlist: Netlist) -> None:
    spec = ArraySpec(8, 8)
    tiles = runs(spec, (6, 8, 5), 2, 5)
    whole = measure_tiles(BitparallelBackend(threads=3), mac_netlist, spec, tiles)
    for k, tile in enumerate(tiles):
        alone = measure_tiles(BitparallelBackend(threads=1), mac_netlist, spec, [tile])
        np.testing.assert_array_equal(alone.toggles[0], whole.toggles[k])
        np.testing.assert_array_equal(alone.high[0], whole.high[k])


def test_progress_counts_tiles_to_the_last(mac_netlist: Netlist) -> None:
    seen: list[tuple[int, int]] = []
    spec = ArraySpec(4, 4)
    tiles = runs(spec, (4, 4, 3), 3, 3)
    measure_tiles(
        BACKENDS["bitparallel"], mac_netlist, spec, tiles, progress=lambda done, total: seen.append((done, total))
    )
    assert seen[-1] == (3, 3)


def test_the_native_backends_know_arrays_and_the_simulators_do_not() -> None:
    assert all(isinstance(engine, TileBackend) for engine in BACKENDS.values())
    assert not isinstance(backend("icarus"), TileBackend)


@pytest.mark.parametrize(
    ("tile", "said"),
    [
        (TileRun(np.full((2, 2), 128), np.ones((2, 3), int)), "cannot hold"),
        (TileRun(np.ones((2, 2), int), np.full((2, 3), 256)), r"activations holds 256\.\.256"),
        (TileRun(np.ones((2, 2), int), np.full((2, 3), -1)), r"activations holds -1\.\.-1"),
        (TileRun(np.ones((2, 2), int), np.ones((3, 3), int)), "rows"),
        (TileRun(np.ones((2, 9), int), np.ones((2, 3), int)), "do not fit"),
        (TileRun(np.ones((2, 2), int), np.ones((2, 0), int)), "at least one"),
        (TileRun(np.ones((2, 2), int), np.ones((2, 3), int), before=np.ones((9, 2), int)), "do not fit"),
        (TileRun(np.ones((2, 2), int), np.ones((2, 3), int), psum_in=1 << 21), "psum_in holds"),
    ],
)
def test_what_does_not_fit_is_refused(mac_netlist: Netlist, tile: TileRun, said: str) -> None:
    with pytest.raises(StimulusError, match=said):
        measure_tiles(BACKENDS["bitparallel"], mac_netlist, ArraySpec(8, 8), [tile])
