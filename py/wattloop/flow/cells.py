"""The cells that a command goes over: templates by name, and the user's own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from wattloop.errors import SpecError
from wattloop.flow.hardware import build_hardware
from wattloop.flow.progress import SILENT, Progress
from wattloop.flow.settings import HardwareSettings
from wattloop.gates.render import write_rtl
from wattloop.gates.templates import chosen
from wattloop.own.rtl import write_own_rtl
from wattloop.store import Store


def cells_of(hardware: HardwareSettings, templates: Sequence[str]) -> Mapping[str, HardwareSettings]:
    """The user's cell, if there is one, then the templates of these names, each on the same array and library.

    Raises:
        SpecError: a name is unknown, or there is no cell at all.
    """
    own = {} if hardware.own_mac is None else {hardware.own_mac.module: hardware}
    named = chosen(templates) if templates or not own else {}
    if own.keys() & named.keys():
        raise SpecError(f"{', '.join(own)} is the module of own_mac and the name of a template: rename the module")
    return own | {name: hardware.with_cell(mac) for name, mac in named.items()}


def write_array(
    hardware: HardwareSettings, folder: Path, *, store: Store | None = None, progress: Progress = SILENT
) -> list[Path]:
    """Write the Verilog of the cell, the array and its simulation top; see `gates.render.write_rtl`.

    Raises:
        NetlistError: a user's cell is none that wattloop can use.
        StorageError: `folder` cannot be written.
    """
    if hardware.own_mac is None:
        return write_rtl(hardware.array, folder)
    cell = build_hardware(hardware, store=store, progress=progress).synthesis
    return write_own_rtl(cell, hardware.array, folder)
