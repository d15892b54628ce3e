"""The golden model against plain integer arithmetic."""

from __future__ import annotations

import time
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wattloop.arith.golden import PeStreams, mac, run_mac, run_tile, run_tiles, wrap
from wattloop.errors import StimulusError
from wattloop.gates.spec import ArraySpec, MacSpec


@st.composite
def specs(draw: st.DrawFn) -> ArraySpec:
    """Small arrays, with partial sums narrow enough to wrap."""
    weight_bits, activation_bits = draw(st.integers(2, 8)), draw(st.integers(2, 8))
    cell = MacSpec(
        weight_bits=weight_bits,
        activation_bits=activation_bits,
        activation_signed=draw(st.booleans()),
        psum_bits=draw(st.integers(weight_bits + activation_bits, 32)),
    )
    return ArraySpec(rows=draw(st.integers(1, 5)), cols=draw(st.integers(1, 5)), mac=cell)


@st.composite
def runs(draw: st.DrawFn) -> tuple[ArraySpec, np.ndarray, np.ndarray, int]:
    """An array, back-to-back tiles no larger than it, and an offset."""
    spec = draw(specs())
    tiles, pixels = draw(st.integers(1, 3)), draw(st.integers(1, 6))
    rows, cols = draw(st.integers(1, spec.rows)), draw(st.integers(1, spec.cols))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    (low, high), (least, most) = spec.mac.weight_range, spec.mac.activation_range
    weights = rng.integers(low, high + 1, (tiles, rows, cols))
    activations = rng.integers(least, most + 1, (tiles, rows, pixels))
    return spec, weights, activations, draw(st.integers(*spec.mac.psum_range))


def python_wrap(value: int, bits: int) -> int:
    """Two's complement by Python's own conversion, through bytes of 64 bits."""
    low = value % (1 << bits)
    return low - (1 << bits) if low >= 1 << (bits - 1) else low


@given(st.integers(-(2**40), 2**40), st.integers(2, 32))
def test_wrap_is_twos_complement(value: int, bits: int) -> None:
    assert int(wrap(value, bits)) == python_wrap(value, bits)


@given(runs())
def test_outputs_are_the_matrix_product(run: tuple[ArraySpec, np.ndarray, np.ndarray, int]) -> None:
    spec, weights, activations, offset = run
    outputs = run_tiles(weights, activations, spec, psum_in=offset).outputs
    bits = spec.mac.psum_bits
    for tile in range(weights.shape[0]):
        for pixel in range(activations.shape[2]):
            for col in range(weights.shape[2]):
                pairs = zip(weights[tile, :, col].tolist(), activations[tile, :, pixel].tolist(), strict=True)
                want = python_wrap(offset + sum(w * a for w, a in pairs), bits)
                assert outputs[tile, pixel, col] == want


@given(runs())
def test_registers_take_what_their_pins_say(run: tuple[ArraySpec, np.ndarray, np.ndarray, int]) -> None:
    spec, weights, activations, offset = run
    s = run_tiles(weights, activations, spec, psum_in=offset)
    w_i, w_en = np.broadcast_to(s.w_i, s.w_q.shape), np.broadcast_to(s.w_en_i, s.w_q.shape)
    np.testing.assert_array_equal(s.a_q[1:], s.a_i[:-1])
    np.testing.assert_array_equal(s.w_q[1:], np.where(w_en[:-1] == 1, w_i[:-1], s.w_q[:-1]))
    np.testing.assert_array_equal(s.p_q[1:], mac(s.p_i[:-1], s.w_q[:-1], s.a_i[:-1], spec.mac))


@given(runs())
def test_cells_are_wired_to_their_neighbours(run: tuple[ArraySpec, np.ndarray, np.ndarray, int]) -> None:
    spec, weights, activations, offset = run
    s = run_tiles(weights, activations, spec, psum_in=offset)
    np.testing.assert_array_equal(s.a_i[:, :, 1:], s.a_q[:, :, :-1])
    np.testing.assert_array_equal(s.p_i[:, 1:], s.p_q[:, :-1])
    assert (s.p_i[:, 0] == offset).all()


def shape_facts(s: PeStreams, spec: ArraySpec, pixels: int, tiles: int) -> None:
    """Cycle counts and phases of a run."""
    assert s.tile_cycles == spec.rows + pixels + (spec.rows - 1) + (spec.cols - 1)
    assert s.cycles == 1 + tiles * s.tile_cycles
    covered = [cycle for phase in s.phases.values() for cycle in phase]
    assert covered == list(range(1 + s.tile_cycles))
    assert list(s.phases) == ["idle", "load", "stream", "skew", "drain"]


@given(runs())
def test_phases_cover_the_tile(run: tuple[ArraySpec, np.ndarray, np.ndarray, int]) -> None:
    spec, weights, activations, offset = run
    s = run_tiles(weights, activations, spec, psum_in=offset)
    shape_facts(s, spec, activations.shape[2], weights.shape[0])
    load, busy = s.phases["load"], s.w_en_i[: s.tile_cycles + 1, :, 0]
    np.testing.assert_array_equal(np.flatnonzero(busy.any(axis=1)), list(load))
    assert (busy.sum(axis=0) == 1).all()


def test_activation_reaches_a_cell_after_its_row_and_column() -> None:
    spec = ArraySpec(rows=3, cols=4, pixels=2)
    activations = np.arange(1, 7).reshape(3, 2)
    s = run_tile(np.ones((3, 4), dtype=int), activations, spec)
    start = s.phases["stream"].start
    for row, col, pixel in np.ndindex(3, 4, 2):
        assert s.a_i[start + row + col + pixel, row, col] == activations[row, pixel]
    assert s.a_i.sum() == activations.sum() * 4


def test_full_tile_takes_254_cycles_and_little_time() -> None:
    rng = np.random.default_rng(0)
    weights, activations = rng.integers(-128, 128, (64, 64)), rng.integers(0, 256, (64, 64))
    spent = []
    for _ in range(3):
        start = time.process_time()
        s = run_tile(weights, activations, ArraySpec())
        spent.append(time.process_time() - start)
    assert s.tile_cycles == 254
    assert min(spent) < 0.1
    np.testing.assert_array_equal(s.outputs, activations.T @ weights)


def test_one_offset_a_column() -> None:
    spec = ArraySpec(rows=2, cols=3)
    offsets = np.array([5, -6, 7])
    s = run_tile(np.zeros((2, 3), dtype=int), np.zeros((2, 4), dtype=int), spec, psum_in=offsets)
    np.testing.assert_array_equal(s.outputs, np.tile(offsets, (4, 1)))


def test_initial_weights_stand_until_their_row_is_loaded() -> None:
    spec = ArraySpec(rows=2, cols=2)
    old, new = np.full((2, 2), -3), np.full((2, 2), 9)
    s = run_tile(new, np.ones((2, 3), dtype=int), spec, initial_weights=old)
    assert (s.w_q[0] == -3).all()
    assert (s.w_q[1:3, 1] == -3).all()
    assert (s.w_q[2:, 0] == 9).all()
    assert (s.w_q[3:] == 9).all()


def test_second_tile_starts_where_the_first_ended() -> None:
    rng = np.random.default_rng(4)
    spec = ArraySpec(rows=4, cols=3)
    weights, activations = rng.integers(-128, 128, (2, 4, 3)), rng.integers(0, 256, (2, 4, 5))
    both = run_tiles(weights, activations, spec)
    alone = run_tile(weights[1], activations[1], spec, initial_weights=weights[0])
    # The first tile's last products are still on their way out of the corner in the first two cycles.
    np.testing.assert_array_equal(both.p_q[both.tile_cycles + 2 :], alone.p_q[2:])
    np.testing.assert_array_equal(both.w_q[both.tile_cycles :], alone.w_q)


@st.composite
def pin_streams(draw: st.DrawFn) -> tuple[MacSpec, list[dict[str, int]]]:
    """A cell and the values of its pins, cycle by cycle."""
    spec = MacSpec(weight_bits=3, activation_bits=3, psum_bits=6, reset=draw(st.sampled_from(["sync", "async"])))
    pins = st.fixed_dictionaries(
        {
            "w_i": st.integers(*spec.weight_range),
            "w_en_i": st.integers(0, 1),
            "a_i": st.integers(*spec.activation_range),
            "p_i": st.integers(*spec.psum_range),
            "rst_ni": st.sampled_from([0, 1, 1, 1]),
        }
    )
    return spec, draw(st.lists(pins, min_size=1, max_size=20))


@given(pin_streams())
@settings(max_examples=200)
def test_cell_streams_equal_a_register_by_register_walk(case: tuple[MacSpec, list[dict[str, int]]]) -> None:
    spec, cycles = case
    streams = run_mac(spec, **{name: [cycle[name] for cycle in cycles] for name in cycles[0]})
    w_q = a_q = p_q = 0
    for index, pins in enumerate(cycles):
        if spec.reset == "async" and not pins["rst_ni"]:
            w_q = a_q = p_q = 0
        assert (streams.w_q[index], streams.a_q[index], streams.p_q[index]) == (w_q, a_q, p_q)
        p_q = python_wrap(pins["p_i"] + w_q * pins["a_i"], spec.psum_bits)
        a_q = pins["a_i"]
        w_q = pins["w_i"] if pins["w_en_i"] else w_q
        if not pins["rst_ni"]:
            w_q = a_q = p_q = 0


@pytest.mark.parametrize(
    ("weights", "activations", "complaint"),
    [
        (np.full((2, 2), 128), np.zeros((2, 3), dtype=int), "weights holds 128..128; the spec allows -128..127"),
        (np.zeros((2, 2), dtype=int), np.full((2, 3), -1), "activations holds -1..-1; the spec allows 0..255"),
        (np.zeros((3, 2), dtype=int), np.zeros((3, 3), dtype=int), "do not fit"),
        (np.zeros((2, 2), dtype=int), np.zeros((1, 3), dtype=int), "do not fit"),
        (np.zeros((2, 2), dtype=int), np.zeros((2, 0), dtype=int), "do not fit"),
        (np.zeros((2, 2)), np.zeros((2, 3), dtype=int), "expected 3 dimensions, integers"),
    ],
)
def test_what_does_not_fit_is_refused(weights: np.ndarray, activations: np.ndarray, complaint: str) -> None:
    with pytest.raises(StimulusError, match=complaint):
        run_tile(weights, activations, ArraySpec(rows=2, cols=2))


def test_offset_out_of_range_is_refused() -> None:
    spec = replace(ArraySpec(rows=1, cols=1), mac=MacSpec(psum_bits=16))
    with pytest.raises(StimulusError, match="psum_in holds 32768"):
        run_tile([[1]], [[1]], spec, psum_in=32768)


def test_initial_weights_that_do_not_fit_are_refused() -> None:
    with pytest.raises(StimulusError, match="initial weights"):
        run_tile([[1]], [[1]], ArraySpec(rows=1, cols=1), initial_weights=np.zeros((1, 2), dtype=int))


@given(run=runs(), seed=st.integers(0, 2**32 - 1))
@settings(max_examples=60, deadline=None)
def test_preloaded_offsets_are_each_tiles_own(run: tuple[ArraySpec, np.ndarray, np.ndarray, int], seed: int) -> None:
    spec, weights, activations, before = run
    array = replace(spec, psum_preload=True)
    least, most = spec.mac.psum_range
    offsets = np.random.default_rng(seed).integers(least, most + 1, (len(weights), spec.cols))
    streams = run_tiles(weights, activations, array, psum_in=offsets, initial_psum_in=before)
    plain = activations.transpose(0, 2, 1) @ weights + offsets[:, None, : weights.shape[2]]
    np.testing.assert_array_equal(streams.outputs, wrap(plain, spec.mac.psum_bits))
    # A tile's offset enters row 0 from its second cycle to the first one of the next tile.
    entering = streams.p_i[:, 0]
    assert (entering[:2] == before).all()
    for tile, offset in enumerate(offsets):
        first = 2 + tile * streams.tile_cycles
        assert (entering[first : first + streams.tile_cycles] == offset).all()


@given(run=runs())
@settings(max_examples=30, deadline=None)
def test_one_offset_for_all_is_the_same_preloaded_or_not(run: tuple[ArraySpec, np.ndarray, np.ndarray, int]) -> None:
    spec, weights, activations, offset = run
    preloaded = run_tiles(weights, activations, replace(spec, psum_preload=True), psum_in=offset)
    wired = run_tiles(weights, activations, spec, psum_in=offset)
    for name in ("w_i", "w_en_i", "w_q", "a_i", "a_q", "p_i", "p_q", "outputs"):
        np.testing.assert_array_equal(getattr(preloaded, name), getattr(wired, name))


def test_an_offset_that_no_register_holds_is_refused() -> None:
    weights, activations = np.zeros((2, 1, 1), int), np.zeros((2, 1, 1), int)
    wired, preloaded = ArraySpec(1, 2, 1), ArraySpec(1, 2, 1, psum_preload=True)
    with pytest.raises(StimulusError, match="need a register: set psum_preload = true"):
        run_tiles(weights, activations, wired, psum_in=[[1, 2], [3, 4]])
    with pytest.raises(StimulusError, match="set psum_preload = true"):
        run_tiles(weights, activations, wired, initial_psum_in=0)
    with pytest.raises(StimulusError, match=r"psum_in of shape \(3, 2\) does not fit 2 tiles, 2 columns"):
        run_tiles(weights, activations, preloaded, psum_in=np.zeros((3, 2), int))
    with pytest.raises(StimulusError, match=r"psum_in holds 0..2097152; the spec allows"):
        run_tiles(weights, activations, preloaded, psum_in=[[0, 0], [0, 1 << 21]])
    with pytest.raises(StimulusError, match="initial_psum_in holds"):
        run_tiles(weights, activations, preloaded, initial_psum_in=-(1 << 21) - 1)
