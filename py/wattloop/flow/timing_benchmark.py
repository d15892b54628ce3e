"""How fast settling times are found, against Icarus: the same netlist, the same delays, one run."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from wattloop.activity.bitparallel import icarus
from wattloop.activity.bitparallel.circuit import Circuit
from wattloop.activity.bitparallel.engine import Engine
from wattloop.activity.bitparallel.execute import default_threads
from wattloop.activity.bitparallel.mac_vectors import shortened
from wattloop.activity.stimulus import Stimulus
from wattloop.errors import ConfigError
from wattloop.flow.machine import machine, seconds
from wattloop.flow.progress import SILENT, Progress
from wattloop.flow.settings import Settings
from wattloop.flow.timing import CellTimer
from wattloop.gates.timing import critical_path
from wattloop.store import Store
from wattloop.timing.profile import DelayProfile
from wattloop.timing.profiler import Profiler, uniform_psums
from wattloop.timing.transitions import Int32, transitions

Numbers = dict[str, float | int | str]

_WEIGHTS = 16  # that Icarus is given


@dataclass(frozen=True)
class TimingSize:
    """How much is measured.

    Attributes:
        runs: of the engine over everything; the best counts.
        icarus: transitions that Icarus simulates.
    """

    runs: int = 3
    icarus: int = 8192

    def __post_init__(self) -> None:
        if self.runs < 1 or self.icarus < _WEIGHTS:
            raise ConfigError(f"runs = {self.runs}, icarus = {self.icarus}: at least 1 and {_WEIGHTS} are needed")


def bench_timing(
    settings: Settings, size: TimingSize | None = None, *, store: Store | None = None, progress: Progress = SILENT
) -> Numbers:
    """Every figure of `wattloop bench timing`.

    Without prefix: the whole cell, every weight over every transition of the activation, each with one sampled
    transition of the partial sum; `multiplier_`: the documented method; `worst_`: the bound for all partial sums.
    Seconds hold everything from the netlist's delays to the profile on all cores; Icarus has its quickest form on one,
    extrapolated from some transitions by the number of vectors. On a busy machine `cpu_seconds` tell more.

    Args:
        settings: the hardware and `timing`.
        size: how much is measured.
        store: cache.
        progress: told of every step.

    Raises:
        ToolError: Icarus or Yosys is missing or failed.
    """
    timer, size = CellTimer(settings, store or Store(), progress), size or TimingSize()
    mac, apart = settings.hardware.array.mac, timer.apart
    whole = Profiler(timer.engine, mac)
    alone = Profiler(Engine(apart.netlist, settings.timing.engine), apart.settings.array.mac)
    psums = uniform_psums(mac, 1, settings.timing.seed)
    product = alone.paths.product
    found: Numbers = {"netlist": timer.cell.netlist.name, "threads": default_threads(), **machine()}
    found |= {"delay_step_ps": whole.steps.step_ps, "weights": len(mac.weight_values)}
    with progress.step("timing the whole cell"):
        found |= _timed("", size, lambda: Profiler(whole.engine, mac).sampled(psums))
    with progress.step("timing Icarus on the whole cell"):
        found |= _icarus("", whole, timer.engine.circuit, psums[0], size, found)
    with progress.step("timing the multiplier"):
        found |= _timed("multiplier_", size, lambda: Profiler(alone.engine, alone.mac).multiplier())
    with progress.step("timing Icarus on the multiplier"):
        behind = replace(alone.engine.circuit.behind(product), ends=product)
        found |= _icarus("multiplier_", alone, behind, None, size, found)
    with progress.step("bounding all partial sums"):
        found |= _timed("worst_", size, lambda: Profiler(whole.engine, mac).worst())
    report = critical_path(timer.cell.netlist, clock_ps=settings.hardware.clock_ps, load=settings.timing.load)
    return found | {"sta_ps": report.arrival_ps, "setup_ps": timer.setup_ps}


def _timed(prefix: str, size: TimingSize, work: Callable[[], DelayProfile]) -> Numbers:
    profile = work()  # what is compiled and cached is there before
    spent = time.process_time()
    taken = [seconds(work) for _ in range(size.runs)]
    return {
        f"{prefix}transitions": profile.transitions,
        f"{prefix}seconds": min(taken),
        f"{prefix}cpu_seconds": (time.process_time() - spent) / size.runs,
        f"{prefix}max_dynamic_ps": profile.latest_ps,
        f"{prefix}static_ps": profile.static_ps,
    }


def _icarus(
    prefix: str,
    cell: Profiler,
    circuit: Circuit,
    psum: Int32 | None,
    size: TimingSize,
    found: Numbers,
) -> Numbers:
    """Its rate, and how many settling times differ from the engine's."""
    weights = np.array(cell.mac.weight_values)
    chosen = weights[:: max(1, len(weights) // _WEIGHTS)]
    stimulus = shortened(transitions(cell.mac, chosen, psum), max(1, size.icarus // len(chosen)))
    program = cell.engine.program(observed=circuit.ends, only=frozenset(circuit.ends))
    ours = cell.engine.settling_steps(stimulus, program)
    exact = _simulated(cell, circuit, stimulus, one_assign=False)
    quick = _simulated(cell, circuit, stimulus, one_assign=True)
    # Two vectors a transition here; one could do in a walk over all of them.
    all_s = float(found[f"{prefix}transitions"]) * quick.seconds / (stimulus.groups * stimulus.steps * stimulus.lanes)
    return {
        f"{prefix}icarus_transitions": stimulus.groups * stimulus.lanes,
        f"{prefix}icarus_seconds_extrapolated": all_s,
        f"{prefix}over_icarus": all_s / float(found[f"{prefix}seconds"]),
        f"{prefix}different_from_icarus": int((exact.settling != ours).sum()),
    }


def _simulated(cell: Profiler, circuit: Circuit, stimulus: Stimulus, *, one_assign: bool) -> icarus.IcarusResult:
    with tempfile.TemporaryDirectory(prefix="wattloop-") as folder:
        return icarus.simulate(
            cell.engine.netlist,
            circuit,
            cell.steps,
            stimulus,
            Path(folder),
            one_assign=one_assign,
            counting=False,
        )
