"""The backend "bitparallel": 512 vectors at a time through the native kernels, on all cores."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from wattloop.activity.bitparallel import kernels
from wattloop.activity.bitparallel.call import Call
from wattloop.activity.bitparallel.circuit import Circuit, cut
from wattloop.activity.bitparallel.delays import Steps, Use, liberty_delays, quantise, usual_step_ps
from wattloop.activity.bitparallel.drive import planes_of
from wattloop.activity.bitparallel.execute import default_threads, execute, unpack
from wattloop.activity.bitparallel.functions import library_functions
from wattloop.activity.bitparallel.layout import COLUMNS, WORD, Work, work
from wattloop.activity.bitparallel.moves import CellMoves, watched_cells
from wattloop.activity.bitparallel.program import Program, zero_delay
from wattloop.activity.bitparallel.timed_program import timed
from wattloop.activity.bitparallel.watch import NOTHING, Watch
from wattloop.activity.bitparallel.weights import integer_weights
from wattloop.activity.result import Activity, Int64
from wattloop.activity.stimulus import Stimulus
from wattloop.errors import StimulusError
from wattloop.gates.netlist import Netlist

# Positions of 512 lanes below which one thread is faster, without and with delays: some 0.2 ms.
_WORTH_WAKING = {False: 256, True: 8}

Words = npt.NDArray[np.uint64]


@dataclass(frozen=True)
class Timing:
    """How delays are modelled.

    Attributes:
        delay_step_ps: grid of the delays; None for about a sixth of the median gate's (0.5 ps on NanGate 15).
        inertial: pulses shorter than a gate's delay do not pass it; otherwise all do (transport).
        use: "activity" takes the mean of a gate's arcs, "timing" their maximum, rounded up.
        load: capacitance convention of the loads.
        slew_ps: nominal slew of all inputs; None propagates slews.
        coarser: usual steps in one step of the grid, where `delay_step_ps` gives none.
    """

    delay_step_ps: float | None = None
    inertial: bool = True
    use: Use = "activity"
    load: str = "typical"
    slew_ps: float | None = None
    coarser: int = 1


@dataclass(frozen=True)
class Engine:
    """A netlist, compiled.

    Attributes:
        netlist: the netlist.
        timing: how delays are modelled; None settles without delay.
        threads: worker threads, 0 for one a core; the numbers do not depend on it.
        delays: delays on the grid in place of the library's.
        target: processor that the kernels are compiled for, "native" or a name that GCC's `-march` knows.
    """

    netlist: Netlist
    timing: Timing | None = None
    threads: int = 0
    delays: Steps | None = None
    target: str = kernels.NATIVE

    @cached_property
    def circuit(self) -> Circuit:
        """The netlist with its flip-flops cut."""
        return cut(self.netlist)

    @cached_property
    def kernels(self) -> kernels.Kernels:
        """The native library for the netlist's cells."""
        wanted = library_functions(self.netlist.library) | {gate.function for gate in self.circuit.gates}
        return kernels.load(wanted, target=self.target)

    @cached_property
    def steps(self) -> Steps | None:
        """Delays on the grid; None without timing."""
        if self.timing is None or self.delays is not None:
            return self.delays
        found = liberty_delays(self.netlist, self.circuit, load=self.timing.load, slew_ps=self.timing.slew_ps)
        step_ps = self.timing.delay_step_ps
        if step_ps is None:
            step_ps = usual_step_ps(found) * self.timing.coarser
        return quantise(found, step_ps, self.timing.use)

    def program(
        self,
        probes: Sequence[int] = (),
        *,
        observed: Sequence[int] = (),
        watch: Watch = NOTHING,
        only: frozenset[int] | None = None,
    ) -> Program:
        """The program that a run walks through.

        Args:
            probes: nets whose values it keeps.
            observed: nets whose settling it keeps.
            watch: what it counts beside toggles.
            only: nets that are wanted, where that is not all; counts of others are 0 or right.
        """
        circuit = self.circuit if only is None else self.circuit.behind(only)
        if self.timing is None or self.steps is None:
            return zero_delay(circuit, self.kernels.index, probes, watch)
        inertial = self.timing.inertial
        return timed(circuit, self.kernels.index, self.steps, inertial=inertial, observed=observed, watch=watch)

    @cached_property
    def _counting(self) -> Program:
        return self.program()

    @cached_property
    def _observing(self) -> Program:
        return self.program(observed=self.circuit.ends)

    def measure(self, stimuli: Iterable[Stimulus]) -> Activity:
        """Activity over all `stimuli` together; they must have the same number of groups.

        Only one stimulus is held at a time, so that an iterator may bring any number of vectors in bounded memory.

        Raises:
            StimulusError: none at all, or one that does not fit the netlist or the others.
        """
        totals, transitions = self._totals(stimuli, self._counting)
        for net, value in self.netlist.constants.items():
            totals["high"][:, net] = value * transitions
        return Activity(
            nets=self.netlist.nets,
            annotated=self.circuit.driven,
            toggles=totals["toggles"],
            high=totals["high"],
            transitions=transitions,
            backend="bitparallel",
            glitches=totals.get("glitches"),
        )

    def cell_moves(self, stimuli: Iterable[Stimulus]) -> CellMoves:
        """Moves of every combinational cell between its input states, over all `stimuli` together.

        Raises:
            StimulusError: see `measure`.
            NetlistError: a cell has too many inputs.
        """
        cells, watch = self._following[0].cells, self._following[0]
        totals, transitions = self._totals(stimuli, self._following[1])
        names = [cell.instance for cell in cells]
        return CellMoves(
            self.netlist,
            dict(zip(names, cells, strict=True)),
            dict(zip(names, watch.starts, strict=False)),
            totals["moves"],
            transitions,
        )

    @cached_property
    def _following(self) -> tuple[Watch, Program]:
        watch = Watch(cells=watched_cells(self.netlist))
        return watch, self.program(watch=watch)

    def weighted_changes(self, stimulus: Stimulus, weights: Mapping[int, float]) -> npt.NDArray[np.float32]:
        """For every vector the sum of its changes on all nets, glitches included, each times its net's weight.

        With the energy of a change as weight: the energy of every vector.

        Args:
            stimulus: what drives the netlist.
            weights: by net, 0 or more; rounded to 1/65535 of the greatest.

        Returns:
            shape (groups, steps, lanes); 0 at steps that do not count.

        Raises:
            StimulusError: the stimulus does not fit the netlist, or a weight is negative.
        """
        plain = self.program()
        scaled, unit = integer_weights(weights, plain.most_changes)
        found = np.zeros(stimulus.shape, np.uint32)
        self.counts(stimulus, self.program(watch=Watch(weights=scaled)), sums=found)
        return (found * unit).astype(np.float32)

    def values(self, stimulus: Stimulus, nets: Sequence[int]) -> npt.NDArray[np.bool_]:
        """Settled value of each of `nets` at every vector, shape (groups, steps, lanes, len(nets))."""
        program = self.program(tuple(nets))
        listed = self._work(stimulus).jobs
        starts = np.cumsum([0, *(job.sets * stimulus.steps for job in listed)])
        words = np.zeros((int(starts[-1]), len(nets), COLUMNS), np.uint64)
        self.counts(stimulus, program, nets, probed=words, probed_at=starts[:-1].astype(np.int64))
        found = np.zeros((*stimulus.shape, len(nets)), np.bool_)
        for job, start in zip(listed, starts, strict=False):
            unpack(job, words[start : start + job.sets * stimulus.steps], found)
        return found

    def settling_steps(self, stimulus: Stimulus, program: Program | None = None) -> npt.NDArray[np.uint16]:
        """Step of the delay grid at which the last output or register input of each transition changes.

        Args:
            stimulus: what drives the netlist.
            program: one of `program` that observes other nets than those.

        Returns:
            shape (groups, steps, lanes); 0 where nothing changes, and at steps that do not count.
        """
        found = np.zeros(stimulus.shape, np.uint16)
        self.counts(stimulus, program or self._observing, settling=found)
        return found

    def _totals(self, stimuli: Iterable[Stimulus], program: Program) -> tuple[dict[str, Int64], int]:
        """Counts added up over `stimuli`, and the transitions of one group."""
        totals: dict[str, Int64] = {}
        transitions = 0
        for stimulus in stimuli:
            for name, values in self.counts(stimulus, program).items():
                if name in totals and totals[name].shape != values.shape:
                    raise StimulusError("all stimuli of one measurement must have the same number of groups")
                totals[name] = totals[name] + values if name in totals else values
            transitions += stimulus.transitions
        if not totals:
            raise StimulusError("there is no stimulus to measure")
        return totals, transitions

    def _work(self, stimulus: Stimulus) -> Work:
        return work(*stimulus.shape, self.threads or default_threads())

    def _planes(self, stimulus: Stimulus, program: Program) -> dict[str, npt.NDArray[np.int32]]:
        """Input planes of each signal, looked up once for all stimuli of the same signals."""
        key = tuple(stimulus.widths.items()), tuple(program.plane.items())
        if key not in self._planes_of:
            self._planes_of[key] = planes_of(self.netlist, stimulus, program.plane)
        return self._planes_of[key]

    @cached_property
    def _planes_of(self) -> dict[Hashable, dict[str, npt.NDArray[np.int32]]]:
        return {}

    def counts(
        self,
        stimulus: Stimulus,
        program: Program | None = None,
        probes: Sequence[int] = (),
        **vectors: npt.NDArray[np.generic],
    ) -> dict[str, Int64]:
        """Counts by group and net: "toggles", "high" and, with delays, "glitches".

        Args:
            stimulus: what drives the netlist.
            program: one of `program`; that of all nets by default.
            probes: the program's probes.
            vectors: arrays that take results by vector.
        """
        program = program or self._counting
        names = ("toggles", "high", "glitches") if program.timed else ("toggles", "high")
        counts = {name: np.zeros((stimulus.groups, program.nets), np.int64) for name in names}
        if program.moves:
            counts["moves"] = np.zeros((stimulus.groups, program.moves), np.int64)
        call = Call(program, probes)
        call.drive(stimulus, self._planes(stimulus, program), self._work(stimulus))
        call.results(**counts, **vectors)
        execute(self.kernels.run, call, self._threads_for(stimulus, program))
        return counts

    def _threads_for(self, stimulus: Stimulus, program: Program) -> int:
        """One for little work, since waking others takes longer."""
        columns = stimulus.groups * -(-stimulus.lanes // WORD)
        positions = stimulus.steps * -(-columns // COLUMNS)
        return 1 if positions < _WORTH_WAKING[program.timed] else self.threads
