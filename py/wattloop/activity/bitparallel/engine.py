"""The backend "bitparallel": 512 vectors at a time through the native kernels, on all cores."""

from __future__ import annotations

import ctypes
import os
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from wattloop.activity.bitparallel import kernels
from wattloop.activity.bitparallel.call import Call
from wattloop.activity.bitparallel.circuit import Circuit, cut
from wattloop.activity.bitparallel.delays import Steps, Use, liberty_delays, quantise
from wattloop.activity.bitparallel.drive import planes_of
from wattloop.activity.bitparallel.functions import library_functions
from wattloop.activity.bitparallel.layout import COLUMNS, WORD, Job, jobs
from wattloop.activity.bitparallel.program import Program, zero_delay
from wattloop.activity.bitparallel.timed_program import timed
from wattloop.activity.result import Activity, Int64
from wattloop.activity.stimulus import Stimulus
from wattloop.errors import StimulusError
from wattloop.gates.netlist import Netlist

Words = npt.NDArray[np.uint64]


def default_threads() -> int:
    """Cores that this process may use."""
    return len(os.sched_getaffinity(0))


@dataclass(frozen=True)
class Timing:
    """How delays are modelled.

    Attributes:
        delay_step_ps: grid of the delays.
        inertial: pulses shorter than a gate's delay do not pass it; otherwise all do (transport).
        use: "activity" takes the mean of a gate's arcs, "timing" their maximum, rounded up.
        load: capacitance convention of the loads.
        slew_ps: nominal slew of all inputs; None propagates slews.
    """

    delay_step_ps: float = 1.0
    inertial: bool = True
    use: Use = "activity"
    load: str = "typical"
    slew_ps: float | None = None


@dataclass(frozen=True)
class Engine:
    """A netlist, compiled.

    Attributes:
        netlist: the netlist.
        timing: how delays are modelled; None settles without delay.
        threads: worker threads, 0 for one a core; the numbers do not depend on it.
        delays: delays on the grid in place of the library's.
    """

    netlist: Netlist
    timing: Timing | None = None
    threads: int = 0
    delays: Steps | None = None

    @cached_property
    def circuit(self) -> Circuit:
        """The netlist with its flip-flops cut."""
        return cut(self.netlist)

    @cached_property
    def kernels(self) -> kernels.Kernels:
        """The native library for the netlist's cells."""
        wanted = library_functions(self.netlist.library) | {gate.function for gate in self.circuit.gates}
        return kernels.load(wanted)

    @cached_property
    def steps(self) -> Steps | None:
        """Delays on the grid; None without timing."""
        if self.timing is None or self.delays is not None:
            return self.delays
        found = liberty_delays(self.netlist, self.circuit, load=self.timing.load, slew_ps=self.timing.slew_ps)
        return quantise(found, self.timing.delay_step_ps, self.timing.use)

    def program(self, probes: Sequence[int] = (), *, observed: Sequence[int] = ()) -> Program:
        """The program that a run walks through; `probes` and `observed` are nets whose values and settling it keeps."""
        if self.timing is None or self.steps is None:
            return zero_delay(self.circuit, self.kernels.index, probes)
        return timed(self.circuit, self.kernels.index, self.steps, inertial=self.timing.inertial, observed=observed)

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
        totals: dict[str, Int64] = {}
        transitions = 0
        for stimulus in stimuli:
            counts = self._counts(stimulus, self._counting)
            for name, values in counts.items():
                if name in totals and totals[name].shape != values.shape:
                    raise StimulusError("all stimuli of one measurement must have the same number of groups")
                totals[name] = totals[name] + values if name in totals else values
            transitions += stimulus.transitions
        if not totals:
            raise StimulusError("there is no stimulus to measure")
        for net, value in self.netlist.constants.items():
            totals["high"][:, net] = value * transitions
        driven = {*self.circuit.sources, *(gate.output for gate in self.circuit.gates)}
        return Activity(
            nets=self.netlist.nets,
            annotated=tuple(sorted(driven)),
            toggles=totals["toggles"],
            high=totals["high"],
            transitions=transitions,
            backend="bitparallel",
            glitches=totals.get("glitches"),
        )

    def values(self, stimulus: Stimulus, nets: Sequence[int]) -> npt.NDArray[np.bool_]:
        """Settled value of each of `nets` at every vector, shape (groups, steps, lanes, len(nets))."""
        program = self.program(tuple(nets))
        work = list(jobs(*stimulus.shape))
        starts = np.cumsum([0, *(job.sets * stimulus.steps for job in work)])
        words = np.zeros((int(starts[-1]), len(nets), COLUMNS), np.uint64)
        self._counts(stimulus, program, nets, words, starts[:-1].astype(np.int64))
        found = np.zeros((*stimulus.shape, len(nets)), np.bool_)
        for job, start in zip(work, starts, strict=False):
            _unpack(job, words[start : start + job.sets * stimulus.steps], found)
        return found

    def settling_steps(self, stimulus: Stimulus) -> npt.NDArray[np.uint16]:
        """Step of the delay grid at which the last output or register input of each transition changes.

        Returns:
            shape (groups, steps, lanes); 0 where nothing changes, and at steps that do not count.
        """
        found = np.zeros(stimulus.shape, np.uint16)
        self._counts(stimulus, self._observing, settling=found)
        return found

    def _counts(
        self,
        stimulus: Stimulus,
        program: Program,
        probes: Sequence[int] = (),
        probed: Words | None = None,
        probed_at: Int64 | None = None,
        settling: npt.NDArray[np.uint16] | None = None,
    ) -> dict[str, Int64]:
        shape = (stimulus.groups, program.nets)
        names = ("toggles", "high", "glitches") if program.timed else ("toggles", "high")
        counts = {name: np.zeros(shape, np.int64) for name in names}
        call = Call(program, probes)
        call.drive(stimulus, planes_of(self.netlist, stimulus, program.plane), list(jobs(*stimulus.shape)))
        call.results(**counts, probed=probed, probed_at=probed_at, settling=settling)
        self._run(call)
        return counts

    def _run(self, call: Call) -> None:
        arguments = ctypes.byref(call.program), ctypes.byref(call.run)
        workers = min(self.threads or default_threads(), call.run.jobs)
        if workers <= 1:
            failed = self.kernels.run(*arguments)
        else:
            with ThreadPoolExecutor(workers) as pool:
                failed = any(pool.map(lambda _: self.kernels.run(*arguments), range(workers)))
        if failed:
            raise MemoryError("not enough memory for the engine's value slots")


def _unpack(job: Job, words: Words, into: npt.NDArray[np.bool_]) -> None:
    """Probed words of one job, shape (sets * steps, probes, columns), to where their lanes belong."""
    steps, lanes = into.shape[1:3]
    bits = np.unpackbits(words.view(np.uint8).reshape(*words.shape, 8), axis=-1, bitorder="little")
    for u in range(COLUMNS):
        for at in range(job.sets if job.group[u] >= 0 else 0):
            first = job.lane[u] + at * job.advance
            count = min(WORD, lanes - first)
            if count > 0:
                part = bits[at * steps : (at + 1) * steps, :, u, :count]
                into[job.group[u], :, first : first + count] = part.transpose(0, 2, 1)
