"""Netlists against their RTL, as `wattloop verify netlist` proves them."""

from __future__ import annotations

from pathlib import Path

from wattloop.flow.hardware import build_hardware
from wattloop.flow.progress import SILENT, Progress
from wattloop.flow.settings import HardwareSettings
from wattloop.gates.equivalence import EquivalenceReport, prove
from wattloop.gates.libraries import resolve
from wattloop.gates.netlist_reader import read_netlist
from wattloop.store import Store


def verify_netlist(
    settings: HardwareSettings,
    path: Path | None = None,
    *,
    store: Store | None = None,
    progress: Progress = SILENT,
) -> EquivalenceReport:
    """Prove a netlist of the MAC equal to its RTL.

    Args:
        settings: the MAC and its library.
        path: a netlist with the ports and registers of our RTL; None synthesises one.
        store: cache of netlists and proofs.
        progress: shows the steps.

    Raises:
        NetlistError: the netlist cannot be read, or has other ports or registers.
        ToolError: Yosys is missing or failed.
    """
    if path is None:
        netlist = build_hardware(settings, store=store, progress=progress).netlist
    else:
        netlist = read_netlist(path, resolve(settings.library), settings.array.mac.module_name)
    with progress.step("proving the netlist equal to the RTL (half a minute, on some libraries minutes)"):
        return prove(settings.array.mac, netlist, store=store)
