"""The co-simulation backends: an activity bench on Icarus or Verilator, driven through cocotb."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import numpy.typing as npt

from wattloop.activity.backend import Progress
from wattloop.activity.cosim.bench import RESULTS, STIMULUS, TOP, Bench, render_bench
from wattloop.activity.cosim.feed import Write, fed
from wattloop.activity.cosim.runner import Build, build
from wattloop.activity.cosim.stream import words
from wattloop.activity.drive import switching_nets
from wattloop.activity.result import Activity
from wattloop.activity.stimulus import Stimulus
from wattloop.errors import ToolError
from wattloop.gates.netlist import Netlist
from wattloop.store import Store

Int64 = npt.NDArray[np.int64]


@dataclass(frozen=True)
class CosimBackend:
    """Activity by simulation of a netlist's cells, 64 lanes a word, under cocotb.

    The compiled bench is cached by its content; a second run starts at once. The stimulus flows through a named pipe,
    packed while the simulator works, so that neither memory nor disk grows with the number of vectors.

    Attributes:
        name: "icarus" or "verilator".
        store: the cache of compiled benches.
    """

    name: str
    store: Store = field(default_factory=Store)

    def measure(self, netlist: Netlist, stimulus: Stimulus, *, progress: Progress | None = None) -> Activity:
        """Toggles and time at 1 of every net of `netlist`; see `ActivityBackend`.

        Raises:
            StimulusError: the stimulus does not fit the netlist.
            NetlistError: the netlist cannot be simulated.
            AnnotationError: a net was not measured.
            ToolError: the simulator is missing or failed.
        """
        pieces = words(netlist, stimulus)
        _, header = next(pieces)  # checks the stimulus before anything is compiled
        bench = render_bench(netlist)
        compiled = self.compile(bench)

        def produce(write: Write) -> None:
            write(header.data)
            done = 0
            for groups, piece in pieces:
                write(piece.data)
                done += groups
                if progress is not None and groups:
                    progress(done, stimulus.groups)

        with tempfile.TemporaryDirectory(prefix="wattloop-") as scratch:
            folder = Path(scratch)
            with fed(folder / STIMULUS, produce):
                compiled.run("tb_activity", work_dir=folder, env={"WATTLOOP_GROUPS": str(stimulus.groups)})
            counters = np.fromfile(folder / RESULTS, "<i8")
        return _activity(netlist, stimulus, bench, counters, self.name)

    def compile(self, bench: Bench) -> Build:
        """The compiled simulation of `bench`, from the cache if it is there."""
        with tempfile.TemporaryDirectory(prefix="wattloop-") as scratch:
            source = Path(scratch) / f"{TOP}.sv"
            source.write_text(bench.text)
            return build(TOP, [source], simulator=self.name, store=self.store, optimise=True)


def _activity(netlist: Netlist, stimulus: Stimulus, bench: Bench, counters: Int64, backend: str) -> Activity:
    """Counters of the bench in the order of the netlist."""
    shape = (stimulus.groups, 2, len(bench.order))
    if counters.size != np.prod(shape):
        raise ToolError(f"{backend} wrote {counters.size} counters instead of {np.prod(shape)}: is the disk full?")
    counted = counters.reshape(shape)
    toggles = np.zeros((stimulus.groups, len(netlist.nets)), np.int64)
    high = np.zeros_like(toggles)
    toggles[:, list(bench.order)] = counted[:, 0]
    high[:, list(bench.order)] = counted[:, 1]
    for net, value in netlist.constants.items():
        high[:, net] = value * stimulus.transitions
    activity = Activity(
        nets=netlist.nets,
        annotated=bench.order,
        toggles=toggles,
        high=high,
        transitions=stimulus.transitions,
        backend=backend,
    )
    activity.require_full(switching_nets(netlist))
    return activity
