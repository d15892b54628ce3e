"""The netlist: cells, nets and their logic. The one gate-level truth that every engine works on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from graphlib import CycleError, TopologicalSorter

from wattloop.errors import NetlistError
from wattloop.gates.library import CellType, Library
from wattloop.store import content_key


@dataclass(frozen=True)
class Instance:
    """One placed cell.

    Attributes:
        name: instance name in the Verilog file.
        cell: name of its library cell.
        pins: net index by pin name, power pins left out.
    """

    name: str
    cell: str
    pins: Mapping[str, int]


@dataclass(frozen=True)
class Netlist:
    """A flat mapped module.

    Nets are numbered; a net that several names were assigned to has one number and several names.

    Attributes:
        name: module name.
        library: the Liberty library it is mapped to.
        nets: canonical name of each net, by index.
        aliases: net index by every name a bit is known by: `p_i[3]`, `w_q[7]`, `_0123_`.
        inputs: net indices of each input port, least significant bit first.
        outputs: likewise of each output port.
        constants: value of each net tied to 0 or 1.
        instances: the cells, in the order of the file.
    """

    name: str
    library: Library
    nets: tuple[str, ...]
    aliases: Mapping[str, int]
    inputs: Mapping[str, tuple[int, ...]]
    outputs: Mapping[str, tuple[int, ...]]
    constants: Mapping[int, int]
    instances: tuple[Instance, ...]

    def cell(self, instance: Instance) -> CellType:
        """Library cell of `instance`."""
        return self.library.cells[instance.cell]

    def bus(self, name: str, width: int) -> tuple[int, ...]:
        """Nets of the `width` bits of signal `name` (a port or a register), least significant first.

        Raises:
            NetlistError: a bit has no net of that name.
        """
        if width == 1 and name in self.aliases:
            return (self.aliases[name],)
        bits = [f"{name}[{i}]" for i in range(width)]
        missing = [bit for bit in bits if bit not in self.aliases]
        if missing:
            raise NetlistError(f"netlist {self.name} has no net {missing[0]}; the signal may have been optimised away")
        return tuple(self.aliases[bit] for bit in bits)

    @cached_property
    def flops(self) -> tuple[Instance, ...]:
        """The flip-flops."""
        return tuple(i for i in self.instances if self.cell(i).flop is not None)

    @cached_property
    def combinational(self) -> tuple[Instance, ...]:
        """The cells that are no flip-flops, each after its drivers; engines pass over clock gates among them.

        Raises:
            NetlistError: a combinational loop; the message names a net on it.
        """
        return self._topological()

    @cached_property
    def clock_gates(self) -> tuple[Instance, ...]:
        """The clock gates (`clock_gating_integrated_cell`)."""
        return tuple(i for i in self.instances if i.cell in self.library.cells and self.cell(i).clock_gate is not None)

    @cached_property
    def gated_clocks(self) -> frozenset[int]:
        """Nets that clock gates give out: clocks that do not tick in every cycle."""
        outputs = ((i, self.cell(i).clock_gate) for i in self.clock_gates)
        return frozenset(i.pins[g.output_pin] for i, g in outputs if g is not None and g.output_pin in i.pins)

    @cached_property
    def clock_enables(self) -> Mapping[int, tuple[int, ...]]:
        """Nets of which any lets the next pulse through, by gated clock; those tied to 0 left out.

        Raises:
            NetlistError: a gate's clock is gated itself, or the file does not tell its enable pins.
        """
        found = {}
        for instance in self.clock_gates:
            gate = self.cell(instance).clock_gate
            if gate is None or gate.output_pin not in instance.pins:
                continue
            if instance.pins[gate.clock_pin] in self.gated_clocks or not gate.enable_pins:
                raise NetlistError(
                    f"netlist {self.name}: how often {instance.name} ({instance.cell}) lets its clock pass is unknown"
                )
            nets = (instance.pins[pin] for pin in gate.enable_pins if pin in instance.pins)
            found[instance.pins[gate.output_pin]] = tuple(net for net in nets if self.constants.get(net) != 0)
        return found

    @cached_property
    def clock_nets(self) -> frozenset[int]:
        """Nets at the clock pins of flip-flops and clock gates, and those that clock gates give out."""
        flops = {i.pins[f.clock_pin] for i in self.flops if (f := self.cell(i).flop) is not None}
        gates = {i.pins[g.clock_pin] for i in self.clock_gates if (g := self.cell(i).clock_gate) is not None}
        return frozenset(flops | gates | self.gated_clocks)

    @cached_property
    def sources(self) -> tuple[int, ...]:
        """Nets that a stimulus must drive once the flip-flops are cut: input ports but clocks, then flop outputs."""
        ports = [n for nets in self.inputs.values() for n in nets if n not in self.clock_nets]
        states = [i.pins[p] for i in self.flops for p in self.cell(i).outputs if p in i.pins]
        return tuple(dict.fromkeys([*ports, *states]))

    @cached_property
    def drivers(self) -> Mapping[int, tuple[int, str]]:
        """(index of the instance, output pin) that drives each net that a cell drives."""
        return {
            net: (k, pin)
            for k, instance in enumerate(self.instances)
            for pin, net in instance.pins.items()
            if pin in self.cell(instance).outputs
        }

    @cached_property
    def loads(self) -> tuple[tuple[tuple[int, str], ...], ...]:
        """(index of the instance, input pin) of every cell pin that each net drives, by net index."""
        found: list[list[tuple[int, str]]] = [[] for _ in self.nets]
        for k, instance in enumerate(self.instances):
            for pin, net in instance.pins.items():
                if pin in self.cell(instance).inputs:
                    found[net].append((k, pin))
        return tuple(map(tuple, found))

    @cached_property
    def area_um2(self) -> float:
        """Area of all cells."""
        return sum(self.cell(instance).area_um2 for instance in self.instances)

    @cached_property
    def digest(self) -> str:
        """Content key of the netlist and its library: its identity in cache keys and results."""
        return content_key(
            self.name, self.library.sha256, self.nets, self.inputs, self.outputs, self.constants, self.instances
        )

    def _topological(self) -> tuple[Instance, ...]:
        cells = [k for k, instance in enumerate(self.instances) if self.cell(instance).flop is None]
        wanted = set(cells)
        sorter: TopologicalSorter[int] = TopologicalSorter()
        for k in cells:
            pins = self.instances[k].pins
            feeding = (self.drivers.get(pins[pin], (-1, ""))[0] for pin in self.cell(self.instances[k]).inputs)
            sorter.add(k, *(driver for driver in feeding if driver in wanted))
        try:
            return tuple(self.instances[k] for k in sorter.static_order())
        except CycleError as error:
            instance = self.instances[error.args[1][0]]
            output = next(net for pin, net in instance.pins.items() if pin in self.cell(instance).outputs)
            raise NetlistError(
                f"netlist {self.name} has a combinational loop through net {self.nets[output]} "
                f"(cell {instance.name}): break it with a register"
            ) from error
