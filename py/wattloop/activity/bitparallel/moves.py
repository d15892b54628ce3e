"""Moves of cells between the states of their inputs: from them every count by arc and side-input state follows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from wattloop.activity.bitparallel.watch import MOST_WATCHED, Cell
from wattloop.errors import NetlistError
from wattloop.gates.logic import evaluate, variables
from wattloop.gates.netlist import Instance, Netlist

Int64 = npt.NDArray[np.int64]
Float = npt.NDArray[np.float64]


@dataclass(frozen=True)
class CellMoves:
    """How often the inputs of every combinational cell went from one state to another.

    Bit k of a state is input pin k of the cell. With delays every change within the cycle is a move, glitches and those
    that inertia keeps from the output included; without, a move is from settled to settled.

    Attributes:
        netlist: whose cells.
        cells: by instance.
        starts: first count of each cell.
        counts: shape (groups, counts).
        transitions: counted transitions of one group.
    """

    netlist: Netlist
    cells: Mapping[str, Cell]
    starts: Mapping[str, int]
    counts: Int64
    transitions: int

    def pins(self, instance: str) -> tuple[str, ...]:
        """Input pins of a cell in the order of a state's bits.

        Raises:
            NetlistError: no such combinational cell.
        """
        if instance not in self.cells:
            raise NetlistError(f"netlist {self.netlist.name} has no combinational cell {instance} with inputs")
        return self.cells[instance].pins

    def moves(self, instance: str) -> Int64:
        """Moves by (state before, state after), shape (groups, states, states); the diagonal is 0."""
        matrix = self._matrix(instance).copy()
        states = np.arange(matrix.shape[1])
        matrix[:, states, states] = 0
        return matrix

    def settled(self, instance: str) -> Int64:
        """Counted vectors at whose end the inputs were in each state, shape (groups, states)."""
        return np.diagonal(self._matrix(instance), axis1=1, axis2=2)

    def arc(self, instance: str, pin: str, output: str) -> Float:
        """Changes of a cell's function at `output` that `pin` causes, by the state of the other inputs after the move.

        Where several inputs move at once each has an equal share, so that all arcs of an output add up to its changes.

        Returns:
            shape (groups, side states, 2): rises and falls; a side state has a bit for each other pin, in order.
        """
        pins = self.pins(instance)
        place, states = pins.index(pin), np.arange(1 << len(pins))
        value = self._values(instance, output)
        moved = states[:, np.newaxis] ^ states
        together = sum(moved >> k & 1 for k in range(len(pins)))
        share = (moved >> place & 1) / np.maximum(1, together)
        weighted = self.moves(instance) * share
        low = states & ((1 << place) - 1)
        side = low | (states >> (place + 1) << place)
        found = np.zeros((len(weighted), 1 << (len(pins) - 1), 2))
        for edge, after in enumerate((1, 0)):
            changes = (value == after) & (value != after)[:, np.newaxis]
            by_state = (weighted * changes).sum(axis=1)
            for state in states:
                found[:, side[state], edge] += by_state[:, state]
        return found

    def _values(self, instance: str, output: str) -> Int64:
        """The output in each state."""
        cell = self.netlist.cell(self._instances[instance])
        function = cell.outputs[output].function if output in cell.outputs else None
        if function is None:
            raise NetlistError(f"cell {instance} ({cell.name}) has no function at pin {output}")
        states = np.arange(1 << len(self.pins(instance)), dtype=np.uint64)
        bits = {pin: states >> np.uint64(k) & np.uint64(1) for k, pin in enumerate(self.pins(instance))}
        return evaluate(function, bits, np.ones_like(states)).astype(np.int64)

    def _matrix(self, instance: str) -> Int64:
        size = 1 << len(self.pins(instance))
        start = self.starts[instance]
        return self.counts[:, start : start + size * size].reshape(-1, size, size)

    @cached_property
    def _instances(self) -> Mapping[str, Instance]:
        return {instance.name: instance for instance in self.netlist.instances}


def watched_cells(netlist: Netlist) -> tuple[Cell, ...]:
    """All combinational cells with inputs.

    Raises:
        NetlistError: a cell has more inputs than can be followed; names it.
    """
    found = []
    for instance in netlist.combinational:
        cell = netlist.cell(instance)
        if cell.clock_gate is not None:
            continue
        functions = [spec.function for pin, spec in cell.outputs.items() if pin in instance.pins and spec.function]
        used = {name for function in functions for name in variables(function)}
        pins = tuple(pin for pin in cell.inputs if pin in used)
        if len(pins) > MOST_WATCHED:
            raise NetlistError(
                f"instance {instance.name} ({cell.name}) has {len(pins)} inputs; moves are counted for {MOST_WATCHED}"
            )
        if pins:
            found.append(Cell(instance.name, pins, tuple(instance.pins[pin] for pin in pins)))
    return tuple(found)
