"""Integers into bit planes: 64 lanes a machine word, one word a bit.

The order of lanes inside a word is whatever comes out cheapest, but the same for every signal and for the mask: only
counts leave the bench.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Integers = npt.NDArray[np.integer]
UInt8 = npt.NDArray[np.uint8]
UInt64 = npt.NDArray[np.uint64]

LANES = 64

# Transposition of an 8x8 bit matrix in a word, by swapping ever larger off-diagonal blocks: (shift, mask).
_SWAPS = (
    (np.uint64(7), np.uint64(0x00AA00AA00AA00AA)),
    (np.uint64(14), np.uint64(0x0000CCCC0000CCCC)),
    (np.uint64(28), np.uint64(0x00000000F0F0F0F0)),
)


def blocks(lanes: int) -> int:
    """Words that hold `lanes` lanes.

    >>> blocks(65)
    2
    """
    return -(-lanes // LANES)


def bit_planes(values: Integers, width: int) -> UInt64:
    """Bit planes of integers, taken modulo 2**width.

    Args:
        values: shape (..., lanes).
        width: bits, 1 to 64.

    Returns:
        words, shape (..., blocks, width), least significant bit first; lanes beyond the last are 0.
    """
    lead, lanes = values.shape[:-1], values.shape[-1]
    bytes_wide = -(-width // 8)
    words = blocks(lanes)
    raw = np.zeros((*lead, words * LANES), f"<u{1 << (bytes_wide - 1).bit_length()}")
    raw[..., :lanes] = values.astype(raw.dtype)  # modulo the wider type first
    by_byte = raw.view(np.uint8).reshape(*lead, words * LANES, raw.itemsize)
    planes = np.empty((*lead, words, bytes_wide * 8, 8), np.uint8)
    for k in range(bytes_wide):
        octets = _transpose_bits(np.ascontiguousarray(by_byte[..., k]).view(np.uint64))
        spread = octets.view(np.uint8).reshape(*lead, words, 8, 8)
        planes[..., 8 * k : 8 * k + 8, :] = np.swapaxes(spread, -1, -2)
    return planes.view(np.uint64)[..., :width, 0]


def _transpose_bits(x: UInt64) -> UInt64:
    """Bit i of byte j of each word becomes bit j of byte i, in place."""
    scratch = np.empty_like(x)
    for shift, mask in _SWAPS:
        np.right_shift(x, shift, out=scratch)
        scratch ^= x
        scratch &= mask
        x ^= scratch
        scratch <<= shift
        x ^= scratch
    return x


def lane_mask(lanes: int) -> UInt64:
    """Words with a 1 for every lane, in the order of `bit_planes`. Shape (blocks,)."""
    return bit_planes(np.ones(lanes, np.int64), 1)[:, 0]
