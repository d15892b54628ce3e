"""From hardware settings to a mapped, timed netlist."""

from __future__ import annotations

import shutil
from dataclasses import dataclass

from wattloop.errors import NetlistError
from wattloop.flow.progress import SILENT, Progress
from wattloop.flow.settings import HardwareSettings
from wattloop.gates.equivalence import prove as prove_equal
from wattloop.gates.libraries import resolve
from wattloop.gates.netlist import Netlist
from wattloop.gates.synthesis import Synthesis, is_synthesized, run_synthesis
from wattloop.runs import Run
from wattloop.store import Store


@dataclass(frozen=True)
class Hardware:
    """A MAC cell in gates.

    Attributes:
        settings: what it was made from.
        synthesis: how it came about, and its timing.
    """

    settings: HardwareSettings
    synthesis: Synthesis

    @property
    def netlist(self) -> Netlist:
        """The mapped cell."""
        return self.synthesis.netlist

    @property
    def facts(self) -> dict[str, str]:
        """What identifies it in the provenance of a result."""
        return {
            "library": self.netlist.library.name,
            "library sha256": self.netlist.library.sha256,
            "netlist": self.netlist.name,
            "netlist digest": self.netlist.digest,
            "cells": str(len(self.netlist.instances)),
            "area_um2": f"{self.netlist.area_um2:.2f}",
            "load convention": self.settings.load,
            "timing": self.synthesis.timing.summary,
        }


def build_hardware(settings: HardwareSettings, *, store: Store | None = None, progress: Progress = SILENT) -> Hardware:
    """Synthesise the MAC cell on its library, or take it from the cache.

    Raises:
        LibertyError: the library is unknown, damaged, or cannot build the cell.
        ToolError: Yosys is missing or failed.
    """
    with progress.step(f"reading the Liberty library {settings.library}"):
        library = resolve(settings.library)
    with progress.step("synthesising the MAC cell (Yosys compiles itself once, most of a minute)"):
        return Hardware(settings, run_synthesis(settings.array.mac, library, clock_ps=settings.clock_ps, store=store))


def is_built(settings: HardwareSettings, store: Store) -> bool:
    """Whether `build_hardware` would find the cell in the cache."""
    library = resolve(settings.library)
    return is_synthesized(settings.array.mac, library, clock_ps=settings.clock_ps, store=store)


def prove_hardware(hardware: Hardware, *, store: Store | None = None, progress: Progress = SILENT) -> str:
    """Compare the netlist with the RTL by SAT and tell in one line what was found.

    Raises:
        NetlistError: they differ; the message tells where.
    """
    with progress.step("proving the netlist equal to the RTL (half a minute, on some libraries minutes)"):
        report = prove_equal(hardware.settings.array.mac, hardware.netlist, store=store)
    if report.verdict == "refuted":
        raise NetlistError(f"netlist {hardware.netlist.name} is {report.summary}; do not use it")
    return report.summary


@dataclass(frozen=True)
class SynthesisSummary:
    """What `wattloop synth` tells.

    Attributes:
        module: the cell.
        library: what it is mapped to.
        recipe: the synthesis recipe that was chosen.
        cells: number of cells.
        nets: number of nets.
        area_um2: area of all cells.
        clock_ps: the clock asked for.
        slack_ps: of the critical path, negative where the clock is missed.
        timing: the same in words.
        equivalence: what a proof against the RTL found.
        path: (instance or port, output pin, arrival in ps) along the critical path.
    """

    module: str
    library: str
    recipe: str
    cells: int
    nets: int
    area_um2: float
    clock_ps: float
    slack_ps: float
    timing: str
    equivalence: str
    path: tuple[tuple[str, str, float], ...]


def synthesis_flow(
    settings: HardwareSettings,
    run: Run,
    *,
    prove: bool = False,
    store: Store | None = None,
    progress: Progress = SILENT,
) -> SynthesisSummary:
    """Synthesise, keep `netlist.v`, `rtl.sv` and Yosys' log in the run.

    Args:
        settings: the cell, its library and its clock.
        run: where the results go.
        prove: compare the netlist with the RTL by SAT.
        store: cache of netlists and proofs.
        progress: shows the steps.

    Raises:
        LibertyError: the library is unknown, damaged, or cannot build the cell.
        NetlistError: the proof found a difference; the message tells where.
        ToolError: Yosys is missing or failed.
    """
    hardware = build_hardware(settings, store=store, progress=progress)
    synthesis, netlist = hardware.synthesis, hardware.netlist
    for name in ("netlist.v", "rtl.sv", "yosys.log", "candidates.json"):
        shutil.copyfile(synthesis.folder / name, run.folder / name)
    run.facts |= hardware.facts
    equivalence = "not asked for (--prove)"
    if prove:
        equivalence = prove_hardware(hardware, store=store, progress=progress)
        run.facts["equivalence"] = equivalence
    return SynthesisSummary(
        module=netlist.name,
        library=netlist.library.name,
        recipe=synthesis.chosen,
        cells=len(netlist.instances),
        nets=len(netlist.nets),
        area_um2=netlist.area_um2,
        clock_ps=settings.clock_ps,
        slack_ps=synthesis.timing.slack_ps,
        timing=synthesis.timing.summary,
        equivalence=equivalence,
        path=synthesis.timing.path,
    )
