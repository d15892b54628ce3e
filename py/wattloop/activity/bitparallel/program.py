"""A circuit as the numbers that the zero-delay kernels walk through."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import numpy.typing as npt

from wattloop.activity.bitparallel.circuit import Circuit
from wattloop.activity.bitparallel.functions import Function

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


def both_orders(circuit: Circuit) -> tuple[Circuit, Circuit]:
    """`circuit` with its gates in either order."""
    return circuit, replace(circuit, gates=circuit.other_order, other_order=circuit.gates)


def last_uses(circuit: Circuit, kept: Iterable[int]) -> dict[int, int]:
    """Index of the last gate that reads each net; nets of `kept` and nets that nobody reads are absent."""
    held = set(kept)
    found: dict[int, int] = {}
    for k, gate in enumerate(circuit.gates):
        for net in gate.inputs:
            if net not in held:
                found[net] = k
    return found


def zero_delay(circuit: Circuit, kernels: Mapping[Function, int], probes: Sequence[int] = ()) -> Program:
    """The zero-delay program of `circuit`.

    Values live in slots that are used again as soon as nobody reads them any more, so that the working set stays in
    the cache.

    Args:
        circuit: the cut netlist.
        kernels: kernel number of each function.
        probes: nets whose value at every vector is wanted.
    """
    candidates = (_zero_delay(order, kernels, probes) for order in both_orders(circuit))
    return min(candidates, key=lambda program: program.room)


def _zero_delay(circuit: Circuit, kernels: Mapping[Function, int], probes: Sequence[int]) -> Program:
    fixed = [*circuit.sources, *circuit.constants]
    slot = {net: k for k, net in enumerate(fixed)}
    plane = {net: slot[net] for net in circuit.sources}
    uses = last_uses(circuit, [*fixed, *probes])
    room, free = len(fixed), list[int]()
    code = [number for net in circuit.sources for number in (SOURCE, net, slot[net])]
    for k, gate in enumerate(circuit.gates):
        if not free:
            free.append(room)
            room += 1
        slot[gate.output] = free.pop()
        code += [kernels[gate.function], gate.output, slot[gate.output], *(slot[net] for net in gate.inputs)]
        free += [slot[net] for net in set(gate.inputs) if uses.get(net) == k]
        if gate.output not in uses and gate.output not in probes:
            free.append(slot[gate.output])
    return Program(
        timed=False,
        code=np.array(code, np.int32),
        cells=len(circuit.sources) + len(circuit.gates),
        nets=circuit.nets,
        plane=plane,
        room=room,
        place={net: slot[net] for net in probes},
        constants=np.array([x for net, v in circuit.constants.items() for x in (slot[net], net, v)], np.int32),
    )
