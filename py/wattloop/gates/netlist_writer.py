"""A `Netlist` as combinational Verilog, its flip-flops cut: exactly what the engines evaluate, for proofs about it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from wattloop.errors import NetlistError
from wattloop.gates.cell_models import identifier, output_expression
from wattloop.gates.library import Flop
from wattloop.gates.logic import Const, Expr, Var, to_verilog
from wattloop.gates.netlist import Instance, Netlist

_STATE, _CLEAR_N, _PRESET_N = ".i", ".clear_n", ".preset_n"  # of a cut register, behind its name
_NEVER = Const(False)


@dataclass(frozen=True)
class _Bit:
    """Which register bit a flip-flop holds.

    Attributes:
        register: name of the register.
        index: "[3]", empty in a register of one bit.
        complement: the register is at the flip-flop's inverted output.
    """

    register: str
    index: str
    complement: bool

    def port(self, suffix: str = "") -> str:
        """This bit of a port of the cut register."""
        return identifier(self.register + suffix) + self.index


def cut_verilog(netlist: Netlist, registers: Mapping[str, Sequence[int]], *, name: str, clock: str) -> str:
    """Verilog module of one clock step, combinational.

    A register `r` becomes an input `r.i`, its state, and three outputs: `r`, its state after the next clock edge or
    under an asynchronous control; `r.clear_n` and `r.preset_n`, 0 in each bit that such a control holds at 0 or at 1.

    Args:
        netlist: the netlist.
        registers: nets of each register, least significant bit first; together they hold every flip-flop.
        name: module name.
        clock: the input port that has to clock every flip-flop with its rising edge.

    Raises:
        NetlistError: a register bit is not a flip-flop's output, a flip-flop belongs to no register or to two, or one
            has another clock.
    """
    bits = _flop_bits(netlist, registers)
    lines = [f"module {identifier(name)} (", ",\n".join(f"  {port}" for port in _ports(netlist, registers)), ");"]
    lines += [f"  wire n{k};" for k in range(len(netlist.nets))]
    lines += [f"  assign {_concatenation(nets)} = {identifier(port)};" for port, nets in netlist.inputs.items()]
    lines += [f"  assign {identifier(port)} = {_concatenation(nets)};" for port, nets in netlist.outputs.items()]
    lines += [f"  assign n{net} = 1'b{value};" for net, value in netlist.constants.items()]
    for instance in netlist.instances:
        flop = netlist.cell(instance).flop
        if flop is None:
            # A clock has no value in a clock step: what a gate lets through is a condition of its flip-flops.
            gate = netlist.cell(instance).clock_gate is not None
            lines += [] if gate else _output_lines(netlist, instance, {})
        else:
            lines += _flop_lines(netlist, instance, flop, bits, netlist.inputs[clock][0])
    return "\n".join([*lines, "endmodule", ""])


def _ports(netlist: Netlist, registers: Mapping[str, Sequence[int]]) -> list[str]:
    ports: list[tuple[str, str, Sequence[int]]]
    ports = [("input", port, nets) for port, nets in netlist.inputs.items()]
    ports += [("output", port, nets) for port, nets in netlist.outputs.items()]
    for register, nets in registers.items():
        ports.append(("input", register + _STATE, nets))
        ports += [("output", register + suffix, nets) for suffix in ("", _CLEAR_N, _PRESET_N)]
    return [f"{direction} wire {_range(nets)}{identifier(port)}" for direction, port, nets in ports]


def _range(nets: Sequence[int]) -> str:
    return "" if len(nets) == 1 else f"[{len(nets) - 1}:0] "


def _concatenation(nets: Sequence[int]) -> str:
    return "{" + ", ".join(f"n{net}" for net in reversed(nets)) + "}"


def _flop_bits(netlist: Netlist, registers: Mapping[str, Sequence[int]]) -> dict[str, _Bit]:
    """The register bit in each flip-flop, by instance name."""
    bits: dict[str, _Bit] = {}
    for register, nets in registers.items():
        for k, net in enumerate(nets):
            where = f"netlist {netlist.name}: {register}[{k}]"
            index, pin = netlist.drivers.get(net, (-1, ""))
            instance = netlist.instances[index] if index >= 0 else None
            flop = netlist.cell(instance).flop if instance is not None else None
            if instance is None or flop is None:
                raise NetlistError(f"{where} is not the output of a flip-flop")
            if instance.name in bits:
                raise NetlistError(f"{where} shares the flip-flop {instance.name} with {bits[instance.name].port()}")
            complement = netlist.cell(instance).outputs[pin].function == Var(flop.state_n)
            bits[instance.name] = _Bit(register, f"[{k}]" if len(nets) > 1 else "", complement)
    return bits


def _flop_lines(netlist: Netlist, instance: Instance, flop: Flop, bits: Mapping[str, _Bit], clock: int) -> list[str]:
    where = f"netlist {netlist.name}: flip-flop {instance.name}"
    if instance.name not in bits:
        raise NetlistError(f"{where} belongs to none of the registers that the RTL has")
    ticks = _ticks(netlist, instance.pins[flop.clock_pin], clock)
    if ticks is None or not flop.rising:
        raise NetlistError(f"{where} is not clocked by the rising edge of {netlist.nets[clock]}")
    bit = bits[instance.name]
    rename = _renamer(instance, _states(flop, bit))

    def verilog(expr: Expr) -> str:
        return to_verilog(expr, rename=rename)

    clear, preset = flop.clear or _NEVER, flop.preset or _NEVER
    # As in the cells' simulation models, the clear wins where both are active.
    taken = verilog(flop.next_state)
    if ticks != _ALWAYS:
        taken = f"({ticks}) ? {taken} : {verilog(Var(flop.state))}"
    following = f"({verilog(clear)}) ? 1'b0 : ({verilog(preset)}) ? 1'b1 : {taken}"
    if bit.complement:
        clear, preset = preset, clear
    return [
        *_output_lines(netlist, instance, _states(flop, bit)),
        f"  assign {bit.port()} = {'~' if bit.complement else ''}({following});",
        f"  assign {bit.port(_CLEAR_N)} = ~({verilog(clear)});",
        f"  assign {bit.port(_PRESET_N)} = ~({verilog(preset)});",
    ]


_ALWAYS = "1'b1"


def _ticks(netlist: Netlist, net: int, clock: int) -> str | None:
    """When the clock at `net` ticks, as a Verilog expression over the nets; None where it is not `clock`'s."""
    if net == clock:
        return _ALWAYS
    index, _ = netlist.drivers.get(net, (-1, ""))
    if index < 0 or net not in netlist.clock_enables:
        return None
    gate = netlist.instances[index]
    spec = netlist.cell(gate).clock_gate
    if spec is None or not spec.rising or gate.pins[spec.clock_pin] != clock:
        return None
    return " | ".join(f"n{enable}" for enable in netlist.clock_enables[net]) or "1'b0"


def _states(flop: Flop, bit: _Bit) -> dict[str, str]:
    """Verilog operands of a flip-flop's state and of its complement."""
    state, inverse = bit.port(_STATE), f"(~{bit.port(_STATE)})"
    return {flop.state: inverse, flop.state_n: state} if bit.complement else {flop.state: state, flop.state_n: inverse}


def _output_lines(netlist: Netlist, instance: Instance, states: Mapping[str, str]) -> list[str]:
    cell = netlist.cell(instance)
    rename = _renamer(instance, states)
    return [
        f"  assign n{instance.pins[pin]} = {to_verilog(output_expression(cell, pin), rename=rename)};"
        for pin in cell.outputs
        if pin in instance.pins
    ]


def _renamer(instance: Instance, states: Mapping[str, str]) -> Callable[[str], str]:
    return lambda name: states.get(name) or f"n{instance.pins[name]}"
