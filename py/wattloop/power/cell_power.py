"""Liberty power of all instances of one cell type at once, by the definitions of the sign-off tool.

Energies are looked up once, at the propagated slews and the actual loads; what remains is linear in toggle densities
and multilinear in duties, and vectorised over instances and groups.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from wattloop.gates.library import CellType, Pin, PowerArc
from wattloop.gates.logic import variables
from wattloop.gates.netlist import Instance
from wattloop.power.duty import Duty

Float = npt.NDArray[np.float64]
Int = npt.NDArray[np.intp]

_EDGES = ("rise", "fall")
_OPPOSITE = {"rise": "fall", "fall": "rise"}


@dataclass(frozen=True)
class Conditions:
    """What the tables are read at.

    Attributes:
        slew_ps: of each net, by "rise" and "fall".
        load_ff: of each net.
    """

    slew_ps: Mapping[str, Float]
    load_ff: Float


@dataclass(frozen=True)
class _Arc:
    """An `internal_power` group of all instances.

    Attributes:
        related: the related pin, None for hidden power of an input pin.
        duty: state in which it applies; None always.
        constant_duty: the duty where `duty` is None.
        energy_fj: mean of rise and fall, shape (instances,).
        power_pin: the supply that it is drawn from.
    """

    related: str | None
    duty: Duty | None
    constant_duty: float
    energy_fj: Float
    power_pin: str | None


@dataclass(frozen=True)
class CellPower:
    """All instances of one cell type.

    Attributes:
        cell: the type.
        members: indices of the instances in the netlist.
        nets: nets of each connected pin, shape (instances,).
        hidden: groups of each input pin.
        driven: groups of each output pin.
        leakage: (state, pW) of each leakage group; the state is None for one that always holds.
    """

    cell: CellType
    members: Int
    nets: Mapping[str, Int]
    hidden: Mapping[str, tuple[_Arc, ...]]
    driven: Mapping[str, tuple[_Arc, ...]]
    leakage: tuple[tuple[Duty | None, float], ...]

    def input_fj(self, pin: str, density: Float, duty: Float) -> Float:
        """Hidden energy of an input pin per cycle, shape (groups, instances).

        Args:
            pin: the input pin.
            density: toggles per cycle of every net, shape (groups, nets).
            duty: share of the time at 1, likewise.
        """
        energy = sum((self._duty(arc, duty) * arc.energy_fj for arc in self.hidden[pin]), start=np.zeros(1))
        return np.asarray(energy * density[:, self.nets[pin]])

    def output_fj(self, pin: str, density: Float, duty: Float) -> Float:
        """Internal energy of an output pin per cycle, shape (groups, instances)."""
        return self.toggle_fj(pin, density, duty) * density[:, self.nets[pin]]

    def toggle_fj(self, pin: str, density: Float, duty: Float) -> Float:
        """Internal energy of one toggle of an output pin, shape (groups, instances).

        The groups share the pin's toggles in proportion to how often their related pins cause one, per supply pin.
        """
        shares = [
            density[:, self.nets[arc.related]] * self._duty(arc, duty) if arc.related else 0.0
            for arc in self.driven[pin]
        ]
        total = np.zeros((len(density), len(self.members)))
        for supply in dict.fromkeys(arc.power_pin for arc in self.driven[pin]):
            mine = [k for k, arc in enumerate(self.driven[pin]) if arc.power_pin == supply]
            weight = sum((shares[k] for k in mine), start=np.zeros(1))
            energy = sum((shares[k] * self.driven[pin][k].energy_fj for k in mine), start=np.zeros(1))
            total += np.divide(energy, weight, out=np.zeros_like(total), where=weight != 0)
        return total

    def leakage_pw(self, duty: Float) -> Float:
        """Leakage, shape (groups, instances): by state, the cell's own figure for the rest of the time.

        Duties of the pins count as independent, so those of states that exclude each other may not add up to 1. As in
        the sign-off tool, groups without a state count only where no group has one, and then add to the cell's own
        figure; states that leak nothing (of the ground pin, say) leave their time to that figure.
        """
        states = [(state, power) for state, power in self.leakage if state is not None]
        always = [power for state, power in self.leakage if state is None]
        leakage = np.full((len(duty), len(self.members)), self.cell.leakage_pw)
        if not states:
            return leakage + float(sum(always))
        for state, power in states:
            rest_pw = self.cell.leakage_pw if power > 0 else 0.0
            leakage += self._probability(state, duty) * (power - rest_pw)
        return leakage

    def _duty(self, arc: _Arc, duty: Float) -> Float:
        if arc.duty is None:
            return np.full((1, 1), arc.constant_duty)
        return self._probability(arc.duty, duty)

    def _probability(self, state: Duty, duty: Float) -> Float:
        return state.probability([self._pin_duty(pin, duty) for pin in state.pins])

    def _pin_duty(self, pin: str, duty: Float) -> Float:
        """Share of the time at 1 of a pin (0 if it is open), or of an inner state: that of what is stored in it."""
        if pin in self.nets:
            return duty[:, self.nets[pin]]
        flop = self.cell.flop
        if flop is None or pin not in (flop.state, flop.state_n):
            return np.zeros((len(duty), len(self.members)))
        stored = Duty.of(flop.next_state)
        if flop.state in stored.pins or flop.state_n in stored.pins:  # an enable: the state feeds itself
            return np.full((len(duty), len(self.members)), 0.5)
        high = self._probability(stored, duty)
        return high if pin == flop.state else 1.0 - high


def compile_cell(
    cell: CellType, members: Sequence[int], instances: Sequence[Instance], conditions: Conditions
) -> CellPower:
    """Read the tables of `cell` for its `members` among `instances`."""
    mine = [instances[k] for k in members]
    connected = [pin for pin in (*cell.inputs, *cell.outputs) if pin in mine[0].pins]
    nets = {pin: np.array([instance.pins[pin] for instance in mine], np.intp) for pin in connected}
    hidden = {
        pin: tuple(_hidden_arc(cell, cell.inputs[pin], arc, nets, conditions) for arc in cell.inputs[pin].power)
        for pin in cell.inputs
        if pin in nets
    }
    driven = {
        pin: tuple(_driven_arc(cell.outputs[pin], arc, nets, conditions) for arc in cell.outputs[pin].power)
        for pin in cell.outputs
        if pin in nets
    }
    leakage = tuple(
        (None if state.when is None else Duty.of(state.when), state.power_pw) for state in cell.leakage_states
    )
    return CellPower(cell, np.array(members, np.intp), nets, hidden, driven, leakage)


def _hidden_arc(cell: CellType, pin: Pin, arc: PowerArc, nets: Mapping[str, Int], at: Conditions) -> _Arc:
    energy = _mean_fj(arc, {edge: at.slew_ps[edge][nets[pin.name]] for edge in _EDGES}, 0.0)
    return _Arc(None, _hidden_duty(cell, pin, arc), 1.0, energy, arc.power_pin)


def _hidden_duty(cell: CellType, pin: Pin, arc: PowerArc) -> Duty | None:
    """The state of a hidden-power group.

    Where it names an output that depends on the pin, the sign-off tool takes the Boolean difference of that output.
    """
    if arc.when is None:
        return None
    for name in variables(arc.when):
        function = cell.outputs[name].function if name in cell.outputs else None
        if function is not None:
            if pin.name in variables(function):
                return Duty.of_difference(function, pin.name)
            break
    return Duty.of(arc.when)


def _driven_arc(pin: Pin, arc: PowerArc, nets: Mapping[str, Int], at: Conditions) -> _Arc:
    load = at.load_ff[nets[pin.name]]
    related = arc.related_pin if arc.related_pin in nets else None
    positive = _is_positive_unate(pin, arc.related_pin)
    if related is None:
        slews = {edge: np.zeros(len(load)) for edge in _EDGES}
    else:
        slews = {edge: at.slew_ps[edge if positive else _OPPOSITE[edge]][nets[related]] for edge in _EDGES}
    energy = _mean_fj(arc, slews, load)
    if related is None:
        return _Arc(None, None, 0.0, energy, arc.power_pin)
    if pin.function is not None and related in variables(pin.function):
        return _Arc(related, Duty.of_difference(pin.function, related), 0.0, energy, arc.power_pin)
    if arc.when is not None:
        return _Arc(related, Duty.of(arc.when), 0.0, energy, arc.power_pin)
    return _Arc(related, None, 0.5, energy, arc.power_pin)


def _is_positive_unate(pin: Pin, related: str | None) -> bool:
    senses = [arc.sense for arc in pin.timing if arc.related_pin == related]
    return not senses or senses[0] != "negative_unate"


def _mean_fj(arc: PowerArc, slew_ps: Mapping[str, Float], load_ff: Float | float) -> Float:
    """Mean of the rise and the fall energy; an edge without a table costs nothing."""
    tables = {"rise": arc.rise_fj, "fall": arc.fall_fj}
    energies = [table.lookup_many(slew_ps[edge], load_ff) for edge, table in tables.items() if table is not None]
    return np.asarray(sum(energies, start=np.zeros(len(slew_ps["rise"]))) / len(tables))
