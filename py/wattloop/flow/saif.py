"""Activity of the MAC as SAIF, with its netlist, for other power tools: what `wattloop saif` writes."""

from __future__ import annotations

import shutil
from dataclasses import dataclass

from wattloop.activity.backend import backend
from wattloop.activity.bitparallel.mac_vectors import random_vectors
from wattloop.activity.interchange.saif_writer import write_saif
from wattloop.errors import ConfigError
from wattloop.flow.hardware import build_hardware
from wattloop.flow.progress import SILENT, Progress
from wattloop.flow.settings import Settings
from wattloop.flow.vectors import real_vectors
from wattloop.runs import Run
from wattloop.store import Store

_STEPS = 41  # of random vectors


@dataclass(frozen=True)
class SaifSummary:
    """What was written.

    Attributes:
        netlist: module name; its file is `netlist.v`.
        scope: instance of the netlist in `activity.saif`.
        vectors: what drove it.
        cycles: clock cycles in the file.
        nets: nets with an activity.
        clock_ps: clock period.
        simulator: who counted.
    """

    netlist: str
    scope: str
    vectors: str
    cycles: int
    nets: int
    clock_ps: float
    simulator: str


def saif_flow(
    settings: Settings,
    run: Run,
    *,
    transitions: int = 20_000,
    real: bool = False,
    scope: str = "tb/m",
    store: Store | None = None,
    progress: Progress = SILENT,
) -> SaifSummary:
    """Measure the MAC and write `netlist.v` and `activity.saif` into the run.

    Args:
        settings: the MAC, its library and clock, the simulator, and the network of real vectors.
        run: where the results go.
        transitions: how many.
        real: vectors of a network's layer instead of random ones.
        scope: instance of the netlist in the file, from the top with `/` between names.
        store: cache.
        progress: shows the steps.

    Raises:
        ConfigError: no transitions.
        ActivityFileError: the clock period is no whole number of fs.
        LibertyError, ToolError: the netlist cannot be made.
    """
    if transitions < 1:
        raise ConfigError(f"transitions = {transitions} is illegal; legal: 1 or more")
    hardware = build_hardware(settings.hardware, store=store, progress=progress)
    if real:
        vectors, stimulus = real_vectors(settings, transitions, store=store, progress=progress)
    else:
        vectors = "uniformly random operands"
        stimulus = random_vectors(settings.hardware.array.mac, _STEPS, -(-transitions // (_STEPS - 1)))
    simulator = backend(settings.characterize.simulator)
    with progress.step(f"measuring every net with {simulator.name}"):
        activity = simulator.measure(hardware.netlist, stimulus)
    path, clock_ps = run.folder / "activity.saif", settings.hardware.clock_ps
    write_saif(path, hardware.netlist, activity, scope=scope, clock_ps=clock_ps)
    shutil.copyfile(hardware.synthesis.folder / "netlist.v", run.folder / "netlist.v")
    run.facts |= hardware.facts | {"vectors": vectors, "simulator": simulator.name}
    return SaifSummary(
        netlist=hardware.netlist.name,
        scope=scope,
        vectors=vectors,
        cycles=activity.transitions * activity.groups,
        nets=len(activity.annotated),
        clock_ps=clock_ps,
        simulator=simulator.name,
    )
