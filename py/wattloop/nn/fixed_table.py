"""A function between layers that is known by its levels alone, for networks that come without its formula."""

from __future__ import annotations

import torch
from torch import Tensor

from wattloop.arith.quant import level_range
from wattloop.nn.fake import look_up, straight_through
from wattloop.nn.grid import Activation
from wattloop.nn.ops import Requantizing


class FixedTable(Requantizing):
    """A table with an entry for each input level; its gradient is the slope between the neighbours of an entry.

    Attributes:
        title: what the function is called.
        in_signed: input levels are int8.
        entries: output level for every input level from the least one on, int16 (int8 is for weights in checkpoints),
            shape (256,).
    """

    entries: Tensor

    def __init__(self, title: str, activation: Activation, in_signed: bool) -> None:
        super().__init__(activation, inputs=1)
        self.title, self.in_signed = title, in_signed
        self.register_buffer("entries", torch.zeros(256, dtype=torch.int16))

    def table(self) -> Tensor:
        """Output level for every input level from the least one on, float64, shape (256,)."""
        return self.entries.to(torch.float64).clamp(*self.levels())

    def forward(self, levels: Tensor) -> Tensor:
        """Any shape."""
        table, least = self.table(), level_range(self.in_signed)[0]
        found = look_up(table, levels.detach(), least)
        if not (torch.is_grad_enabled() and levels.requires_grad):
            return found
        slope = look_up(torch.gradient(table)[0], levels.detach(), least)
        return straight_through(found, slope * levels)
