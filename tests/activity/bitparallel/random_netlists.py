"""Random netlists: reconvergence, constants, multi-output cells, wide fan-in, unbalanced depth."""

from __future__ import annotations

from functools import cache

import numpy as np
from hypothesis import strategies as st

from wattloop.activity.bitparallel.circuit import Circuit
from wattloop.activity.bitparallel.delays import Steps
from wattloop.activity.stimulus import Stimulus
from wattloop.gates.libraries import resolve
from wattloop.gates.library import CellType
from wattloop.gates.netlist import Instance, Netlist

LIBRARY = "nangate45"  # it has adders with two outputs, cells without inputs and gates of six


@cache
def cells() -> tuple[CellType, ...]:
    """One combinational cell of each function."""
    library = resolve(LIBRARY)
    found = {}
    for name in library.cells:
        cell = library.cells[name]
        if not cell.unsupported and cell.flop is None and all(p.function is not None for p in cell.outputs.values()):
            found.setdefault(tuple((p, str(spec.function)) for p, spec in cell.outputs.items()), cell)
    return tuple(cell for key, cell in found.items() if key)


@st.composite
def netlists(draw: st.DrawFn, *, most_cells: int = 40) -> Netlist:
    """A netlist with one input port `x`, perhaps constants, and every net that nobody reads an output."""
    width = draw(st.integers(1, 7))
    values = draw(st.sets(st.sampled_from([0, 1])))
    nets = [f"x[{k}]" for k in range(width)]
    constants = {}
    for value in sorted(values):
        constants[len(nets)] = value
        nets.append(f"1'b{value}")
    instances: list[Instance] = []
    read: set[int] = set()
    near = draw(st.booleans())  # chains, or shallow and wide
    for k in range(draw(st.integers(1, most_cells))):
        cell = draw(st.sampled_from(cells()))
        low = max(0, len(nets) - 4) if near else 0
        pins = {pin: draw(st.integers(low, len(nets) - 1)) for pin in cell.inputs}
        read |= set(pins.values())
        for pin in cell.outputs:
            pins[pin] = len(nets)
            nets.append(f"n{k}_{pin}")
        instances.append(Instance(f"u{k}", cell.name, pins))
    ends = tuple(net for net in range(width, len(nets)) if net not in read and net not in constants)
    order = draw(st.permutations(instances))
    return Netlist(
        name="random",
        library=resolve(LIBRARY),
        nets=tuple(nets),
        aliases={name: net for net, name in enumerate(nets)},
        inputs={"x": tuple(range(width))},
        outputs={"y": ends},
        constants=constants,
        instances=tuple(order),
    )


def vectors(netlist: Netlist, seed: int, shape: tuple[int, int, int]) -> Stimulus:
    """Random values of `x`."""
    width = len(netlist.inputs["x"])
    values = np.random.default_rng(seed).integers(0, 1 << width, shape)
    return Stimulus({"x": values}, {"x": width}, np.arange(shape[1]) > 0, *shape)


@st.composite
def delays(draw: st.DrawFn, circuit: Circuit, *, longest: int = 12) -> Steps:
    """A delay for every gate and an instant for every input."""
    gates = {gate.output: draw(st.integers(1, longest)) for gate in circuit.gates}
    return Steps(1.0, gates, {net: draw(st.integers(0, 3)) for net in circuit.sources})


def side_by_side(parts: list[Netlist]) -> Netlist:
    """All `parts` in one netlist, each with its own input `x0`, `x1`, ..., so that one build simulates them all."""
    nets: list[str] = []
    instances, constants = [], {}
    inputs, outputs = {}, {}
    for k, part in enumerate(parts):
        base = len(nets)
        nets += [f"x{k}[{i}]" if i < len(part.inputs["x"]) else f"p{k}_{name}" for i, name in enumerate(part.nets)]
        constants |= {base + net: value for net, value in part.constants.items()}
        inputs[f"x{k}"] = tuple(base + net for net in part.inputs["x"])
        outputs[f"y{k}"] = tuple(base + net for net in part.outputs["y"])
        for instance in part.instances:
            pins = {pin: base + net for pin, net in instance.pins.items()}
            instances.append(Instance(f"p{k}_{instance.name}", instance.cell, pins))
    return Netlist(
        name="side_by_side",
        library=parts[0].library,
        nets=tuple(nets),
        aliases={name: net for net, name in enumerate(nets)},
        inputs=inputs,
        outputs=outputs,
        constants=constants,
        instances=tuple(instances),
    )
