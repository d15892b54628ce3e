"""A circuit with delays as the numbers that the timed kernels walk through.

The change times of a net are known beforehand: every sum of delays along a path to it. They are fewer than the grid
has steps between the first and the last, because short paths have few sums.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import numpy.typing as npt

from wattloop.activity.bitparallel.circuit import Circuit, Gate
from wattloop.activity.bitparallel.delays import Steps
from wattloop.activity.bitparallel.functions import Function
from wattloop.activity.bitparallel.program import SOURCE, Program, both_orders, last_uses
from wattloop.activity.bitparallel.watch import MOVES, NOTHING, WEIGH, Watch
from wattloop.errors import ConfigError

OBSERVER = 1  # kernel number of an observed net
_VECTOR = 64  # bytes
_OVERHANG = 2  # the windows of 3 begin two places early
_LATEST = 1 << 16  # settling times are 16 bits

Times = npt.NDArray[np.int64]
_Rows = npt.NDArray[np.int64]


def timed(
    circuit: Circuit,
    kernels: Mapping[Function, int],
    steps: Steps,
    *,
    inertial: bool = True,
    observed: Sequence[int] = (),
    watch: Watch = NOTHING,
) -> Program:
    """The timed program of `circuit`.

    Args:
        circuit: the cut netlist.
        kernels: kernel number of each function.
        steps: delays on the grid.
        inertial: pulses shorter than a gate's delay do not pass it; otherwise all do.
        observed: nets whose last change counts as settling.
        watch: what is counted beside toggles.

    Raises:
        ConfigError: the grid is so fine that settling times do not fit 16 bits.
    """
    candidates = (
        _Builder(order, kernels, steps, inertial, frozenset(observed), watch).program()
        for order in both_orders(circuit)
    )
    return min(candidates, key=lambda program: program.room)


def with_tails(program: Program, tails: Mapping[int, int]) -> Program:
    """`program` with the settling of every observed net counted later by the steps that `tails` gives it.

    With the longest path from each net to the end of its logic as tail, settling is a bound for what lies behind.

    Args:
        program: a timed program that observes nets.
        tails: steps by net; an observed net without any is not observed.

    Raises:
        ConfigError: the grid is so fine that settling times do not fit 16 bits.
    """
    table, latest = program.table.copy(), 0
    for net, (first, count) in program.observers.items():
        times = table[first : first + count]
        times[:] = times + tails[net] if net in tails else 0  # a change at step 0 is none
        latest = max(latest, int(times[-1]))
    _check_latest(latest)
    return replace(program, table=table, times=latest + 1)


def _check_latest(latest: int) -> None:
    if latest >= _LATEST:
        raise ConfigError(f"outputs change up to {latest} steps after the clock: take a coarser delay_step_ps")


@dataclass
class _Room:
    """Places for lists, each used again when its list is no longer read."""

    size: int = 0
    free: list[tuple[int, int]] = field(default_factory=list)  # (start, length), by start

    def take(self, length: int) -> int:
        for k, (start, room) in enumerate(self.free):
            if room >= length:
                self.free[k : k + 1] = [(start + length, room - length)] if room > length else []
                return start
        self.size += length
        return self.size - length

    def give(self, start: int, length: int) -> None:
        merged: list[tuple[int, int]] = []
        for at, room in sorted([*self.free, (start, length)]):
            if merged and sum(merged[-1]) == at:
                merged[-1] = merged[-1][0], merged[-1][1] + room
            else:
                merged.append((at, room))
        self.free = merged


class _Builder:
    def __init__(
        self,
        circuit: Circuit,
        kernels: Mapping[Function, int],
        steps: Steps,
        inertial: bool,
        observed: frozenset[int],
        watch: Watch,
    ) -> None:
        self._circuit, self._kernels, self._steps = circuit, kernels, steps
        self._inertial, self._observed, self._watch = inertial, observed, watch
        self._times: dict[int, Times] = dict.fromkeys(circuit.constants, np.zeros(0, np.int64))
        self._times |= {net: np.array([steps.sources[net]]) for net in circuit.sources}
        self._list: dict[int, int] = {}
        self._room = _Room()
        self._code: list[int] = []
        self._cells = 0
        self._table: list[npt.NDArray[np.uint32]] = []
        self._filled = 0
        self._latest = -1
        self._observers: dict[int, tuple[int, int]] = {}
        union = [self._merge(gate) for gate in circuit.gates]
        self._events = max((len(times) for times in union), default=0) + _OVERHANG
        self._levels = 1

    def _merge(self, gate: Gate) -> Times:
        """Times at which an input of `gate` may change; fills in when its output may."""
        times = [self._times[net] for net in gate.inputs]
        events = np.unique(np.concatenate(times)) if times else np.zeros(0, np.int64)
        self._times[gate.output] = events + self._steps.gates[gate.output]
        return events

    def program(self) -> Program:
        circuit = self._circuit
        fixed = [*circuit.sources, *circuit.constants]
        uses, ready = last_uses(circuit, (), self._watch), self._watch.ready(circuit.gates)
        plane = {net: k for k, net in enumerate(circuit.sources)}
        for net in fixed:
            self._list[net] = self._room.take(len(self._times[net]) + 1)
        for net in circuit.sources:
            self._cell(SOURCE, net, 1, 0, 0, [plane[net]])
            self._observe(net)
        for k, gate in enumerate(circuit.gates):
            self._gate(gate)
            self._observe(gate.output)
            counted = [self._moves(place) for place in ready.get(k, ())]
            for net in {*gate.inputs, gate.output}.union(*counted) - circuit.constants.keys():
                if uses.get(net) == k or (net == gate.output and net not in uses):
                    self._room.give(self._list[net], len(self._times[net]) + 1)
        _check_latest(self._latest)
        return Program(
            timed=True,
            code=np.array(self._code, np.int32),
            cells=self._cells,
            nets=circuit.nets,
            plane=plane,
            room=self._room.size,
            place={net: net for net in range(circuit.nets)},
            constants=np.array([x for n, v in circuit.constants.items() for x in (self._list[n], n, v)], np.int32),
            table=np.concatenate(self._table) if self._table else np.zeros(0, np.uint32),
            events=self._events,
            levels=self._levels,
            times=self._latest + 1,
            moves=self._watch.starts[-1],
            weighed=bool(self._watch.weights),
            most_changes={net: len(times) for net, times in self._times.items()},
            observers=self._observers,
        )

    def _cell(self, kernel: int, net: int, events: int, levels: int, table: int, inputs: Sequence[int]) -> None:
        self._code += [kernel, net, self._list[net], events, levels, table, *inputs]
        self._cells += 1

    def _gate(self, gate: Gate) -> None:
        times = self._times[gate.output]
        delay = self._steps.gates[gate.output]
        self._list[gate.output] = self._room.take(len(times) + 1)
        entries = [np.searchsorted(self._times[net], times - delay, side="right") for net in gate.inputs]
        rows = np.stack(entries, axis=1) if entries else np.zeros((0, 0), np.int64)
        levels, windows = self._windows(times, delay)
        table = self._tabulate(rows * _VECTOR, windows * _VECTOR)
        inputs = [number for net in gate.inputs for number in (self._list[net], net)]
        self._cell(self._kernels[gate.function], gate.output, len(times), levels, table, inputs)

    def _moves(self, place: int) -> tuple[int, ...]:
        """Follow the input states of a cell; returns its input nets."""
        nets = self._watch.cells[place].nets
        events = np.unique(np.concatenate([self._times[net] for net in nets]))
        rows = np.stack([np.searchsorted(self._times[net], events, side="right") for net in nets], axis=1)
        table = self._tabulate(rows * _VECTOR)
        inputs = [number for net in nets for number in (self._list[net], net)]
        self._code += [MOVES + len(nets), 0, self._watch.starts[place], len(events), 0, table, *inputs]
        self._cells += 1
        return nets

    def _windows(self, times: Times, delay: int) -> tuple[int, _Rows]:
        """Levels of windows that a gate needs, and for each event the three windows that hold its followers.

        An event dies if another follows less than `delay` after it; one exactly `delay` after it comes too late.
        """
        first = np.arange(len(times)) + 1
        behind = np.searchsorted(times, times + delay, side="left")
        count = behind - first
        most = int(count.max(initial=0)) if self._inertial else 0
        if most == 0:
            return 0, np.zeros((0, 3), np.int64)
        places = np.zeros((len(times), 3), np.int64)
        level, reach = 1, 1
        while True:
            here = (count > 0) & (count <= 3 * reach) & (count > (reach if level > 1 else 0))
            base = 1 + (level - 1) * self._events
            last = behind - reach
            rows = np.stack([first, np.minimum(first + reach, last), last], axis=1) + base
            places[here] = rows[here]
            if most <= 3 * reach:
                break
            level, reach = level + 1, 3 * reach
        self._levels = max(self._levels, level)
        return level, places

    def _tabulate(self, *parts: _Rows) -> int:
        start = self._filled
        for part in parts:
            self._table.append(part.astype(np.uint32).ravel())
            self._filled += part.size
        return start

    def _observe(self, net: int) -> None:
        times = self._times[net]
        if net in self._watch.weights:
            self._code += [WEIGH, net, self._list[net], len(times), self._watch.weights[net], 0]
            self._cells += 1
        if net in self._observed and len(times):
            self._latest = max(self._latest, int(times[-1]))
            self._observers[net] = self._filled, len(times)
            self._cell(OBSERVER, net, len(times), 0, self._tabulate(times[:, np.newaxis]), [])
