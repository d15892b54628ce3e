"""Codes of activations held to an allowed set: each becomes the nearest, with a straight-through gradient."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from wattloop.arith.quant import Levels, level_range
from wattloop.nn.fake import look_up


def nearest_codes(codes: Sequence[int], *, signed: bool) -> npt.NDArray[np.int16]:
    """The allowed code that each of the 256 codes becomes.

    Args:
        codes: allowed, in 0..255, or in -128..127 if `signed`; 0 is always allowed.
        signed: inputs are int8, not uint8.

    Returns:
        shape (256,), index code - least code; of two codes equally near, the one of smaller magnitude.

    >>> nearest_codes([4, 9], signed=False)[:8].tolist()
    [0, 0, 0, 4, 4, 4, 4, 9]
    """
    low, high = level_range(signed)
    allowed = np.array(sorted({0, *codes}, key=lambda code: (abs(code), code)))
    every = np.arange(low, high + 1)
    # The first of equal distances is taken, and smaller magnitudes come first.
    nearest: npt.NDArray[np.int16] = allowed[np.abs(every[:, None] - allowed).argmin(1)].astype(np.int16)
    return nearest


class AllowedCodes(nn.Module):
    """Maps each input code to the nearest allowed one, with a straight-through gradient.

    Attributes:
        table: float32, shape (256,), what each code becomes; index code - least code.
        low: least code.
    """

    table: Tensor

    def __init__(self, codes: Sequence[int], *, signed: bool, device: torch.device | None = None) -> None:
        super().__init__()
        self.low = level_range(signed)[0]
        table = torch.from_numpy(nearest_codes(codes, signed=signed).astype(np.float32))
        self.register_buffer("table", table.to(device))

    def forward(self, levels: Tensor) -> Tensor:
        """Integer levels held as floats, any shape -> allowed ones."""
        return look_up(self.table, levels, self.low)

    def integers(self) -> Levels:
        """The table as the integer network takes it: uint8, or int8 where codes are signed, shape (256,)."""
        return self.table.cpu().numpy().astype(np.uint8 if self.low == 0 else np.int8)

    @property
    def codes(self) -> tuple[int, ...]:
        """The allowed codes in ascending order, 0 among them."""
        return tuple(int(code) for code in torch.unique(self.table).tolist())
