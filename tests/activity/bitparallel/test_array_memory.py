"""What weights did is remembered from tile to tile: a matter of speed alone."""

from __future__ import annotations

import pickle
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from wattloop.activity.bitparallel.array import ArrayEngine
from wattloop.activity.bitparallel.backend import BitparallelBackend
from wattloop.activity.bitparallel.engine import Engine, Timing
from wattloop.activity.sources import tile_stimulus
from wattloop.activity.tiles import TileRun, measure_tiles
from wattloop.gates.netlist import Netlist
from wattloop.gates.spec import ArraySpec

SPEC = ArraySpec(6, 5)


def tiles(seed: int, count: int) -> list[TileRun]:
    rng = np.random.default_rng(seed)
    weights = rng.integers(-128, 128, (4, 5))
    return [TileRun(weights, rng.integers(0, 256, (4, 3)), before=weights if k else None) for k in range(count)]


def test_tiles_that_find_their_weights_known_count_the_same(mac_netlist: Netlist) -> None:
    backend, runs = BitparallelBackend(), tiles(1, 3)
    first = measure_tiles(backend, mac_netlist, SPEC, runs)
    again = measure_tiles(backend, mac_netlist, SPEC, runs)
    backend.forget_weights()
    afresh = measure_tiles(backend, mac_netlist, SPEC, runs)
    for other in (again, afresh):
        np.testing.assert_array_equal(first.toggles, other.toggles)
        np.testing.assert_array_equal(first.high, other.high)


def counted_as_afresh(backend: BitparallelBackend, netlist: Netlist, spec: ArraySpec, run: TileRun) -> None:
    """A backend that knows other tiles counts as one that knows nothing, and as golden streams of every cell."""
    streams = tile_stimulus(spec.mac, [run.streams(spec)], *run.weights.shape)
    for part in ("used", "idle"):
        found = measure_tiles(backend, netlist, spec, [run], part=part)
        afresh = measure_tiles(BitparallelBackend(backend.name, backend.timing), netlist, spec, [run], part=part)
        golden = backend.measure(netlist, streams) if part == "used" else afresh
        for other in (afresh, golden):
            np.testing.assert_array_equal(found.toggles, other.toggles)
            np.testing.assert_array_equal(found.high, other.high)
            np.testing.assert_array_equal(found.glitches, other.glitches)


@pytest.mark.parametrize("timing", [None, Timing()], ids=["settled", "timed"])
def test_the_same_weights_under_other_pixels_shapes_or_arrays_are_not_the_same(
    mac_netlist: Netlist, timing: Timing | None
) -> None:
    backend = BitparallelBackend("bitparallel", timing)
    rng = np.random.default_rng(3)
    weights, pixels = rng.integers(-128, 128, (4, 3)), rng.integers(0, 256, (5, 7))
    held = rng.integers(-128, 128, (6, 4))
    wide = ArraySpec(6, 5)
    counted_as_afresh(backend, mac_netlist, wide, TileRun(weights, pixels[:4], before=held))
    # Another number of pixels.
    counted_as_afresh(backend, mac_netlist, wide, TileRun(weights, pixels[:4, :2], before=held))
    # Another shape that pads to the same weights.
    for below, right in ((1, 0), (0, 1), (1, 1)):
        padded = np.pad(weights, ((0, below), (0, right)))
        counted_as_afresh(backend, mac_netlist, wide, TileRun(padded, pixels[: 4 + below], before=held))
    # Another array that spells the same bytes: codes of 2 bytes, held before and after, and a sum of 4 a column.
    zero = np.zeros((1, 1), np.int64)
    for spec in (ArraySpec(5, 2), ArraySpec(3, 3), ArraySpec(2, 4)):
        counted_as_afresh(backend, mac_netlist, spec, TileRun(zero, pixels[:1], before=zero + 5))


def test_the_same_weights_are_simulated_once(mac_netlist: Netlist) -> None:
    engine = Engine(mac_netlist)
    array = ArrayEngine(engine, engine)
    array.measure(SPEC, tiles(1, 5), "used")
    assert len(array.known) == 2  # loaded after nothing, and after themselves
    array.measure(SPEC, tiles(1, 5), "used")
    assert len(array.known) == 2
    array.measure(SPEC, tiles(2, 5), "used")
    array.measure(SPEC, tiles(1, 5), "idle")
    assert len(array.known) == 6


def test_the_oldest_weights_are_forgotten(mac_netlist: Netlist) -> None:
    engine = Engine(mac_netlist)
    array = ArrayEngine(engine, engine)
    array.measure(SPEC, tiles(1, 1), "used")
    [oldest] = array.known
    array.remember({bytes([k % 256, k // 256]): {} for k in range(1024)})
    assert len(array.known) == 1024
    assert oldest not in array.known


def test_a_used_backend_travels_without_what_it_knows(mac_netlist: Netlist) -> None:
    backend = BitparallelBackend("bitparallel", None, 1)
    measure_tiles(backend, mac_netlist, SPEC, tiles(3, 1))
    assert pickle.loads(pickle.dumps(backend)) == backend


def test_threads_that_share_a_backend_count_the_same(mac_netlist: Netlist) -> None:
    backend = BitparallelBackend(threads=1)
    work = [tiles(seed % 3, 1 + seed % 2) for seed in range(12)]
    with ThreadPoolExecutor(4) as pool:
        together = list(pool.map(lambda part: measure_tiles(backend, mac_netlist, SPEC, part), work))
    for part, found in zip(work, together, strict=True):
        alone = measure_tiles(BitparallelBackend(threads=1), mac_netlist, SPEC, part)
        np.testing.assert_array_equal(found.toggles, alone.toggles)
        np.testing.assert_array_equal(found.high, alone.high)
