"""Which stimulus bit drives which source net of a netlist whose flip-flops are cut."""

from __future__ import annotations

from wattloop.activity.stimulus import Stimulus
from wattloop.errors import NetlistError, StimulusError
from wattloop.gates.logic import Expr, Not, Var
from wattloop.gates.netlist import Instance, Netlist


def twin_outputs(netlist: Netlist) -> dict[int, tuple[int, bool]]:
    """Second outputs of flip-flops (QN beside Q): net -> (net of the first output, whether it is the complement).

    Raises:
        NetlistError: an output is no plain function of the state.
    """
    found: dict[int, tuple[int, bool]] = {}
    for instance in netlist.flops:
        pins = [pin for pin in netlist.cell(instance).outputs if pin in instance.pins]
        first, *others = sorted(pins, key=lambda pin: _inverted(netlist, instance, pin))
        for pin in others:
            inverted = _inverted(netlist, instance, pin) != _inverted(netlist, instance, first)
            found[instance.pins[pin]] = (instance.pins[first], inverted)
    return found


def _inverted(netlist: Netlist, instance: Instance, pin: str) -> bool:
    """Whether an output of a flip-flop is the complement of its state."""
    cell = netlist.cell(instance)
    flop = cell.flop
    function: Expr | None = cell.outputs[pin].function
    complement = False
    while isinstance(function, Not):
        function, complement = function.arg, not complement
    if flop is None or not isinstance(function, Var) or function.name not in (flop.state, flop.state_n):
        raise NetlistError(f"flip-flop {instance.name} ({cell.name}): output {pin} is not its state or the complement")
    return complement != (function.name == flop.state_n)


def driven_nets(netlist: Netlist) -> tuple[int, ...]:
    """Nets that a stimulus has to drive: the sources, but one output of each flip-flop only."""
    twins = twin_outputs(netlist)
    return tuple(net for net in netlist.sources if net not in twins)


def switching_nets(netlist: Netlist) -> tuple[int, ...]:
    """Nets that a measurement has to cover: all but the clocks and those tied to a constant."""
    return tuple(n for n in range(len(netlist.nets)) if n not in netlist.constants and n not in netlist.clock_nets)


def drive(netlist: Netlist, stimulus: Stimulus) -> list[tuple[str, int]]:
    """(signal, bit) that drives each net of `driven_nets`.

    Raises:
        StimulusError: a signal that the netlist lacks or computes itself, two signals on one net, or a source that
            nothing drives; the message names it.
    """
    wanted = driven_nets(netlist)
    by_net: dict[int, tuple[str, int]] = {}
    for name, width in stimulus.widths.items():
        for bit, net in enumerate(_bus(netlist, name, width)):
            if net not in wanted:
                raise StimulusError(f"signal {name}, bit {bit}: net {netlist.nets[net]} is no input port or register")
            if net in by_net:
                raise StimulusError(f"net {netlist.nets[net]} is driven by {by_net[net][0]} and by {name}: drop one")
            by_net[net] = (name, bit)
    missing = [netlist.nets[net] for net in wanted if net not in by_net]
    if missing:
        raise StimulusError(
            f"the stimulus leaves {len(missing)} of {len(wanted)} source nets undriven: {', '.join(missing[:5])}"
        )
    return [by_net[net] for net in wanted]


def _bus(netlist: Netlist, name: str, width: int) -> tuple[int, ...]:
    port = netlist.inputs.get(name)
    if port is not None and len(port) != width:
        raise StimulusError(f"signal {name} has {width} bits, the port {len(port)}")
    if f"{name}[{width}]" in netlist.aliases:
        raise StimulusError(f"signal {name} has {width} bits, the netlist has more")
    try:
        return netlist.bus(name, width)
    except NetlistError as error:
        raise StimulusError(f"signal {name} of {width} bits: {error}") from error
