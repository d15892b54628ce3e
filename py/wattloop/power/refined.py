"""Energy of combinational cells by what really happened, on top of the sign-off convention.

A sign-off tool knows toggles and duties per net. It shares an output's toggles among the related pins by probability,
takes the mean of rise and fall, and multiplies duties as if pins were independent. The native engine knows more: which
pins moved, in which state of the others, and how long each state lasted. This module prices that, with the same tables,
slews and loads, so that the difference is the convention's and nothing else's.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from wattloop.activity.bitparallel.moves import CellMoves
from wattloop.gates.library import CellType, LeakageState, PowerArc
from wattloop.gates.logic import evaluate
from wattloop.gates.netlist import Instance, Netlist
from wattloop.gates.timing import net_slews_ps
from wattloop.power.energy import EnergyModel

Float = npt.NDArray[np.float64]

_EDGES = ("rise", "fall")
_PW_PS_TO_FJ = 1e-9


@dataclass(frozen=True)
class Refined:
    """Energy of all combinational cells per cycle, shape (groups,).

    Attributes:
        output_fj: internal energy of output pins, by the pin that switched, its edge and the others' state.
        input_fj: hidden energy of input pins, by edge and state.
        leakage_fj: by the joint state of the inputs.
    """

    output_fj: Float
    input_fj: Float
    leakage_fj: Float


def refine(model: EnergyModel, moves: CellMoves) -> Refined:
    """Price the moves of every combinational cell.

    Args:
        model: whose netlist, loads and clock period are taken.
        moves: of that netlist.
    """
    pricing = _Pricing(model, moves)
    totals = np.zeros((3, len(moves.counts)))
    for instance in model.netlist.combinational:
        if instance.name in moves.cells:
            totals += np.stack([pricing.outputs(instance), pricing.inputs(instance), pricing.leakage(instance)])
    return Refined(*(totals / moves.transitions))


class _Pricing:
    """Tables at the slews and loads of a netlist."""

    def __init__(self, model: EnergyModel, moves: CellMoves) -> None:
        self._netlist: Netlist = model.netlist
        self._moves = moves
        self._clock_ps = model.clock_ps
        self._slew_ps = net_slews_ps(model.netlist, load=model.load, context=model.context, wire_ff=model.wire_ff)
        self._load_ff = model.loads_ff

    def outputs(self, instance: Instance) -> Float:
        """Internal energy of the output pins over all moves."""
        cell = self._netlist.cell(instance)
        pins = self._moves.pins(instance.name)
        total = np.zeros(len(self._moves.counts))
        for output in (o for o in cell.outputs if o in instance.pins and cell.outputs[o].power):
            for place, pin in enumerate(pins):
                counts = self._moves.arc(instance.name, pin, output)
                for side, edge in np.argwhere(counts.any(0)).tolist():
                    states = [_insert(side, place, value) for value in (0, 1)]
                    states = [s for s in states if self._value(cell, pins, output, s) != edge] or states
                    prices = [self._output_fj(instance, output, pin, edge, s >> place & 1, s) for s in states]
                    total += counts[:, side, edge] * float(np.mean(prices))
        return total

    def inputs(self, instance: Instance) -> Float:
        """Hidden energy of the input pins over all moves."""
        cell = self._netlist.cell(instance)
        pins = self._moves.pins(instance.name)
        matrix = self._moves.moves(instance.name)
        states = np.arange(1 << len(pins))
        total = np.zeros(len(matrix))
        for place, pin in enumerate(pins):
            changed = ((states[:, None] ^ states) >> place & 1).astype(bool)
            arrived = (matrix * changed).sum(1)  # by the state after the move
            for state in states[arrived.any(0)].tolist():
                edge = 1 - (state >> place & 1)
                slew_ps = self._slew_ps[_EDGES[edge]][instance.pins[pin]]
                groups = _holding(cell.inputs[pin].power, self._pin_values(cell, pins, state))
                total += arrived[:, state] * sum(_price(arc, edge, slew_ps, 0.0) for arc in groups)
        return total

    def leakage(self, instance: Instance) -> Float:
        """Leakage over all cycles."""
        cell = self._netlist.cell(instance)
        pins = self._moves.pins(instance.name)
        settled = self._moves.settled(instance.name)
        power_pw = [_leakage_pw(cell, self._pin_values(cell, pins, state)) for state in range(settled.shape[1])]
        return np.asarray(settled @ np.array(power_pw) * self._clock_ps * _PW_PS_TO_FJ)

    def _output_fj(self, instance: Instance, output: str, pin: str, edge: int, high: int, state: int) -> float:
        """Energy of one change of an output by a pin that went to `high`."""
        cell = self._netlist.cell(instance)
        arcs = [arc for arc in cell.outputs[output].power if arc.related_pin == pin] or cell.outputs[output].power
        values = self._pin_values(cell, self._moves.pins(instance.name), state)
        slew_ps = self._slew_ps[_EDGES[1 - high]][instance.pins[pin]]
        load_ff = float(self._load_ff[instance.pins[output]])
        energy = 0.0
        for supply in dict.fromkeys(arc.power_pin for arc in arcs):
            mine = [arc for arc in arcs if arc.power_pin == supply]
            held = list(_holding(mine, values)) or mine
            energy += float(np.mean([_price(arc, edge, slew_ps, load_ff) for arc in held]))
        return energy

    def _value(self, cell: CellType, pins: Sequence[str], output: str, state: int) -> int:
        return self._pin_values(cell, pins, state)[output]

    def _pin_values(self, cell: CellType, pins: Sequence[str], state: int) -> dict[str, int]:
        values = {pin: state >> k & 1 for k, pin in enumerate(pins)}
        outputs = {name: o.function for name, o in cell.outputs.items() if o.function is not None}
        return values | {name: int(evaluate(function, values, 1)) for name, function in outputs.items()}


def _insert(side: int, place: int, value: int) -> int:
    """The state of all pins from that of all but one."""
    low = side & ((1 << place) - 1)
    return low | value << place | side >> place << (place + 1)


def _price(arc: PowerArc, edge: int, slew_ps: float, load_ff: float) -> float:
    table = arc.fall_fj if edge else arc.rise_fj
    return 0.0 if table is None else table.lookup(slew_ps, load_ff)


def _holding(arcs: Sequence[PowerArc], values: dict[str, int]) -> Iterator[PowerArc]:
    """Groups whose state holds; those without a state only where no other one does."""
    held = [arc for arc in arcs if arc.when is not None and evaluate(arc.when, values, 1)]
    return iter(held or [arc for arc in arcs if arc.when is None])


def _leakage_pw(cell: CellType, values: dict[str, int]) -> float:
    def holds(state: LeakageState) -> bool:
        return state.when is not None and bool(evaluate(state.when, values, 1))

    held = [state.power_pw for state in cell.leakage_states if holds(state)]
    if held:
        return sum(held)
    return cell.leakage_pw or sum(state.power_pw for state in cell.leakage_states if state.when is None)
