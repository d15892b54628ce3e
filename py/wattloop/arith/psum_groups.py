"""The 50 groups of partial sums (paper section 3.1.1): 10 by the highest bit, times 5 by Hamming weight.

The raw two's complement pattern is grouped, never the magnitude: a small negative number has all its high bits set.
"""

from __future__ import annotations

import functools

import numpy as np
import numpy.typing as npt

Int64 = npt.NDArray[np.int64]

MSB_GROUPS = 10
WEIGHT_GROUPS = 5
GROUPS = MSB_GROUPS * WEIGHT_GROUPS


@functools.cache
def _popcount16() -> npt.NDArray[np.uint8]:
    counts = np.zeros(1, np.uint8)
    for _ in range(16):
        counts = np.concatenate([counts, counts + np.uint8(1)])
    return counts


@functools.cache
def _group_table(psum_bits: int) -> npt.NDArray[np.uint8]:
    """Group by (MSB position 0..psum_bits, Hamming weight 0..psum_bits)."""
    msb = np.arange(psum_bits + 1)
    msb_group = msb * MSB_GROUPS // (psum_bits + 1)
    table = np.zeros((psum_bits + 1, psum_bits + 1), np.uint8)
    for group in range(MSB_GROUPS):
        members = msb[msb_group == group]
        if members.size == 0:
            continue
        least, greatest = min(int(members[0]), 1), int(members[-1])
        weight = np.clip(np.arange(psum_bits + 1), least, greatest) - least
        table[members] = group * WEIGHT_GROUPS + weight * WEIGHT_GROUPS // (greatest - least + 1)
    return table


def psum_group(values: npt.NDArray[np.integer], psum_bits: int = 22) -> npt.NDArray[np.uint8]:
    """Group 0..49 of each partial sum.

    With r the raw `psum_bits`-bit pattern, m its MSB position counted from 1 (0 for r = 0, so 0..22) and h its Hamming
    weight: g = floor(10 m / 23), and within g the weights that its patterns can have, h_min..h_max (h_min = 1, or 0
    where g holds m = 0; h_max = the greatest m of g), are cut uniformly:
    s = floor(5 (h - h_min) / (h_max - h_min + 1)). The group is 5 g + s.

    >>> psum_group(np.array([0, 1, 3, -1, -(1 << 21)])).tolist()
    [0, 1, 3, 49, 45]
    """
    raw = np.asarray(values, np.int64) & ((1 << psum_bits) - 1)
    weight = _popcount16()[raw & 0xFFFF] + _popcount16()[raw >> 16]
    msb = np.frexp(raw.astype(np.float64))[1]  # exact: the exponent of a positive integer is its bit length
    groups: npt.NDArray[np.uint8] = _group_table(psum_bits)[msb, weight]
    return groups


def group_pair(
    before: npt.NDArray[np.integer], after: npt.NDArray[np.integer], psum_bits: int = 22
) -> npt.NDArray[np.int64]:
    """Cell 0..2499 of the (from, to) matrix: 50 * group(before) + group(after)."""
    return psum_group(before, psum_bits).astype(np.int64) * GROUPS + psum_group(after, psum_bits)
