"""Static timing on Liberty tables (NLDM): slews and arrivals through the netlist, set-up at the registers.

Rise and fall are kept apart, arcs follow their unateness, and where several arcs meet the latest arrival and the
slowest slew win, as in sign-off tools. Input ports have a slew, which counts where nets meet, but no arrival. The clock
is ideal (edge at 0, no slew); a wire is a capacitance per fan-out, if anything.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

from wattloop.errors import NetlistError
from wattloop.gates.library import Float, TimingArc
from wattloop.gates.loads import edge_loads_ff, neighbour_ports
from wattloop.gates.netlist import Instance, Netlist

EDGES = ("rise", "fall")
_OPPOSITE = {"rise": "fall", "fall": "rise"}
_CLOCK_SLEW_PS = 0.0


@dataclass(frozen=True)
class TimingReport:
    """The path that misses the clock by most, or meets it by least.

    Attributes:
        clock_ps: clock period.
        load: capacitance convention of the loads.
        context: "alone" (input ports have no arrival) or "array" (they come from the neighbours' registers).
        arrival_ps: when the data is there.
        setup_ps: how long before the edge it has to be there.
        slack_ps: `clock_ps - arrival_ps - setup_ps`.
        path: (instance or port, output pin, arrival in ps), from the register that launches to the last cell.
        endpoint: (instance, pin) of the register that captures.
    """

    clock_ps: float
    load: str
    context: str
    arrival_ps: float
    setup_ps: float
    slack_ps: float
    path: tuple[tuple[str, str, float], ...]
    endpoint: tuple[str, str]

    @property
    def summary(self) -> str:
        """One line that says whether the clock is met, and by how much it is not."""
        verdict = f"meets {self.clock_ps:g} ps with" if self.slack_ps >= 0 else f"misses {self.clock_ps:g} ps by"
        return (
            f"{verdict} {abs(self.slack_ps):.1f} ps "
            f"(arrival {self.arrival_ps:.1f} + set-up {self.setup_ps:.1f} ps, {self.load} loads, {self.context})"
        )


@dataclass(frozen=True)
class _Event:
    """The latest transition of one net in one direction, and the one that causes it."""

    arrival_ps: float
    slew_ps: float
    instance: str
    pin: str
    cause: tuple[int, str] | None


_Events = dict[tuple[int, str], _Event]
_CLOCK = _Event(0.0, _CLOCK_SLEW_PS, "", "", None)


def critical_path(
    netlist: Netlist,
    *,
    clock_ps: float = 200.0,
    load: str = "typical",
    context: str | None = None,
    wire_ff: float = 0.0,
) -> TimingReport:
    """Worst register-to-register path.

    Args:
        netlist: the netlist.
        clock_ps: clock period.
        load: "typical" or "signoff" pin capacitances.
        context: "array" times input ports such as `a_i` and `p_i` as the neighbour's `a_o` and `p_o`, and loads those
            outputs with the neighbour's inputs; "alone" does neither. Not given: "array" where there are such ports.
        wire_ff: wire capacitance of a net per cell pin that it drives.

    Raises:
        NetlistError: no register captures anything, or a cell has no delay tables.
    """
    context = context or ("array" if neighbour_ports(netlist) else "alone")
    events = _propagate(netlist, load, context, wire_ff)
    ends = [
        end
        for instance in (*netlist.flops, *netlist.clock_gates)
        for end in _checks(netlist, instance, events)
        if events[end[0]].arrival_ps > -math.inf
    ]
    if not ends:
        raise NetlistError(f"netlist {netlist.name} has no path that ends at a register: there is nothing to time")
    (net, edge), setup_ps, endpoint = max(ends, key=lambda end: events[end[0]].arrival_ps + end[1])
    arrival_ps = events[net, edge].arrival_ps
    return TimingReport(
        clock_ps=clock_ps,
        load=load,
        context=context,
        arrival_ps=arrival_ps,
        setup_ps=setup_ps,
        slack_ps=clock_ps - arrival_ps - setup_ps,
        path=_trace(events, (net, edge)),
        endpoint=endpoint,
    )


def longest_setup_ps(netlist: Netlist, *, load: str = "typical", context: str | None = None) -> float:
    """The longest set-up time of any register, whichever path ends there; 0 where nothing is captured.

    What has settled a period less this after the clock edge is in time for every register.

    Raises:
        NetlistError: a cell has no delay tables.
    """
    context = context or ("array" if neighbour_ports(netlist) else "alone")
    events = _propagate(netlist, load, context, 0.0)
    captures = (*netlist.flops, *netlist.clock_gates)
    return max((setup_ps for each in captures for _, setup_ps, _ in _checks(netlist, each, events)), default=0.0)


def net_slews_ps(
    netlist: Netlist, *, load: str = "typical", context: str | None = None, wire_ff: float = 0.0
) -> dict[str, list[float]]:
    """Slowest slew of each net, by "rise" and "fall": through all arcs, those that input ports feed included.

    Input ports (but for a neighbour's) have the library's default slew, and so does what nothing drives.
    """
    context = context or ("array" if neighbour_ports(netlist) else "alone")
    events = _propagate(netlist, load, context, wire_ff)
    unknown = netlist.library.default_slew_ps
    return {
        edge: [events[n, edge].slew_ps if (n, edge) in events else unknown for n in range(len(netlist.nets))]
        for edge in EDGES
    }


def _propagate(netlist: Netlist, load: str, context: str, wire_ff: float) -> _Events:
    """Events of every net, in topological order from the input ports and the registers."""
    propagation = _Propagation(netlist, edge_loads_ff(netlist, load, context, wire_ff))
    propagation.enter_from_ports()
    for instance in netlist.flops:
        propagation.launch(instance)
    if context == "array":
        propagation.enter_from_neighbours()
    for instance in netlist.combinational:
        propagation.through(instance)
    return propagation.events


class _Propagation:
    """Events so far, by net and edge, and what it takes to add to them."""

    def __init__(self, netlist: Netlist, loads: Mapping[str, Float]) -> None:
        self.events: _Events = {}
        self._netlist = netlist
        self._loads_ff = {edge: values.tolist() for edge, values in loads.items()}

    def launch(self, instance: Instance) -> None:
        """Clock-to-output of a flip-flop."""
        cell = self._netlist.cell(instance)
        for pin in (p for p in cell.outputs if p in instance.pins):
            for arc in cell.outputs[pin].timing:
                if arc.kind in ("rising_edge", "falling_edge"):
                    for edge in arc.delay_ps:
                        self._arrive(instance, pin, arc, edge, _CLOCK, None)

    def enter_from_ports(self) -> None:
        """Input ports have a slew, but no arrival that could decide a path."""
        netlist = self._netlist
        for port, nets in netlist.inputs.items():
            for net in nets:
                for edge in EDGES:
                    slew_ps = netlist.library.default_slew_ps
                    self.events[net, edge] = _Event(-math.inf, slew_ps, port, netlist.nets[net], None)

    def enter_from_neighbours(self) -> None:
        """Input ports change when the neighbour's registers do, which are like ours."""
        netlist = self._netlist
        for entering, leaving in neighbour_ports(netlist).items():
            for sink, source in zip(netlist.inputs[entering], netlist.outputs[leaving], strict=True):
                for edge in EDGES:
                    if (event := self.events.get((source, edge))) is not None:
                        self.events[sink, edge] = replace(event, instance=entering, pin=netlist.nets[sink], cause=None)

    def through(self, instance: Instance) -> None:
        """Events at the outputs of a combinational cell."""
        cell = self._netlist.cell(instance)
        for pin in (p for p in cell.outputs if p in instance.pins):
            if not cell.outputs[pin].timing and cell.inputs and not (cell.unsupported or cell.clock_gate):
                raise NetlistError(
                    f"cell {cell.name}: output {pin} has no timing tables in {self._netlist.library.name}"
                )
            for arc in cell.outputs[pin].timing:
                source = instance.pins.get(arc.related_pin, -1)
                for edge in arc.delay_ps:
                    for cause in _causes(arc, edge):
                        if (event := self.events.get((source, cause))) is not None:
                            self._arrive(instance, pin, arc, edge, event, (source, cause))

    def _arrive(
        self, instance: Instance, pin: str, arc: TimingArc, edge: str, source: _Event, cause: tuple[int, str] | None
    ) -> None:
        """Merge what `arc` brings into the event at `pin`: the latest arrival, the slowest slew."""
        net = instance.pins[pin]
        load_ff = self._loads_ff[edge][net]
        arrival_ps = source.arrival_ps + arc.delay_ps[edge].lookup(source.slew_ps, load_ff)
        slew_ps = max(0.0, arc.slew_ps[edge].lookup(source.slew_ps, load_ff)) if edge in arc.slew_ps else 0.0
        old = self.events.get((net, edge))
        if old is None or arrival_ps > old.arrival_ps:
            slowest_ps = slew_ps if old is None else max(slew_ps, old.slew_ps)
            self.events[net, edge] = _Event(arrival_ps, slowest_ps, instance.name, pin, cause)
        elif slew_ps > old.slew_ps:
            self.events[net, edge] = replace(old, slew_ps=slew_ps)


def _causes(arc: TimingArc, edge: str) -> Iterator[str]:
    """Edges of the input that make the output go through `edge`."""
    if arc.sense != "negative_unate":
        yield edge
    if arc.sense != "positive_unate":
        yield _OPPOSITE[edge]


def _checks(
    netlist: Netlist, instance: Instance, events: _Events
) -> Iterator[tuple[tuple[int, str], float, tuple[str, str]]]:
    """(net and edge, set-up time, endpoint) of each data transition that reaches a flip-flop."""
    for pin, spec in netlist.cell(instance).inputs.items():
        for arc in (arc for arc in spec.timing if arc.kind.startswith("setup")):
            for edge, table in arc.delay_ps.items():
                key = (instance.pins[pin], edge)
                if key in events:
                    yield key, table.lookup(events[key].slew_ps, _CLOCK_SLEW_PS), (instance.name, pin)


def _trace(events: _Events, key: tuple[int, str]) -> tuple[tuple[str, str, float], ...]:
    steps = []
    at: tuple[int, str] | None = key
    while at is not None:
        event = events[at]
        steps.append((event.instance, event.pin, event.arrival_ps))
        at = event.cause
    return tuple(reversed(steps))
