"""Activity of nets that no recording covers: from the inputs through the logic, as the sign-off tool propagates it.

Duties of a cell's inputs count as independent, toggles as never simultaneous; both are estimates, and every pin that
rests on them is reported as not annotated.
"""

from __future__ import annotations

import numpy as np

from wattloop.activity.result import Rates
from wattloop.gates.logic import Expr, Var, variables
from wattloop.gates.netlist import Instance, Netlist
from wattloop.power.duty import Duty

_INPUT_DENSITY, _INPUT_DUTY = 0.1, 0.5
_CLOCK_DENSITY, _CLOCK_DUTY = 2.0, 0.5
_PASSES = 50  # through the registers, as often as the sign-off tool
_TOLERANCE = 1e-3


def propagate(netlist: Netlist, rates: Rates, clocks: frozenset[int]) -> Rates:
    """Rates of every net: as recorded, else 2 toggles a cycle on clocks, else propagated.

    Args:
        netlist: the netlist.
        rates: recorded ones, one group.
        clocks: nets of the clock network.
    """
    missing = set(range(len(netlist.nets))) - set(rates.annotated)
    if not missing:
        return rates
    state = _State(netlist, rates, missing)
    state.set_ports(clocks)
    for _ in range(_PASSES):
        if not state.step() > _TOLERANCE:
            break
    return Rates(rates.nets, rates.annotated, state.density[None], state.duty[None], rates.transitions)


class _State:
    """Rates so far, and which of them may change."""

    def __init__(self, netlist: Netlist, rates: Rates, missing: set[int]) -> None:
        self.density, self.duty = rates.density[0].copy(), rates.duty[0].copy()
        self._netlist = netlist
        self._missing = missing

    def set_ports(self, clocks: frozenset[int]) -> None:
        """What nothing within the netlist decides."""
        ports = {net for bits in self._netlist.inputs.values() for net in bits}
        for net in self._missing & ports - clocks:
            self.density[net], self.duty[net] = _INPUT_DENSITY, _INPUT_DUTY
        for net in self._missing & clocks:
            self.density[net], self.duty[net] = _CLOCK_DENSITY, _CLOCK_DUTY
        for net in self._missing & set(self._netlist.constants):
            self.density[net], self.duty[net] = 0.0, self._netlist.constants[net]
        self._missing = self._missing - ports - clocks - set(self._netlist.constants)

    def step(self) -> float:
        """One pass through the registers and the logic behind them; the largest change."""
        before = np.concatenate([self.density, self.duty])
        for instance in (*self._netlist.flops, *self._netlist.combinational):
            for pin in self._netlist.cell(instance).outputs:
                if instance.pins.get(pin) in self._missing:
                    self._output(instance, pin)
        return float(np.abs(np.concatenate([self.density, self.duty]) - before).max(initial=0.0))

    def _output(self, instance: Instance, pin: str) -> None:
        cell = self._netlist.cell(instance)
        function, net = cell.outputs[pin].function, instance.pins[pin]
        if function is None:
            return
        if cell.flop is None:
            self.density[net], self.duty[net] = self._of(function, instance)
            return
        density, duty = self._of(cell.flop.next_state, instance)
        if density > _CLOCK_DENSITY / 2:
            density = 2 * duty * (1 - duty) * _CLOCK_DENSITY
        inverted = function != Var(cell.flop.state)
        self.density[net], self.duty[net] = density, 1 - duty if inverted else duty

    def _of(self, function: Expr, instance: Instance) -> tuple[float, float]:
        """Toggles per cycle and duty of a function of an instance's pins."""

        def probability(what: Duty) -> float:
            return float(what.probability([self._duty(instance, pin) for pin in what.pins]))

        toggles = (
            self.density[instance.pins[pin]] * probability(Duty.of_difference(function, pin))
            for pin in variables(function)
            if pin in instance.pins
        )
        return float(sum(toggles)), probability(Duty.of(function))

    def _duty(self, instance: Instance, pin: str) -> np.ndarray[tuple[int, ...], np.dtype[np.float64]]:
        return np.asarray(self.duty[instance.pins[pin]] if pin in instance.pins else 0.5)
