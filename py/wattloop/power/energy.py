"""Energy of a netlist from its activity and its Liberty library, split by origin (paper section 3; fJ per cycle).

Switching is 1/2 C V^2 per toggle, C being the pins that a net drives by a named convention. Internal,
hidden and state-dependent leakage power follow the definitions of the sign-off tool (`cell_power`).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, fields, replace
from functools import cached_property

import numpy as np
import numpy.typing as npt

from wattloop.activity.drive import switching_nets
from wattloop.activity.result import Activity, Rates
from wattloop.errors import AnnotationError
from wattloop.gates.loads import neighbour_ports, net_loads_ff
from wattloop.gates.netlist import Netlist
from wattloop.gates.timing import net_slews_ps
from wattloop.power.cell_power import CellPower, Conditions, compile_cell
from wattloop.power.oracle import EnergyBreakdown

Float = npt.NDArray[np.float64]

# An ideal clock: two edges a cycle, high for half of it.
_CLOCK_DENSITY = 2.0
_CLOCK_DUTY = 0.5

_PW_PS_TO_FJ = 1e-9
_GROUPS_AT_ONCE = 256


@dataclass(frozen=True)
class InstanceEnergy:
    """Energy of every instance per cycle.

    Attributes:
        internal_fj: output pins and hidden power of data inputs, shape (groups, instances).
        clock_fj: hidden power of the clock pins, likewise.
        switching_fj: nets that the instance drives, likewise.
        leakage_fj: over one clock period, likewise.
    """

    internal_fj: Float
    clock_fj: Float
    switching_fj: Float
    leakage_fj: Float


@dataclass(frozen=True, eq=False)
class EnergyModel:
    """Turns activity into energy.

    Attributes:
        netlist: the netlist.
        clock_ps: clock period, for leakage.
        load: capacitance convention, "typical" or "signoff" (`gates.loads`).
        context: "array": outputs carry the neighbour's pins, and the nets of the other input ports and of the clock
            count, since something in the array drives them; "alone": as a sign-off report of one cell, where nets of
            input ports belong to nobody.
        wire_ff: wire capacitance of a net per cell pin that it drives.
        ideal_clock: nets of the clock network, where every edge is sharp; None for those at the flip-flops' clock pins.
    """

    netlist: Netlist
    clock_ps: float = 200.0
    load: str = "typical"
    context: str = "array"
    wire_ff: float = 0.0
    ideal_clock: frozenset[int] | None = None

    @property
    def convention(self) -> str:
        """How energies are counted, in one line for results."""
        wires = f"wires {self.wire_ff:g} fF a fan-out" if self.wire_ff else "no wires"
        return f"{self.load} pin loads, {self.context} context, {wires}, {self.netlist.library.voltage_v:g} V"

    def breakdown(self, activity: Activity) -> list[EnergyBreakdown]:
        """Energy of each group, fJ summed over its counted transitions; a transition is one cycle of one lane.

        Raises:
            AnnotationError: the activity is of another netlist or does not cover it.
            NetlistError: a clock is gated in a way that an activity says nothing of.
        """
        columns = self.columns_fj(activity)
        names = [f.name for f in fields(EnergyBreakdown)]
        rows = zip(*(columns[name] for name in names), strict=True)
        return [EnergyBreakdown(*(float(v) * activity.transitions for v in row)) for row in rows]

    def columns_fj(self, activity: Activity | Rates) -> dict[str, Float]:
        """Fields of `EnergyBreakdown` per cycle, each of shape (groups,)."""
        parts = [self._columns(density, duty) for density, duty in self._densities(activity)]
        return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}

    def prices_fj(self, activity: Activity | Rates) -> dict[str, Float]:
        """What one toggle of each net costs at the rates of one group, by dynamic origin, each of shape (nets,).

        Prices times toggles per cycle are the dynamic energies of `columns_fj`; as prices they are additive, where the
        convention, which splits a pin's energy by the rates of the others, is not.
        """
        ((density, duty),) = self._densities(activity)
        found = {name: np.zeros(len(self.netlist.nets)) for name in ("comb_switching_fj", "comb_internal_fj")}
        found["register_fj"] = np.zeros(len(self.netlist.nets))
        found["comb_switching_fj"] += self._port_switching_fj
        for group in self._cells:
            flop = group.cell.flop
            if self._is_clock_gate[group.members[0]]:
                continue
            internal = found["comb_internal_fj" if flop is None else "register_fj"]
            switching = found["comb_switching_fj" if flop is None else "register_fj"]
            for pin in group.hidden:
                if flop is None or pin != flop.clock_pin:
                    np.add.at(internal, group.nets[pin], group.input_fj(pin, np.ones_like(density), duty)[0])
            for pin in group.driven:
                net = group.nets[pin]
                np.add.at(internal, net, group.toggle_fj(pin, density, duty)[0])
                np.add.at(switching, net, self._switching_fj[net])
        return found

    def by_toggle_kind(self, activity: Activity) -> dict[str, list[EnergyBreakdown]]:
        """`breakdown` apart: of the "functional" toggles alone, and what the "glitch" toggles add to it."""
        functional, both = self.breakdown(replace(activity, glitches=None)), self.breakdown(activity)
        added = [whole + -1.0 * part for whole, part in zip(both, functional, strict=True)]
        return {"functional": functional, "glitch": added}

    def nets_fj(self, activity: Activity | Rates) -> Float:
        """Switching energy of every net per cycle, ports and clocks included, shape (groups, nets)."""
        return np.concatenate([density * self._switching_fj for density, _ in self._densities(activity)])

    def instances(self, activity: Activity | Rates) -> InstanceEnergy:
        """Energy by instance per cycle, for comparison with a sign-off report."""
        parts = [self.instances_at(density, duty) for density, duty in self._densities(activity)]
        joined = (np.concatenate([getattr(part, f.name) for part in parts]) for f in fields(InstanceEnergy))
        return InstanceEnergy(*joined)

    def _densities(self, activity: Activity | Rates) -> Iterator[tuple[Float, Float]]:
        """Toggles per cycle and duty of every net, a few groups at a time, each of shape (groups, nets)."""
        if activity.nets != self.netlist.nets:
            raise AnnotationError(f"the activity is not of netlist {self.netlist.name}: measure that one")
        activity.require_full(switching_nets(self.netlist))
        clocks, enables = list(self.netlist.clock_nets), self.netlist.clock_enables
        for first in range(0, activity.groups, _GROUPS_AT_ONCE):
            part = activity.rates(slice(first, first + _GROUPS_AT_ONCE))
            density, duty = part.density.copy(), part.duty.copy()
            density[:, clocks], duty[:, clocks] = _CLOCK_DENSITY, _CLOCK_DUTY
            for net, value in self.netlist.constants.items():
                density[:, net], duty[:, net] = 0.0, value
            for net, gates in enables.items():
                ticking = 1.0 - np.prod(1.0 - duty[:, list(gates)], axis=1)
                density[:, net], duty[:, net] = ticking * _CLOCK_DENSITY, ticking * _CLOCK_DUTY
            yield density, duty

    def _columns(self, density: Float, duty: Float) -> dict[str, Float]:
        cells = self.instances_at(density, duty)
        flops, gates = self._is_flop, self._is_clock_gate
        ports = density @ self._port_switching_fj
        both_fj = cells.switching_fj + cells.internal_fj
        return {
            "comb_switching_fj": cells.switching_fj[:, ~(flops | gates)].sum(1) + ports,
            "comb_internal_fj": cells.internal_fj[:, ~(flops | gates)].sum(1),
            "register_fj": both_fj[:, flops].sum(1),
            # A clock gate is part of the clock network, with all that it drives.
            "clock_fj": cells.clock_fj.sum(1) + both_fj[:, gates].sum(1) + density @ self._clock_switching_fj,
            "leakage_fj": cells.leakage_fj.sum(1),
        }

    def combinational_fj(self, activity: Activity | Rates) -> dict[str, Float]:
        """Energy of all combinational cells per cycle: internal at "output" and "input" pins, and "leakage".

        Each of shape (groups,), for comparison with `power.refined`.
        """
        cells = [g for g in self._cells if g.cell.flop is None and g.cell.clock_gate is None and g.cell.inputs]
        found: dict[str, list[Float]] = {"output": [], "input": [], "leakage": []}
        for density, duty in self._densities(activity):
            none = np.zeros(len(density))
            found["output"].append(sum((c.output_fj(p, density, duty).sum(1) for c in cells for p in c.driven), none))
            found["input"].append(sum((c.input_fj(p, density, duty).sum(-1) for c in cells for p in c.hidden), none))
            leakage_pw = sum((c.leakage_pw(duty).sum(1) for c in cells), none)
            found["leakage"].append(leakage_pw * self.clock_ps * _PW_PS_TO_FJ)
        return {name: np.concatenate(parts) for name, parts in found.items()}

    def instances_at(self, density: Float, duty: Float) -> InstanceEnergy:
        """Energy by instance per cycle at given rates of every net, clocks and constants included.

        Args:
            density: toggles per cycle, shape (groups, nets).
            duty: share of the time at 1, likewise.
        """
        shape = (len(density), len(self.netlist.instances))
        internal, clock, switching, leakage = (np.zeros(shape) for _ in range(4))
        for group in self._cells:
            at = group.members
            for pin in group.hidden:
                target = clock if group.cell.flop is not None and pin == group.cell.flop.clock_pin else internal
                target[:, at] += group.input_fj(pin, density, duty)
            for pin in group.driven:
                internal[:, at] += group.output_fj(pin, density, duty)
                net = group.nets[pin]
                switching[:, at] += density[:, net] * self._switching_fj[net]
            leakage[:, at] = group.leakage_pw(duty) * self.clock_ps * _PW_PS_TO_FJ
        return InstanceEnergy(internal, clock, switching, leakage)

    @cached_property
    def _switching_fj(self) -> Float:
        """1/2 C V^2 of each net."""
        return np.asarray(0.5 * self.loads_ff * self._voltages_v**2)

    @cached_property
    def loads_ff(self) -> Float:
        """Load of each net as its energy counts it."""
        return net_loads_ff(self.netlist, self.load, self.context, self.wire_ff)

    @cached_property
    def _voltages_v(self) -> Float:
        """Swing of each net: the supply of the pin that drives it, else the library's."""
        voltages = np.full(len(self.netlist.nets), self.netlist.library.voltage_v)
        for net, (k, pin) in self.netlist.drivers.items():
            voltages[net] = self.netlist.cell(self.netlist.instances[k]).outputs[pin].voltage_v or voltages[net]
        return voltages

    @cached_property
    def _port_switching_fj(self) -> Float:
        """1/2 C V^2 of the nets of input ports that no neighbour's register drives."""
        if self.context == "alone":
            return np.zeros(len(self.netlist.nets))
        fed = neighbour_ports(self.netlist)
        nets = [n for port, bits in self.netlist.inputs.items() if port not in fed for n in bits]
        return self._only([net for net in nets if net not in self.netlist.clock_nets])

    @cached_property
    def _clock_switching_fj(self) -> Float:
        """1/2 C V^2 of the clock nets of input ports."""
        if self.context == "alone":
            return np.zeros(len(self.netlist.nets))
        ports = {net for bits in self.netlist.inputs.values() for net in bits}
        return self._only(sorted(self.netlist.clock_nets & ports))

    def _only(self, nets: list[int]) -> Float:
        kept = np.zeros(len(self.netlist.nets))
        kept[nets] = self._switching_fj[nets]
        return kept

    @cached_property
    def _is_flop(self) -> npt.NDArray[np.bool_]:
        return np.array([self.netlist.cell(instance).flop is not None for instance in self.netlist.instances])

    @cached_property
    def _is_clock_gate(self) -> npt.NDArray[np.bool_]:
        return np.array([self.netlist.cell(instance).clock_gate is not None for instance in self.netlist.instances])

    @cached_property
    def _cells(self) -> tuple[CellPower, ...]:
        slews = net_slews_ps(self.netlist, load=self.load, context=self.context, wire_ff=self.wire_ff)
        conditions = Conditions({edge: np.asarray(values) for edge, values in slews.items()}, self.loads_ff)
        for slew_ps in conditions.slew_ps.values():
            slew_ps[list(self.netlist.clock_nets if self.ideal_clock is None else self.ideal_clock)] = 0.0
        members: dict[tuple[str, tuple[str, ...]], list[int]] = {}
        for k, instance in enumerate(self.netlist.instances):
            members.setdefault((instance.cell, tuple(sorted(instance.pins))), []).append(k)
        cells = self.netlist.library.cells
        return tuple(
            compile_cell(cells[cell], indices, self.netlist.instances, conditions)
            for (cell, _), indices in members.items()
        )
