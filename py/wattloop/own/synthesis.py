"""A user's cell in gates: its Verilog synthesised as wattloop's own, or its netlist as it is; then called as ours.

`gates.synthesis` does the work: recipes, choice and judging are the same for both. Its job is private there, and used
here all the same: every file of `gates` is part of the key of every table (`flow.simulator`), and cells that users
bring are no reason to characterise wattloop's own anew.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

from wattloop.errors import NetlistError, ToolError
from wattloop.gates.input_file import read_input
from wattloop.gates.library import Library
from wattloop.gates.spec import MacSpec
from wattloop.gates.synthesis import JUDGED_BY, Synthesis, _Job
from wattloop.own.adopt import adopt_netlist, name_registers
from wattloop.own.cell import OwnMac
from wattloop.own.elaborate import complaint, elaborate, script
from wattloop.own.source import read_sources
from wattloop.own.wrapper import cell_verilog
from wattloop.store import Store, content_key

NETLIST, RTL = "netlist.v", "rtl.sv"
AS_GIVEN = "as given"  # what is "chosen" of a netlist
_SUMMARY, _LOG = "candidates.json", "yosys.log"
_VERSION = 1  # of what is kept; part of the cache key
_LIMIT_MIB = 256


def own_synthesis(
    own: OwnMac, spec: MacSpec, library: Library, *, clock_ps: float = 200.0, store: Store | None = None
) -> Synthesis:
    """The cell in gates, timed; kept by the contents of its files. That it does what it has to is not proved here.

    Args:
        own: the user's cell.
        spec: what it has to do.
        library: what it is mapped to.
        clock_ps: clock period.
        store: cache of results.

    Returns:
        The synthesis; in its folder `netlist.v`, and of Verilog sources `rtl.sv`, both with module `spec.module_name`
        and wattloop's ports.

    Raises:
        NetlistError: the files are no cell that wattloop can use; names file, port, net or cell, and what to do.
        LibertyError: the library has no flip-flop that fits, or no buffer.
        ToolError: Yosys is missing.
    """
    job = _job(own, spec, library, clock_ps)
    return (store or Store()).load("netlist", job.key(), job.build, job.read)


def is_adopted(own: OwnMac, spec: MacSpec, library: Library, *, clock_ps: float, store: Store) -> bool:
    """Whether `own_synthesis` would find the cell in the cache."""
    return store.holds("netlist", _job(own, spec, library, clock_ps).key())


def digest(own: OwnMac) -> str:
    """SHA-256 of the user's files, in order."""
    found = hashlib.sha256()
    for path in own.sources or (Path(own.netlist or ""),):
        found.update(_contents(path))
    return found.hexdigest()


def _contents(path: Path) -> bytes:
    return read_input(path, "Verilog file", NetlistError, limit_mib=_LIMIT_MIB)


def _job(own: OwnMac, spec: MacSpec, library: Library, clock_ps: float) -> _Job:
    return (_Given if own.netlist else _Synthesised)(own, spec, library, clock_ps)


class _Synthesised(_Job):
    """From Verilog sources."""

    def __init__(self, own: OwnMac, spec: MacSpec, library: Library, clock_ps: float) -> None:
        super().__init__(spec, library, clock_ps)
        self._own = own
        self._source = read_sources(own.sources)
        self._rtl = cell_verilog(own, spec, self._source)
        # What is left of a hierarchy that was dissolved is no cell of the library.
        self._scripts["synth.ys"] = self._scripts["synth.ys"].replace("\nflatten\n", "\nflatten -noscopeinfo\n")

    def key(self) -> str:
        """Content key of the result."""
        return content_key("own", _VERSION, super().key(), self._source.text, self._own.ports, script(self._own))

    def build(self, folder: Path) -> None:
        """Look at the sources, synthesise, and call the registers as ours."""
        elaborate(self._own, self._source, self._spec, folder)
        try:
            super().build(folder)
        except ToolError as error:
            if not (folder / _LOG).is_file():
                raise
            raise complaint(error, self._source, (folder / _LOG).read_text()) from error
        name_registers(folder / NETLIST, self._spec, self._library)
        summary = json.loads((folder / _SUMMARY).read_text())
        _summarise(folder, summary["chosen"], summary["candidates"])


class _Given(_Job):
    """A netlist."""

    def __init__(self, own: OwnMac, spec: MacSpec, library: Library, clock_ps: float) -> None:
        # Nothing of what a synthesis needs: a netlist may use a library that none can be done with.
        self._own, self._spec, self._library, self._clock_ps = own, spec, library, clock_ps
        self._path = Path(own.netlist or "")

    def key(self) -> str:
        """Content key of the result."""
        own = self._own
        ports = (own.module, own.ports, own.inverted, dict(own.tied), own.open)
        judged = (self._library.sha256, self._clock_ps, JUDGED_BY)
        return content_key("own netlist", _VERSION, _contents(self._path), ports, self._spec, judged)

    def build(self, folder: Path) -> None:
        """The netlist under our names."""
        adopt_netlist(self._own, self._path, self._spec, self._library, folder / NETLIST)
        _summarise(folder, AS_GIVEN, [])


def _summarise(folder: Path, chosen: str, candidates: object) -> None:
    """What `_Job.read` reads."""
    sha256 = hashlib.sha256((folder / NETLIST).read_bytes()).hexdigest()
    (folder / _SUMMARY).write_text(json.dumps({"chosen": chosen, "sha256": sha256, "candidates": candidates}, indent=1))
