"""Bit planes hold every lane once, in one order for every signal."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from hypothesis import given
from hypothesis import strategies as st

from wattloop.activity.pack import LANES, bit_planes, blocks, lane_mask

Int64 = npt.NDArray[np.int64]


def unpacked(planes: npt.NDArray[np.uint64]) -> Int64:
    """Integers at every bit position, shape (..., blocks * 64): the plain reading of bit planes."""
    bits = planes[..., None] >> np.arange(LANES, dtype=np.uint64) & np.uint64(1)  # (..., blocks, width, position)
    weights = (np.uint64(1) << np.arange(planes.shape[-1], dtype=np.uint64))[:, None]
    return (bits * weights).sum(-2, dtype=np.uint64).view(np.int64).reshape(*planes.shape[:-2], -1)


@given(lanes=st.integers(1, 200), width=st.integers(1, 64), lead=st.integers(1, 3), seed=st.integers(0, 1000))
def test_every_lane_is_found_where_the_lane_numbers_say(lanes: int, width: int, lead: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    values = rng.integers(-(1 << 63), 1 << 63, (lead, lanes), dtype=np.int64) >> 64 - width
    number = unpacked(bit_planes(np.arange(1, lanes + 1), 8))  # lane + 1 at each position, 0 where there is none
    used = number > 0
    assert sorted(number[used]) == list(range(1, lanes + 1))
    found = unpacked(bit_planes(values, width))
    modulo = values & (-1 if width == 64 else (1 << width) - 1)
    np.testing.assert_array_equal(found[:, used], modulo[:, number[used] - 1])
    assert not found[:, ~used].any()
    np.testing.assert_array_equal(unpacked(lane_mask(lanes)[:, None]) == 1, used)


@given(st.integers(1, 1000))
def test_blocks_just_hold_the_lanes(lanes: int) -> None:
    assert (blocks(lanes) - 1) * LANES < lanes <= blocks(lanes) * LANES
