"""The array around a user's cell, in Verilog: the cell's module is the user's, the rest is as for any other cell."""

from __future__ import annotations

from pathlib import Path

from wattloop.gates.cell_models import verilog_models
from wattloop.gates.render import write_rtl
from wattloop.gates.spec import ArraySpec
from wattloop.gates.synthesis import Synthesis
from wattloop.own.synthesis import NETLIST, RTL
from wattloop.store import write_if_changed

# Verilator takes each of these for an error by default; style is for the user to judge. The waiver ends with the file.
# A line of its own: Icarus takes directives at the start of a line alone.
_STYLE = ("WIDTH", "CASEINCOMPLETE", "IMPLICIT", "ASCRANGE", "PINMISSING", "UNOPTFLAT", "BLKSEQ", "UNUSED")
_QUIET = "".join(f"/* verilator lint_off {code} */ " for code in _STYLE)


def write_own_rtl(cell: Synthesis, spec: ArraySpec, folder: Path, *, tiles: int = 1) -> list[Path]:
    """Like `gates.render.write_rtl`, with a user's cell: its sources in their wrapper, or its netlist and cell models.

    Args:
        cell: the user's cell.
        spec: the array.
        folder: where to.
        tiles: see `gates.render.render_tile_top`.

    Returns:
        The files, each after those that it instantiates.

    Raises:
        StorageError: `folder` cannot be written.
    """
    name = spec.mac.module_name
    paths = write_rtl(spec, folder, tiles=tiles)
    place = folder / f"{name}.sv"
    for path in paths[: paths.index(place)]:
        path.unlink()  # modules of wattloop's own cell
    write_if_changed(place, cell_rtl(cell))
    return paths[paths.index(place) :]


def cell_rtl(cell: Synthesis) -> str:
    """Verilog of the cell with wattloop's ports."""
    if (cell.folder / RTL).is_file():
        return f"{_QUIET}\n{(cell.folder / RTL).read_text()}"
    return f"{verilog_models(cell.netlist)}\n{(cell.folder / NETLIST).read_text()}"
