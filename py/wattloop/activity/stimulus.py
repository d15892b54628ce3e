"""What a netlist is driven with: integer arrays, never waveforms."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from wattloop.errors import StimulusError

Integers = npt.NDArray[np.integer]
Bool = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Stimulus:
    """Vectors for a netlist whose flip-flops are cut, in groups of lanes over steps.

    A lane is an independent copy of the netlist (a PE of the array, or one sampled pair); a step is a clock cycle. The
    toggles between step t-1 and step t of every lane count where `counted[t]`. Independent pairs are two steps
    of which the second counts; a stream counts every step but the first.

    Attributes:
        signals: integers by name of input port or register (`a_i`, `p_i`, `w_q`, ...), each broadcastable to
            (groups, steps, lanes).
        widths: bits of each signal; values lie in -2**(w-1) ... 2**w - 1 and are taken modulo 2**w.
        counted: shape (steps,); the first is always False.
        groups, steps, lanes: the common shape.
    """

    signals: Mapping[str, Integers]
    widths: Mapping[str, int]
    counted: Bool
    groups: int
    steps: int
    lanes: int

    def __post_init__(self) -> None:
        if self.counted.shape != (self.steps,) or self.counted[0]:
            raise StimulusError(
                f"counted has shape {self.counted.shape} and must be ({self.steps},), starting with False"
            )
        if set(self.signals) != set(self.widths):
            raise StimulusError(
                f"signals and widths name different signals: {sorted(set(self.signals) ^ set(self.widths))}"
            )
        for name, values in self.signals.items():
            self._check(name, values, self.widths[name])

    def _check(self, name: str, values: Integers, width: int) -> None:
        try:
            np.broadcast_shapes(values.shape, self.shape)
        except ValueError:
            raise StimulusError(f"signal {name} has shape {values.shape}, which does not fit {self.shape}") from None
        if values.size and (values.min() < -(1 << (width - 1)) or values.max() >= 1 << width):
            raise StimulusError(f"signal {name} holds {values.min()}..{values.max()}, beyond {width} bits")

    @property
    def shape(self) -> tuple[int, int, int]:
        """(groups, steps, lanes)."""
        return self.groups, self.steps, self.lanes

    @property
    def transitions(self) -> int:
        """Counted transitions of one group: counted steps x lanes."""
        return int(self.counted.sum()) * self.lanes
