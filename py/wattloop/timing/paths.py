"""Longest paths over the engine's delays while some of the sources stand still.

A net that is constant because of what stands still passes nothing on, and neither does an input that cannot change the
gate's output beside such constants. Other inputs are taken as free, so that what is left holds for all their values:
a longest path bounds every settling time of the timed engine over the same delays, inertial or not, since an output
changes only a delay after an input did.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from wattloop.activity.bitparallel.circuit import Circuit, Gate
from wattloop.activity.bitparallel.delays import Steps
from wattloop.activity.bitparallel.functions import function_of
from wattloop.gates.logic import truth_table
from wattloop.gates.netlist import Netlist

Bool = npt.NDArray[np.bool_]
Int32 = npt.NDArray[np.int32]

NEVER = -(1 << 20)  # of a net that no path comes from or leads to; far below every sum of delays


def cone(circuit: Circuit, sources: Iterable[int], *, shut: frozenset[int] = frozenset()) -> frozenset[int]:
    """`sources` and all nets that depend on them, by ways that do not lead through those of `shut`."""
    found = set(sources)
    for gate in circuit.gates:
        if gate.output not in shut and not found.isdisjoint(gate.inputs):
            found.add(gate.output)
    return frozenset(found)


def boundary(circuit: Circuit, inside: frozenset[int]) -> tuple[int, ...]:
    """Nets outside of the cone `inside` that lead into it, and ends outside of it."""
    entering = (net for gate in circuit.gates if gate.output in inside for net in gate.inputs)
    known = set(circuit.driven)
    return tuple(sorted({net for net in (*entering, *circuit.ends) if net not in inside and net in known}))


@dataclass(frozen=True, eq=False)
class Paths:
    """Longest paths of a circuit in several cases of what stands still.

    Attributes:
        netlist: the netlist.
        circuit: the same, cut.
        steps: delays on the grid.
        still: values of the source nets that stand still, by net, each of shape (cases,).
        cases: number of cases.
    """

    netlist: Netlist
    circuit: Circuit
    steps: Steps
    still: Mapping[int, Bool]
    cases: int = 1

    @cached_property
    def live(self) -> tuple[Bool, ...]:
        """For each gate, which inputs can change its output, shape (inputs, cases)."""
        always = np.ones(self.cases, np.bool_)
        known = {net: (always, np.broadcast_to(value, self.cases)) for net, value in self.still.items()}
        for net, bit in self.circuit.constants.items():
            known[net] = always, np.full(self.cases, bool(bit))
        free = np.zeros(self.cases, np.bool_)
        found = []
        for gate in self.circuit.gates:
            inputs = [known.get(net, (free, free)) for net in gate.inputs]
            live, constant, value = _through(self._table(gate), inputs, self.cases)
            known[gate.output] = constant, value
            found.append(live)
        return tuple(found)

    def _table(self, gate: Gate) -> tuple[bool, ...]:
        """The gate's output for each state of its inputs, input k being bit k."""
        cell = self.netlist.library.cells[self._cell_of[gate.instance]]
        function = cell.outputs[gate.pin].function
        if cell.flop is not None or function is None:  # a register's second output, as a function of the first
            complement = gate.function.text.startswith("~")
            return complement, not complement
        names = function_of(function)[1]
        bits = truth_table(function, names)
        return tuple(bool(bits >> state & 1) for state in range(1 << len(names)))

    @cached_property
    def _cell_of(self) -> dict[str, str]:
        return {instance.name: instance.cell for instance in self.netlist.instances}

    def tails(self, ends: Sequence[int]) -> Int32:
        """Steps of the longest path from each net to one of `ends`, shape (nets, cases); `NEVER` without any."""
        found = np.full((self.circuit.nets, self.cases), NEVER, np.int32)
        found[list(ends)] = 0
        for gate, live in zip(reversed(self.circuit.gates), reversed(self.live), strict=True):
            through = found[gate.output] + self.steps.gates[gate.output]
            for net, passes in zip(gate.inputs, live, strict=True):
                np.maximum(found[net], np.where(passes, through, NEVER), out=found[net])
        return np.where(found < 0, NEVER, found)

    def longest(self, sources: Iterable[int], tails: Int32) -> Int32:
        """Steps of the longest path from the clock through one of `sources`, shape (cases,); 0 where there is none."""
        moving = [net for net in sources if net not in self.still]
        if not moving:
            return np.zeros(self.cases, np.int32)
        launched = np.array([self.steps.sources[net] for net in moving], np.int32)[:, np.newaxis]
        found: Int32 = np.maximum(launched + tails[moving], 0).max(axis=0)
        return found


def _through(table: Sequence[bool], inputs: Sequence[tuple[Bool, Bool]], cases: int) -> tuple[Bool, Bool, Bool]:
    """Which inputs of a gate can change its output (inputs, cases), whether that is constant, and its value if so.

    Args:
        table: the output by state of the inputs.
        inputs: of each input, whether it is constant and which value it has, each of shape (cases,).
        cases: number of cases.
    """
    possible = np.ones((len(table), cases), np.bool_)
    for k, (constant, value) in enumerate(inputs):
        for state in range(len(table)):
            possible[state] &= ~constant | (value == bool(state >> k & 1))
    output = np.array(table)[:, np.newaxis]
    one, zero = (possible & output).any(axis=0), (possible & ~output).any(axis=0)
    live = np.zeros((len(inputs), cases), np.bool_)
    for k in range(len(inputs)):
        low = [state for state in range(len(table)) if not state >> k & 1]
        high = [state | 1 << k for state in low]
        live[k] = (possible[low] & possible[high] & (output[low] != output[high])).any(axis=0)
    return live, one != zero, one
