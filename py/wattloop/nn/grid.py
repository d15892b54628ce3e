"""The grid of levels that a tensor lies on: its sign, its greatest value, its scale."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from wattloop.arith.quant import level_range


@dataclass(frozen=True)
class Activation:
    """What follows a sum before it is rounded to levels.

    Attributes:
        relu: negative values become 0, and the levels are uint8; otherwise int8.
        limit: greatest real value (6 for ReLU6), or None.
    """

    relu: bool = False
    limit: float | None = None

    @property
    def signed(self) -> bool:
        """Levels are int8."""
        return not self.relu

    def apply(self, values: Tensor) -> Tensor:
        """The activation on real values (used to calibrate)."""
        return values.clamp(0 if self.relu else None, self.limit) if self.relu or self.limit is not None else values

    def levels(self, scale: float) -> tuple[int, int]:
        """Least and greatest level at `scale`."""
        low, high = level_range(self.signed)
        return low, high if self.limit is None else max(1, min(high, round(self.limit / scale)))


LINEAR = Activation()
RELU = Activation(relu=True)
RELU6 = Activation(relu=True, limit=6.0)


def scale_for(values: Tensor, low: int, high: int, candidates: int = 64) -> float:
    """Scale that quantises `values` with the least squared error among evenly spaced clipping points.

    Args:
        values: real numbers of any shape.
        low: least level.
        high: greatest level.
        candidates: clipping points tried, from 30 % to 100 % of the greatest value.

    Returns:
        Real value of one level; 1.0 where all values are 0.
    """
    flat = values.detach().flatten().to(torch.float32)
    reach = float(max(flat.max() / high, -flat.min() / max(-low, 1))) if low < 0 else float(flat.max() / high)
    if not reach > 0:
        return 1.0
    scales = [reach * (0.3 + 0.7 * (i + 1) / candidates) for i in range(candidates)]
    errors = [
        float(((flat / s).round().clamp(low, high).mul(s) - flat).square().mean(dtype=torch.float64)) for s in scales
    ]
    return scales[errors.index(min(errors))]
