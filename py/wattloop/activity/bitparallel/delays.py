"""Delays of every gate and source from the Liberty tables: stored by pin and edge, used as one number a gate.

Activity uses the mean over a cell's arcs, timing their maximum, rounded up to the grid. No gate is quicker than one
step of the grid, because a change may not take effect at the instant that causes it.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from statistics import median
from typing import Literal

from wattloop.activity.bitparallel.circuit import Circuit
from wattloop.errors import ConfigError, NetlistError
from wattloop.gates.library import TimingArc
from wattloop.gates.loads import edge_loads_ff, neighbour_ports
from wattloop.gates.netlist import Instance, Netlist
from wattloop.gates.timing import net_slews_ps

EDGES = ("rise", "fall")
_OPPOSITE = {"rise": "fall", "fall": "rise"}
Use = Literal["activity", "timing"]
Arcs = Mapping[tuple[str, str], float]


@dataclass(frozen=True)
class Delays:
    """Delays in ps.

    Attributes:
        gates: by driven net: delay of each (input pin, edge of the output).
        sources: clock-to-output of each source net.
    """

    gates: Mapping[int, Arcs]
    sources: Mapping[int, float]


@dataclass(frozen=True)
class Steps:
    """Delays on a grid.

    Attributes:
        step_ps: the grid.
        gates: steps (at least 1) by driven net.
        sources: step at which each source net switches.
    """

    step_ps: float
    gates: Mapping[int, int] = field(default_factory=dict)
    sources: Mapping[int, int] = field(default_factory=dict)


def liberty_delays(
    netlist: Netlist, circuit: Circuit, *, load: str = "typical", slew_ps: float | None = None
) -> Delays:
    """Delays from the arcs at the actual loads.

    Args:
        netlist: the netlist.
        circuit: the same, cut.
        load: capacitance convention, "typical" or "signoff".
        slew_ps: one nominal slew for all inputs; None propagates slews through the netlist.

    Raises:
        NetlistError: a cell has no delay tables; names it.
    """
    context = "array" if neighbour_ports(netlist) else "alone"
    loads = {edge: values.tolist() for edge, values in edge_loads_ff(netlist, load, context).items()}
    slews = (
        net_slews_ps(netlist, load=load) if slew_ps is None else {edge: [slew_ps] * len(netlist.nets) for edge in EDGES}
    )
    of_instance = {instance.name: instance for instance in netlist.instances}
    gates = {}
    for gate in circuit.gates:
        instance = of_instance[gate.instance]
        if netlist.cell(instance).flop is None:
            gates[gate.output] = dict(_arcs(netlist, instance, gate.pin, loads, slews))
        else:
            gates[gate.output] = {}
    launch = _clock_to_output(netlist, loads)
    return Delays(gates, _source_delays(netlist, circuit, launch))


def usual_step_ps(delays: Delays) -> float:
    """The grid that docs/activity.md chooses: 1, 2 or 5 times 10^n, at most a sixth of the median delay.

    >>> usual_step_ps(Delays({1: {("A", "rise"): 3.0, ("A", "fall"): 5.0}}, {}))
    0.5
    """
    means = [sum(arcs.values()) / len(arcs) for arcs in delays.gates.values() if arcs]
    most = median(means) / 6 if means else 0.0
    if most <= 0:
        return 1.0
    decade = 10.0 ** math.floor(math.log10(most))
    return max(decade * digit for digit in (1, 2, 5) if decade * digit <= most * (1 + 1e-9))


def quantise(delays: Delays, step_ps: float | None = None, use: Use = "activity") -> Steps:
    """`delays` on a grid: the mean of each gate's arcs to the nearest step, or the maximum rounded up.

    Args:
        delays: by pin and edge.
        step_ps: the grid; None for `usual_step_ps`.
        use: what the delays are for.

    Raises:
        ConfigError: the step is not a positive number.
    """
    grid = usual_step_ps(delays) if step_ps is None else step_ps
    if not (grid > 0 and math.isfinite(grid)):
        raise ConfigError(f"delay_step_ps = {grid} is illegal; legal: a positive number of ps")

    def steps(values: list[float]) -> int:
        if use == "timing":
            return math.ceil(max(values) / grid - 1e-9)
        return math.floor(sum(values) / len(values) / grid + 0.5)

    gates = {net: max(1, steps(list(arcs.values()) or [0.0])) for net, arcs in delays.gates.items()}
    return Steps(grid, gates, {net: max(0, steps([ps])) for net, ps in delays.sources.items()})


def _arcs(
    netlist: Netlist, instance: Instance, pin: str, loads: dict[str, list[float]], slews: dict[str, list[float]]
) -> Iterator[tuple[tuple[str, str], float]]:
    """((input pin, output edge), ps) of one output; of several arcs between two pins the slowest."""
    cell = netlist.cell(instance)
    net = instance.pins[pin]
    found: dict[tuple[str, str], float] = {}
    for arc in cell.outputs[pin].timing:
        if arc.related_pin not in instance.pins:
            continue
        for edge, table in arc.delay_ps.items():
            slew = max(slews[cause][instance.pins[arc.related_pin]] for cause in _causes(arc, edge))
            key = arc.related_pin, edge
            found[key] = max(found.get(key, 0.0), table.lookup(slew, loads[edge][net]))
    if not found and cell.inputs:
        raise NetlistError(f"cell {cell.name}: output {pin} has no timing tables in {netlist.library.name}")
    yield from found.items()


def _causes(arc: TimingArc, edge: str) -> tuple[str, ...]:
    if arc.sense == "positive_unate":
        return (edge,)
    return (_OPPOSITE[edge],) if arc.sense == "negative_unate" else EDGES


def _clock_to_output(netlist: Netlist, loads: dict[str, list[float]]) -> dict[int, float]:
    """Mean of a rise and a fall, by driven net."""
    found = {}
    for instance in netlist.flops:
        cell = netlist.cell(instance)
        for pin in (p for p in cell.outputs if p in instance.pins):
            net = instance.pins[pin]
            times = [
                table.lookup(0.0, loads[edge][net])
                for arc in cell.outputs[pin].timing
                if arc.kind in ("rising_edge", "falling_edge")
                for edge, table in arc.delay_ps.items()
            ]
            if times:
                found[net] = sum(times) / len(times)
    return found


def _source_delays(netlist: Netlist, circuit: Circuit, launch: dict[int, float]) -> dict[int, float]:
    """Registers by their clock-to-output; ports as the neighbour's outputs, or as the average register."""
    usual = sum(launch.values()) / len(launch) if launch else 0.0
    neighbour = {
        sink: launch[source]
        for entering, leaving in neighbour_ports(netlist).items()
        for sink, source in zip(netlist.inputs[entering], netlist.outputs[leaving], strict=True)
        if source in launch
    }
    return {net: launch.get(net, neighbour.get(net, usual)) for net in circuit.sources}
