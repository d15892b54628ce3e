"""From hardware settings to a mapped, timed netlist."""

from __future__ import annotations

import shutil
from dataclasses import dataclass

from wattloop.errors import NetlistError
from wattloop.flow.progress import SILENT, Progress
from wattloop.flow.settings import HardwareSettings
from wattloop.gates.equivalence import EquivalenceReport
from wattloop.gates.equivalence import prove as prove_equal
from wattloop.gates.libraries import resolve
from wattloop.gates.library import Library
from wattloop.gates.netlist import Netlist
from wattloop.gates.synthesis import Synthesis, is_synthesized, run_synthesis
from wattloop.own.cell import OwnMac
from wattloop.own.proof import require_equal
from wattloop.own.synthesis import digest, is_adopted, own_synthesis
from wattloop.runs import Run
from wattloop.store import Store


@dataclass(frozen=True)
class Hardware:
    """A MAC cell in gates.

    Attributes:
        settings: what it was made from.
        synthesis: how it came about, and its timing.
        proof: that a user's cell does what `settings.array.mac` says; None of wattloop's own.
    """

    settings: HardwareSettings
    synthesis: Synthesis
    proof: EquivalenceReport | None = None

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
            **self._own,
        }

    @property
    def _own(self) -> dict[str, str]:
        own = self.settings.own_mac
        if own is None or self.proof is None:
            return {}
        return {"own module": own.module, "own files sha256": digest(own), "equivalence": self.proof.summary}


def build_hardware(settings: HardwareSettings, *, store: Store | None = None, progress: Progress = SILENT) -> Hardware:
    """Synthesise the MAC cell on its library, or take it from the cache; a user's cell is proved as well.

    Raises:
        LibertyError: the library is unknown, damaged, or cannot build the cell.
        NetlistError: a user's cell is none that wattloop can use, or does something else; tells what and where.
        ToolError: Yosys is missing or failed.
    """
    with progress.step(f"reading the Liberty library {settings.library}"):
        library = resolve(settings.library)
    if settings.own_mac is not None:
        return _build_own(settings, settings.own_mac, library, store, progress)
    with progress.step("synthesising the MAC cell (Yosys compiles itself once, most of a minute)"):
        return Hardware(settings, run_synthesis(settings.array.mac, library, clock_ps=settings.clock_ps, store=store))


def _build_own(
    settings: HardwareSettings, own: OwnMac, library: Library, store: Store | None, progress: Progress
) -> Hardware:
    mac = settings.array.mac
    with progress.step(f"reading the MAC cell {own.module}, and synthesising it where it is no netlist"):
        cell = own_synthesis(own, mac, library, clock_ps=settings.clock_ps, store=store)
    with progress.step(f"proving {own.module} equal to the golden model"):
        return Hardware(settings, cell, require_equal(own, mac, cell.netlist, store=store))


def is_built(settings: HardwareSettings, store: Store) -> bool:
    """Whether `build_hardware` would find the cell in the cache."""
    library = resolve(settings.library)
    if settings.own_mac is not None:
        return is_adopted(settings.own_mac, settings.array.mac, library, clock_ps=settings.clock_ps, store=store)
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
    """Synthesise, keep `netlist.v`, `rtl.sv` and Yosys' log in the run; of a netlist that was given there is no more.

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
        if (synthesis.folder / name).is_file():
            shutil.copyfile(synthesis.folder / name, run.folder / name)
    run.facts |= hardware.facts
    equivalence = "not asked for (--prove)" if hardware.proof is None else hardware.proof.summary
    if prove and hardware.proof is None:
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
