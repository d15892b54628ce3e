"""From hardware settings to a mapped, timed netlist."""

from __future__ import annotations

from dataclasses import dataclass

from wattloop.flow.progress import SILENT, Progress
from wattloop.flow.settings import HardwareSettings
from wattloop.gates.libraries import resolve
from wattloop.gates.netlist import Netlist
from wattloop.gates.synthesis import synthesize
from wattloop.gates.timing import TimingReport, critical_path
from wattloop.store import Store


@dataclass(frozen=True)
class Hardware:
    """A MAC cell in gates.

    Attributes:
        settings: what it was made from.
        netlist: the mapped cell.
        timing: its critical path at the clock asked for.
    """

    settings: HardwareSettings
    netlist: Netlist
    timing: TimingReport

    @property
    def facts(self) -> dict[str, str]:
        """What identifies it in the provenance of a result."""
        return {
            "library": self.netlist.library.name,
            "library sha256": self.netlist.library.sha256,
            "netlist": self.netlist.name,
            "netlist sha256": self.netlist.digest,
            "cells": str(len(self.netlist.instances)),
            "area_um2": f"{self.netlist.area_um2:.4g}",
            "load convention": self.settings.load,
            "timing": self.timing.summary,
        }


def build_hardware(settings: HardwareSettings, *, store: Store | None = None, progress: Progress = SILENT) -> Hardware:
    """Synthesise the MAC cell on its library, or take it from the cache.

    Raises:
        LibertyError: the library is unknown or damaged.
        SpecError: the library cannot build the cell.
        ToolError: Yosys is missing or failed.
    """
    with progress.step(f"reading the Liberty library {settings.library}"):
        library = resolve(settings.library)
    # The first run ever also waits for Yosys to compile itself, most of a minute.
    with progress.step("synthesising the MAC cell (the first time Yosys compiles itself)"):
        netlist = synthesize(settings.array.mac, library, clock_ps=settings.clock_ps, store=store)
    return Hardware(settings, netlist, critical_path(netlist, clock_ps=settings.clock_ps, load=settings.load))
