"""What the engine works on: a netlist with its flip-flops cut, checked and reduced to functions of nets."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from functools import cached_property

from wattloop.activity.bitparallel.functions import Function, function_of
from wattloop.activity.drive import driven_nets, twin_outputs
from wattloop.errors import NetlistError
from wattloop.gates.logic import Not, Var
from wattloop.gates.netlist import Instance, Netlist


@dataclass(frozen=True)
class Gate:
    """One output pin of one combinational cell.

    Attributes:
        function: its logic function.
        output: the net that it drives.
        inputs: nets at the function's inputs.
        instance: name of the cell.
        pin: name of the output pin.
    """

    function: Function
    output: int
    inputs: tuple[int, ...]
    instance: str
    pin: str


@dataclass(frozen=True)
class Circuit:
    """A netlist with its flip-flops cut.

    Attributes:
        nets: number of nets.
        sources: nets that a stimulus drives: input ports but clocks, and one output of every flip-flop.
        constants: value of each net tied to 0 or 1.
        gates: each after the drivers of its inputs; a flip-flop's second output is the complement of its first.
        other_order: the same gates in another such order; a program takes the one that keeps fewer values alive.
        ends: output ports and data pins of flip-flops: the nets whose settling bounds the clock.
    """

    nets: int
    sources: tuple[int, ...]
    constants: dict[int, int]
    gates: tuple[Gate, ...]
    other_order: tuple[Gate, ...]
    ends: tuple[int, ...]

    @cached_property
    def driven(self) -> tuple[int, ...]:
        """Nets that the stimulus or a gate drives, in ascending order."""
        return tuple(sorted({*self.sources, *(gate.output for gate in self.gates)}))

    def behind(self, nets: Iterable[int]) -> Circuit:
        """The gates that `nets` depend on; all sources are kept."""
        needed = set(nets)
        for gate in reversed(self.gates):
            if gate.output in needed:
                needed.update(gate.inputs)
        kept, other = (tuple(g for g in gates if g.output in needed) for gates in (self.gates, self.other_order))
        return replace(self, gates=kept, other_order=other)


def cut(netlist: Netlist) -> Circuit:
    """`netlist` with its flip-flops cut.

    A clock gate (`clock_gating_integrated_cell`) is cut too. Its enable and test pins are ends, as a flip-flop's data
    pins are. Its output is a clock like those at the flip-flops' clock pins: no stimulus drives it, nobody counts it,
    no gate may read it. Whether the registers behind it load is up to the stimulus, which gives their values anyway.

    Raises:
        NetlistError: an unknown or unsupported cell, a loop, or a net with no driver or with several: names it.
    """
    for instance in netlist.instances:
        _check_cell(netlist, instance)
    copies = list(_second_outputs(netlist))
    gates = [*copies, *(gate for instance in netlist.combinational for gate in _gates(netlist, instance))]
    place = {instance.name: k for k, instance in enumerate(netlist.instances)}
    in_file = sorted(gates, key=lambda gate: place[gate.instance])
    sources = driven_nets(netlist)
    _check_drivers(netlist, sources, gates)
    ports = [net for bits in netlist.outputs.values() for net in bits]
    data = [i.pins[pin] for i in (*netlist.flops, *netlist.clock_gates) for pin in _data_pins(netlist, i)]
    known = {*sources, *netlist.constants, *(gate.output for gate in gates)}
    ends = tuple(net for net in dict.fromkeys([*ports, *data]) if net in known)  # a clock given out has no value
    return Circuit(len(netlist.nets), sources, dict(netlist.constants), tuple(gates), _depth_first(in_file), ends)


def _depth_first(gates: list[Gate]) -> tuple[Gate, ...]:
    """`gates`, each after its drivers and close to them, so that few values are alive at a time."""
    driver = {gate.output: gate for gate in gates}
    done: dict[int, Gate] = {}
    for gate in gates:
        stack = [(gate, iter(gate.inputs))]
        while stack:
            at, inputs = stack[-1]
            deeper = next((driver[n] for n in inputs if n in driver and n not in done), None)
            if deeper is not None:
                stack.append((deeper, iter(deeper.inputs)))
            else:
                done.setdefault(at.output, at)
                stack.pop()
    return tuple(done.values())


def _check_cell(netlist: Netlist, instance: Instance) -> None:
    where = f"netlist {netlist.name}: instance {instance.name}"
    if instance.cell not in netlist.library.cells:
        raise NetlistError(f"{where} is of the unknown cell {instance.cell}: give the netlist's Liberty library")
    cell = netlist.cell(instance)
    if cell.unsupported:
        raise NetlistError(f"{where}: {cell.unsupported}")
    for pin in cell.inputs:
        if pin not in instance.pins:
            raise NetlistError(f"{where}: input pin {pin} is not connected")
    for pin, spec in cell.outputs.items():
        if pin in instance.pins and spec.function is None and cell.clock_gate is None:
            raise NetlistError(f"{where}: output pin {pin} of cell {cell.name} has no function")


def _gates(netlist: Netlist, instance: Instance) -> Iterator[Gate]:
    cell = netlist.cell(instance)
    for pin, spec in cell.outputs.items() if cell.clock_gate is None else ():
        if pin in instance.pins and spec.function is not None:
            function, names = function_of(spec.function)
            inputs = tuple(instance.pins[name] for name in names)
            yield Gate(function, instance.pins[pin], inputs, instance.name, pin)


def _second_outputs(netlist: Netlist) -> Iterator[Gate]:
    """Further outputs of flip-flops, as functions of the first that is connected."""
    for net, (first, complement) in twin_outputs(netlist).items():
        function, _ = function_of(Not(Var("q")) if complement else Var("q"))
        index, pin = netlist.drivers[net]
        yield Gate(function, net, (first,), netlist.instances[index].name, pin)


def _data_pins(netlist: Netlist, instance: Instance) -> Iterator[str]:
    cell = netlist.cell(instance)
    cut_at = cell.flop or cell.clock_gate
    for pin in cell.inputs:
        if cut_at is not None and pin != cut_at.clock_pin:
            yield pin


def _check_drivers(netlist: Netlist, sources: tuple[int, ...], gates: list[Gate]) -> None:
    driver = dict.fromkeys(sources, "a port or register")
    for constant in netlist.constants:
        _claim(netlist, driver, constant, "a constant")
    for gate in gates:
        _claim(netlist, driver, gate.output, f"pin {gate.pin} of {gate.instance}")
    for net, reader in _readers(netlist, gates):
        if net not in driver:
            why = "is a clock" if net in netlist.clock_nets else "has no driver"
            raise NetlistError(f"netlist {netlist.name}: net {netlist.nets[net]}, which {reader} reads, {why}")
    for port, bits in netlist.outputs.items():
        for net in bits:
            if net not in driver and net not in netlist.clock_nets:
                raise NetlistError(
                    f"netlist {netlist.name}: net {netlist.nets[net]}, which port {port} gives out, has no driver"
                )
    for instance in netlist.clock_gates:
        for net in (instance.pins[pin] for pin in netlist.cell(instance).outputs if pin in instance.pins):
            _claim(netlist, driver, net, f"clock gate {instance.name}")


def _readers(netlist: Netlist, gates: list[Gate]) -> Iterator[tuple[int, str]]:
    """Every net that must have a value, and who reads it."""
    for gate in gates:
        for net in gate.inputs:
            yield net, f"cell {gate.instance}"
    for instance in (*netlist.flops, *netlist.clock_gates):
        for pin in _data_pins(netlist, instance):
            if instance.pins[pin] not in netlist.clock_nets:  # a clock that is stored has no value here
                yield instance.pins[pin], f"pin {pin} of {instance.name}"


def _claim(netlist: Netlist, driver: dict[int, str], net: int, by: str) -> None:
    if net in driver:
        raise NetlistError(f"netlist {netlist.name}: net {netlist.nets[net]} is driven by {driver[net]} and by {by}")
    driver[net] = by
