"""Which flip-flop of a user's cell holds which bit of the weight, the activation and the partial sum.

wattloop feeds and reads registers by name (`w_q`, `a_q`, `p_q`). A user's cell may call them anything, and nobody has
to say how: the outputs tell two of them, and the weight's bits are told by the bit of the weight bus that they take.
That the flip-flops found this way do what those registers have to is for the proof to say.
"""

from __future__ import annotations

from collections.abc import Mapping

from wattloop.errors import NetlistError
from wattloop.gates.logic import Not, Var
from wattloop.gates.netlist import Instance, Netlist
from wattloop.gates.spec import MacSpec
from wattloop.own.cell import OURS

Registers = dict[str, tuple[int, ...]]

_ELSE = "wattloop's array has a weight, an activation and a partial-sum register a cell, and knows no other"


def find_registers(netlist: Netlist, spec: MacSpec) -> Registers:
    """Nets of `w_q`, `a_q` and `p_q`, least significant bit first; together they are all flip-flops.

    Args:
        netlist: with wattloop's port names.
        spec: the cell that it has to be.

    Raises:
        NetlistError: an output is no register, or there are other registers; names net and cell.
    """
    found: Registers = {
        register: tuple(_behind(netlist, port, k) for k in range(bits))
        for register, port, bits in (
            ("a_q", OURS.activation_out, spec.activation_bits),
            ("p_q", OURS.psum_out, spec.psum_bits),
        )
    }
    taken: dict[str, str] = {}
    for register, nets in found.items():
        for k, net in enumerate(nets):
            flop = netlist.instances[netlist.drivers[net][0]].name
            if flop in taken:
                raise _error(netlist, f"{register}[{k}] and {taken[flop]} are one flip-flop ({flop})")
            taken[flop] = f"{register}[{k}]"
    rest = [instance for instance in netlist.flops if instance.name not in taken]
    return found | {"w_q": _weight(netlist, spec, rest)}


def _error(netlist: Netlist, what: str) -> NetlistError:
    return NetlistError(f"netlist {netlist.name}: {what}: {_ELSE}")


def _behind(netlist: Netlist, port: str, k: int) -> int:
    """Net of the flip-flop behind bit `k` of an output, through buffers."""
    net, inverted, where = netlist.outputs[port][k], False, f"output {port}[{k}]"
    while True:
        index, pin = netlist.drivers.get(net, (-1, ""))
        if index < 0:
            raise _error(netlist, f"{where} comes from {netlist.nets[net]}, which is no register")
        instance = netlist.instances[index]
        if netlist.cell(instance).flop is not None:
            if inverted:
                raise _error(netlist, f"{where} is the inverse of flip-flop {instance.name}: register the bit itself")
            return net
        function = netlist.cell(instance).outputs[pin].function
        passed = function.arg if isinstance(function, Not) else function
        if not isinstance(passed, Var):
            raise _error(netlist, f"{where} comes from {instance.name} ({instance.cell}), which is no register")
        inverted ^= isinstance(function, Not)
        net = instance.pins[passed.name]


def _weight(netlist: Netlist, spec: MacSpec, flops: list[Instance]) -> tuple[int, ...]:
    """Output nets of the flip-flops that take the bits of the weight bus."""
    reached = _reached(netlist, netlist.inputs[OURS.weight_in])
    found: dict[int, int] = {}
    for instance in flops:
        cell = netlist.cell(instance)
        pins = [pin for pin in cell.inputs if cell.flop is not None and pin != cell.flop.clock_pin]
        bits = frozenset[int]().union(*(reached.get(instance.pins[pin], frozenset()) for pin in pins))
        where = f"flip-flop {instance.name} ({instance.cell})"
        if not bits:
            raise _error(netlist, f"{where} is none of the registers of weight, activation and partial sum")
        if len(bits) > 1:
            listed = ", ".join(f"{OURS.weight_in}[{bit}]" for bit in sorted(bits))
            raise _error(netlist, f"{where} takes {listed} together: a weight is to be stored as it comes")
        (bit,) = bits
        if bit in found:
            raise _error(netlist, f"{where} takes {OURS.weight_in}[{bit}], and so does another flip-flop")
        found[bit] = next(instance.pins[pin] for pin in cell.outputs if pin in instance.pins)
    missing = sorted(set(range(spec.weight_code_bits)) - set(found))
    if missing:
        raise _error(netlist, f"no flip-flop takes {OURS.weight_in}[{missing[0]}]")
    return tuple(found[bit] for bit in sorted(found))


def _reached(netlist: Netlist, sources: tuple[int, ...]) -> Mapping[int, frozenset[int]]:
    """Which of `sources`, by their place, reach each net without a flip-flop in between."""
    reached = {net: frozenset({k}) for k, net in enumerate(sources)}
    for instance in netlist.combinational:
        cell = netlist.cell(instance)
        bits = frozenset[int]().union(*(reached.get(instance.pins[pin], frozenset()) for pin in cell.inputs))
        for pin in cell.outputs:
            if bits and pin in instance.pins:
                reached[instance.pins[pin]] = bits
    return reached
