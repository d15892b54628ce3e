"""A circuit as the numbers that the zero-delay kernels walk through."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import numpy.typing as npt

from wattloop.activity.bitparallel.circuit import Circuit, Gate
from wattloop.activity.bitparallel.functions import Function
from wattloop.activity.bitparallel.watch import MOVES, NOTHING, WEIGH, Watch

Int32 = npt.NDArray[np.int32]
UInt32 = npt.NDArray[np.uint32]
SOURCE = 0  # kernel number of an input


@dataclass(frozen=True)
class Program:
    """What the native library runs; any other engine (a GPU) could walk the same numbers.

    Attributes:
        timed: delays are modelled.
        code: numbers of all cells, one cell after the other; `native/zero.h` and `native/timed.h` say in what order.
        cells: number of cells, inputs and observers included.
        nets: number of nets.
        plane: input plane of each source net.
        room: value slots (zero delay) or vectors of all waveform lists (timed).
        place: slot of each probed net (zero delay) or its number (timed).
        constants: (slot or list, net, value) of each constant, flat.
        table: events of the timed cells, flat; empty without delays.
        events: most events of any cell, with room for the kernels' overhang.
        levels: most levels of windows of any cell.
        times: settling times lie below this; 0 where they are not observed.
        moves: counts of moves between input states of cells.
        held: values that zero-delay counters keep from block to block.
        weighed: changes are weighted.
        most_changes: how often each net can change in one vector.
        observers: by observed net, where its change times lie in `table`: first entry and number.
    """

    timed: bool
    code: Int32
    cells: int
    nets: int
    plane: Mapping[int, int]
    room: int
    place: Mapping[int, int]
    constants: Int32
    table: UInt32 = field(default_factory=lambda: np.zeros(0, np.uint32))
    events: int = 0
    levels: int = 0
    times: int = 0
    moves: int = 0
    held: int = 0
    weighed: bool = False
    most_changes: Mapping[int, int] = field(default_factory=dict)
    observers: Mapping[int, tuple[int, int]] = field(default_factory=dict)


def both_orders(circuit: Circuit) -> tuple[Circuit, Circuit]:
    """`circuit` with its gates in either order."""
    return circuit, replace(circuit, gates=circuit.other_order, other_order=circuit.gates)


def last_uses(circuit: Circuit, kept: Iterable[int], watch: Watch = NOTHING) -> dict[int, int]:
    """Index of the last gate that reads each net or has a counter behind it that does; nets of `kept` are absent."""
    held, ready = set(kept), watch.ready(circuit.gates)
    found: dict[int, int] = {}
    for k, gate in enumerate(circuit.gates):
        counted = (net for place in ready.get(k, ()) for net in watch.cells[place].nets)
        for net in (*gate.inputs, *counted):
            if net not in held:
                found[net] = k
    return found


def zero_delay(
    circuit: Circuit, kernels: Mapping[Function, int], probes: Sequence[int] = (), watch: Watch = NOTHING
) -> Program:
    """The zero-delay program of `circuit`.

    Values live in slots that are used again as soon as nobody reads them any more, so that the working set stays in
    the cache.

    Args:
        circuit: the cut netlist.
        kernels: kernel number of each function.
        probes: nets whose value at every vector is wanted.
        watch: what is counted beside toggles.
    """
    candidates = (_ZeroDelay(order, kernels, probes, watch).program() for order in both_orders(circuit))
    return min(candidates, key=lambda program: program.room)


class _ZeroDelay:
    def __init__(self, circuit: Circuit, kernels: Mapping[Function, int], probes: Sequence[int], watch: Watch) -> None:
        self._circuit, self._kernels, self._probes, self._watch = circuit, kernels, probes, watch
        fixed = [*circuit.sources, *circuit.constants]
        self._slot = {net: k for k, net in enumerate(fixed)}
        self._uses = last_uses(circuit, [*fixed, *probes], watch)
        self._room, self._free = len(fixed), list[int]()
        self._code: list[int] = []
        self._cells = self._held = 0

    def program(self) -> Program:
        circuit = self._circuit
        for net in circuit.sources:
            self._cell(SOURCE, net, self._slot[net])
            self._weigh(net)
        ready = self._watch.ready(circuit.gates)
        for k, gate in enumerate(circuit.gates):
            self._gate(gate)
            for place in ready.get(k, ()):
                self._moves(place)
            self._release(k, gate, ready.get(k, ()))
        constants = [x for net, v in circuit.constants.items() for x in (self._slot[net], net, v)]
        return Program(
            timed=False,
            code=np.array(self._code, np.int32),
            cells=self._cells,
            nets=circuit.nets,
            plane={net: self._slot[net] for net in circuit.sources},
            room=self._room,
            place={net: self._slot[net] for net in self._probes},
            constants=np.array(constants, np.int32),
            moves=self._watch.starts[-1],
            held=self._held,
            weighed=bool(self._watch.weights),
            most_changes=dict.fromkeys(self._slot, 1),
        )

    def _cell(self, *code: int) -> None:
        self._code += code
        self._cells += 1

    def _gate(self, gate: Gate) -> None:
        if not self._free:
            self._free.append(self._room)
            self._room += 1
        self._slot[gate.output] = self._free.pop()
        inputs = (self._slot[net] for net in gate.inputs)
        self._cell(self._kernels[gate.function], gate.output, self._slot[gate.output], *inputs)
        self._weigh(gate.output)

    def _weigh(self, net: int) -> None:
        if net in self._watch.weights:
            self._cell(WEIGH, self._watch.weights[net], self._held, self._slot[net])
            self._held += 1

    def _moves(self, place: int) -> None:
        nets = self._watch.cells[place].nets
        self._cell(MOVES + len(nets), self._watch.starts[place], self._held, *(self._slot[net] for net in nets))
        self._held += len(nets)

    def _release(self, k: int, gate: Gate, places: Sequence[int]) -> None:
        """Slots that nobody reads after gate `k` and the counters behind it."""
        read = {*gate.inputs, *(net for place in places for net in self._watch.cells[place].nets)}
        self._free += [self._slot[net] for net in read if self._uses.get(net) == k]
        if gate.output not in self._uses and gate.output not in self._probes:
            self._free.append(self._slot[gate.output])
