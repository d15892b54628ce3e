"""Random netlists to check engines with: reconvergence, constants, several outputs, wide fan-in, unbalanced depth."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from wattloop.activity.bitparallel.circuit import Circuit
from wattloop.activity.bitparallel.delays import Steps
from wattloop.gates.library import CellType, Library
from wattloop.gates.netlist import Instance, Netlist

Pick = Callable[[int, int], int]
"""An integer from a range, both ends included: who draws decides what is random."""


def one_cell_a_function(library: Library) -> tuple[CellType, ...]:
    """The first combinational cell of `library` of each set of output functions."""
    found: dict[tuple[tuple[str, str], ...], CellType] = {}
    for name in library.cells:
        cell = library.cells[name]
        if (
            not cell.unsupported
            and cell.flop is None
            and cell.clock_gate is None
            and all(p.function is not None for p in cell.outputs.values())
        ):
            found.setdefault(tuple((p, str(spec.function)) for p, spec in cell.outputs.items()), cell)
    return tuple(cell for key, cell in found.items() if key)


def random_netlist(library: Library, cells: Sequence[CellType], pick: Pick, *, most_cells: int = 40) -> Netlist:
    """A netlist with one input port `x`, perhaps constants, and every net that nobody reads an output.

    Args:
        library: the library.
        cells: which of its cells are drawn from.
        pick: draws every number.
        most_cells: the greatest number of cells.
    """
    width = pick(1, 7)
    nets = [f"x[{k}]" for k in range(width)]
    constants = {}
    for value in (0, 1):
        if pick(0, 1):
            constants[len(nets)] = value
            nets.append(f"1'b{value}")
    instances: list[Instance] = []
    read: set[int] = set()
    near = pick(0, 1)  # chains, or shallow and wide
    for k in range(pick(1, most_cells)):
        cell = cells[pick(0, len(cells) - 1)]
        low = max(0, len(nets) - 4) if near else 0
        pins = {pin: pick(low, len(nets) - 1) for pin in cell.inputs}
        read |= set(pins.values())
        for pin in cell.outputs:
            pins[pin] = len(nets)
            nets.append(f"n{k}_{pin}")
        instances.insert(pick(0, len(instances)), Instance(f"u{k}", cell.name, pins))
    ends = tuple(net for net in range(width, len(nets)) if net not in read and net not in constants)
    aliases = {name: net for net, name in enumerate(nets)}
    ports = {"x": tuple(range(width))}, {"y": ends}
    return Netlist("random", library, tuple(nets), aliases, *ports, constants, tuple(instances))


def random_delays(circuit: Circuit, pick: Pick, *, longest: int = 12) -> Steps:
    """A delay for every gate and an instant for every input."""
    gates = {gate.output: pick(1, longest) for gate in circuit.gates}
    return Steps(1.0, gates, {net: pick(0, 3) for net in circuit.sources})


def side_by_side(parts: Sequence[Netlist]) -> Netlist:
    """All `parts` in one netlist, each name `x` becoming `p0_x`, `p1_x`, ..., so that one build simulates them all."""
    nets: list[str] = []
    aliases: dict[str, int] = {}
    instances: list[Instance] = []
    constants: dict[int, int] = {}
    inputs: dict[str, tuple[int, ...]] = {}
    outputs: dict[str, tuple[int, ...]] = {}
    for k, part in enumerate(parts):
        base = len(nets)
        nets += [f"p{k}_{name}" for name in part.nets]
        aliases |= {f"p{k}_{name}": base + net for name, net in part.aliases.items()}
        constants |= {base + net: value for net, value in part.constants.items()}
        inputs |= {f"p{k}_{port}": tuple(base + net for net in bits) for port, bits in part.inputs.items()}
        outputs |= {f"p{k}_{port}": tuple(base + net for net in bits) for port, bits in part.outputs.items()}
        for instance in part.instances:
            pins = {pin: base + net for pin, net in instance.pins.items()}
            instances.append(Instance(f"p{k}_{instance.name}", instance.cell, pins))
    return Netlist("side_by_side", parts[0].library, tuple(nets), aliases, inputs, outputs, constants, tuple(instances))
