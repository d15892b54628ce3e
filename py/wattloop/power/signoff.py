"""Power of a mapped netlist as a sign-off tool reports it: watts by instance and by group, from recorded activity.

The convention is OpenSTA's, whatever it is worth physically: docs/energy-model.md states it line by line.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from wattloop.activity.interchange.recording import Recording
from wattloop.errors import NetlistError
from wattloop.gates.library import CellType
from wattloop.gates.netlist import Instance, Netlist
from wattloop.gates.timing import TimingReport, critical_path
from wattloop.power.energy import EnergyModel
from wattloop.power.propagation import propagate

Float = npt.NDArray[np.float64]

COLUMNS = ("internal", "switching", "leakage", "total")
GROUPS = ("sequential", "combinational", "clock")
_FJ_PER_PS_TO_W = 1e-3


@dataclass(frozen=True)
class Clock:
    """An ideal clock.

    Attributes:
        port: the input port that it enters by.
        period_ps: its period.
    """

    port: str
    period_ps: float


@dataclass(frozen=True)
class PowerReport:
    """Power of every instance.

    Attributes:
        instances: names, in the order of the netlist.
        groups: "sequential", "combinational" or "clock" of each instance.
        watts: internal, switching, leakage and total power, shape (instances, 4).
        annotated_pins: connected pins of instances and bits of ports whose net the activity covers.
        unannotated_pins: the others; their activity was propagated through the logic.
        convention: how power was counted.
        timing: the critical path, None where none leads from a register to a register.
    """

    instances: tuple[str, ...]
    groups: tuple[str, ...]
    watts: Float
    annotated_pins: int
    unannotated_pins: int
    convention: str
    timing: TimingReport | None

    @property
    def coverage(self) -> float:
        """Share of the pins that the activity covers."""
        return self.annotated_pins / (self.annotated_pins + self.unannotated_pins)

    def group_w(self, group: str) -> Float:
        """Internal, switching, leakage and total power of a group, or of "total"."""
        chosen = [group in ("total", name) for name in self.groups]
        return np.asarray(self.watts[np.array(chosen, bool)].sum(0))


def power_report(
    netlist: Netlist, recording: Recording, clock: Clock, *, load: str = "signoff", wire_ff: float = 0.0
) -> PowerReport:
    """Report the power of a netlist on its own: nets of input ports belong to no instance.

    Args:
        netlist: from `with_open_outputs`, so that pins that drive nothing count too.
        recording: activity of its nets.
        clock: whose network has sharp edges; where the recording does not cover it, two toggles a period.
        load: "signoff" or "typical" pin capacitances.
        wire_ff: wire capacitance of a net per cell pin that it drives.

    Raises:
        NetlistError: the netlist has no such clock port, or cells without the figures that are needed.
    """
    network = clock_network(netlist, clock.port)
    rates = propagate(netlist, recording.rates(clock.period_ps), network)
    model = EnergyModel(netlist, clock.period_ps, load, "alone", wire_ff, network)
    found = model.instances_at(rates.density, rates.duty)
    parts = [found.internal_fj + found.clock_fj, found.switching_fj, found.leakage_fj]
    watts = np.stack([part[0] for part in parts], 1) * _FJ_PER_PS_TO_W / clock.period_ps
    known = set(recording.annotated)
    pins = [net for instance in netlist.instances for net in instance.pins.values()]
    pins += [net for ports in (netlist.inputs, netlist.outputs) for bits in ports.values() for net in bits]
    annotated = sum(net in known for net in pins)
    return PowerReport(
        instances=tuple(instance.name for instance in netlist.instances),
        groups=tuple(_group(netlist, instance, network) for instance in netlist.instances),
        watts=np.concatenate([watts, watts.sum(1, keepdims=True)], 1),
        annotated_pins=annotated,
        unannotated_pins=len(pins) - annotated,
        convention=model.convention,
        timing=_timing(netlist, clock, load, wire_ff),
    )


def _group(netlist: Netlist, instance: Instance, network: frozenset[int]) -> str:
    cell = netlist.cell(instance)
    driven = [instance.pins[pin] for pin in cell.outputs if pin in instance.pins]
    if driven and all(net in network for net in driven):
        return "clock"
    return "sequential" if cell.sequential else "combinational"


def _timing(netlist: Netlist, clock: Clock, load: str, wire_ff: float) -> TimingReport | None:
    try:
        return critical_path(netlist, clock_ps=clock.period_ps, load=load, context="alone", wire_ff=wire_ff)
    except NetlistError:  # no path from register to register; what else there is to object came up with the slews
        return None


def clock_network(netlist: Netlist, port: str) -> frozenset[int]:
    """Nets that a clock reaches through combinational cells and clock gates.

    Raises:
        NetlistError: no input port of that name, or one of several bits.
    """
    nets = netlist.inputs.get(port, ())
    if len(nets) != 1:
        ports = ", ".join(name for name, bits in netlist.inputs.items() if len(bits) == 1)
        raise NetlistError(f"netlist {netlist.name} has no clock port {port!r} of one bit; it has {ports or 'none'}")
    reached, front = set(nets), list(nets)
    while front:
        for k, entered in netlist.loads[front.pop()]:
            instance = netlist.instances[k]
            left = _passed(netlist.cell(instance), entered)
            new = {instance.pins[pin] for pin in left if pin in instance.pins} - reached
            reached |= new
            front += new
    return frozenset(reached)


def _passed(cell: CellType, entered: str) -> list[str]:
    """Output pins that a clock reaches from an input pin: all of a combinational cell, those of a clock gate."""
    if not cell.sequential:
        return list(cell.outputs)
    arcs = ((name, arc) for name, pin in cell.outputs.items() for arc in pin.timing)
    return [name for name, arc in arcs if arc.related_pin == entered and arc.kind.startswith("combinational")]


def with_open_outputs(netlist: Netlist) -> Netlist:
    """The netlist with a net of its own, called "instance/pin", at every output pin that is not connected."""
    nets: list[str] = list(netlist.nets)
    instances = []
    for instance in netlist.instances:
        pins = dict(instance.pins)
        for pin in netlist.cell(instance).outputs:
            if pin not in pins:
                pins[pin] = len(nets)
                nets.append(f"{instance.name}/{pin}")
        instances.append(replace(instance, pins=pins))
    added: Mapping[str, int] = {name: k for k, name in enumerate(nets) if k >= len(netlist.nets)}
    return replace(netlist, nets=tuple(nets), aliases={**netlist.aliases, **added}, instances=tuple(instances))
