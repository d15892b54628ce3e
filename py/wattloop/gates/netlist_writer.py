"""A `Netlist` as combinational Verilog, its flip-flops cut: exactly what the engines evaluate, for proofs about it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from wattloop.errors import NetlistError
from wattloop.gates.cell_models import identifier, output_expression
from wattloop.gates.library import Flop
from wattloop.gates.logic import Var, to_verilog
from wattloop.gates.netlist import Instance, Netlist


def cut_verilog(netlist: Netlist, registers: Mapping[str, Sequence[int]], *, name: str, clock: str) -> str:
    """Verilog module of one clock step: register `r` becomes an input `r.i`, its state, and an output `r`, the next.

    Args:
        netlist: the netlist.
        registers: nets of each register, least significant bit first; together they hold every flip-flop.
        name: module name.
        clock: the input port that has to clock every flip-flop with its rising edge.

    Raises:
        NetlistError: a register bit is not a flip-flop's output, a flip-flop belongs to no register, or one has
            another clock.
    """
    ports = [f"input wire {_range(nets)}{identifier(port)}" for port, nets in netlist.inputs.items()]
    ports += [f"output wire {_range(nets)}{identifier(port)}" for port, nets in netlist.outputs.items()]
    for register, nets in registers.items():
        ports += [f"input wire {_range(nets)}{identifier(register + '.i')}"]
        ports += [f"output wire {_range(nets)}{identifier(register)}"]
    lines = [f"module {identifier(name)} (", ",\n".join(f"  {port}" for port in ports), ");"]
    lines += [f"  wire n{k};" for k in range(len(netlist.nets))]
    lines += [f"  assign {_concatenation(nets)} = {identifier(port)};" for port, nets in netlist.inputs.items()]
    lines += [f"  assign {identifier(port)} = {_concatenation(nets)};" for port, nets in netlist.outputs.items()]
    lines += [f"  assign n{net} = 1'b{value};" for net, value in netlist.constants.items()]
    bits = _flop_bits(netlist, registers)
    for instance in netlist.instances:
        lines += _instance_lines(netlist, instance, bits, netlist.inputs[clock][0])
    return "\n".join([*lines, "endmodule", ""])


def _range(nets: Sequence[int]) -> str:
    return "" if len(nets) == 1 else f"[{len(nets) - 1}:0] "


def _concatenation(nets: Sequence[int]) -> str:
    return "{" + ", ".join(f"n{net}" for net in reversed(nets)) + "}"


def _flop_bits(netlist: Netlist, registers: Mapping[str, Sequence[int]]) -> dict[str, tuple[str, str, bool]]:
    """By instance name: (state bit, next-state bit, whether the register holds the complement of the flip-flop)."""
    bits = {}
    for register, nets in registers.items():
        for k, net in enumerate(nets):
            index, pin = netlist.drivers.get(net, (-1, ""))
            instance = netlist.instances[index] if index >= 0 else None
            flop = netlist.cell(instance).flop if instance is not None else None
            if instance is None or flop is None:
                raise NetlistError(f"netlist {netlist.name}: {register}[{k}] is not the output of a flip-flop")
            complement = netlist.cell(instance).outputs[pin].function == Var(flop.state_n)
            index_text = f"[{k}]" if len(nets) > 1 else ""
            state, following = identifier(register + ".i"), identifier(register)
            bits[instance.name] = (state + index_text, following + index_text, complement)
    return bits


def _instance_lines(
    netlist: Netlist, instance: Instance, bits: Mapping[str, tuple[str, str, bool]], clock: int
) -> list[str]:
    cell = netlist.cell(instance)
    if cell.flop is None:
        rename = _renamer(instance, {})
        return _outputs(netlist, instance, rename)
    where = f"netlist {netlist.name}: flip-flop {instance.name}"
    if instance.name not in bits:
        raise NetlistError(f"{where} belongs to none of the registers that the RTL has")
    if instance.pins[cell.flop.clock_pin] != clock or not cell.flop.rising:
        raise NetlistError(f"{where} is not clocked by the rising edge of {netlist.nets[clock]}")
    state, following, complement = bits[instance.name]
    held, inverse = ("(~" + state + ")", state) if complement else (state, "(~" + state + ")")
    rename = _renamer(instance, {cell.flop.state: held, cell.flop.state_n: inverse})
    next_state = _next_state(cell.flop, rename)
    assign = f"  assign {following} = {'~' if complement else ''}({next_state});"
    return [*_outputs(netlist, instance, rename), assign]


def _outputs(netlist: Netlist, instance: Instance, rename: Callable[[str], str]) -> list[str]:
    cell = netlist.cell(instance)
    return [
        f"  assign n{instance.pins[pin]} = {to_verilog(output_expression(cell, pin), rename=rename)};"
        for pin in cell.outputs
        if pin in instance.pins
    ]


def _renamer(instance: Instance, states: Mapping[str, str]) -> Callable[[str], str]:
    return lambda name: states.get(name) or f"n{instance.pins[name]}"


def _next_state(flop: Flop, rename: Callable[[str], str]) -> str:
    text = to_verilog(flop.next_state, rename=rename)
    if flop.preset is not None:
        text = f"({to_verilog(flop.preset, rename=rename)}) ? 1'b1 : {text}"
    if flop.clear is not None:
        text = f"({to_verilog(flop.clear, rename=rename)}) ? 1'b0 : {text}"
    return text
