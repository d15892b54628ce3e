"""What a program counts beside toggles, on request."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

from wattloop.activity.bitparallel.circuit import Gate

MOST_WATCHED = 6  # inputs of a cell: the counts grow with their fourth power
WEIGH = 2  # kernel number of a weighted net
MOVES = 2  # kernel number of the moves of a cell is this plus its inputs


@dataclass(frozen=True)
class Cell:
    """A combinational cell whose input states are followed.

    Attributes:
        instance: its name.
        pins: its input pins, all that some output depends on; input k is bit k of a state.
        nets: the nets at them.
    """

    instance: str
    pins: tuple[str, ...]
    nets: tuple[int, ...]

    @property
    def counts(self) -> int:
        """Pairs of states."""
        return 1 << (2 * len(self.nets))


@dataclass(frozen=True)
class Watch:
    """What is counted.

    Attributes:
        cells: whose moves between input states.
        weights: integer weight of the changes of each net in the sum of every vector.
    """

    cells: tuple[Cell, ...] = ()
    weights: Mapping[int, int] = field(default_factory=dict)

    @cached_property
    def starts(self) -> tuple[int, ...]:
        """First count of each cell, then their number in all."""
        found = [0]
        for cell in self.cells:
            found.append(found[-1] + cell.counts)
        return tuple(found)

    def ready(self, gates: Sequence[Gate]) -> dict[int, tuple[int, ...]]:
        """By index of a gate, the cells whose inputs are known when it is done: after the last output of each."""
        last = {gate.instance: k for k, gate in enumerate(gates)}
        found: dict[int, tuple[int, ...]] = {}
        for place, cell in enumerate(self.cells):
            at = last[cell.instance]
            found[at] = (*found.get(at, ()), place)
        return found


NOTHING = Watch()
