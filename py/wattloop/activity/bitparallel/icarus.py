"""The oracle of the timed mode: the same netlist with the same delays in Icarus, one scalar net a wire.

Each gate's function is evaluated once for all inputs that change together, in a process of its own, and its delay
stands behind it: `assign #d` for inertial delay, a non-blocking assignment with delay for transport. Written as one
`assign #d n = expression`, Icarus may evaluate a function of several operators in halves when two inputs change at
once; the phantom change would cancel a pending one. For the same reason a gate with inertial delay waits (`#0`) until
all changes of its time step have happened, and sources change in the same region of the step as gates do.
"""

from __future__ import annotations

import re
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from wattloop import tools
from wattloop.activity.bitparallel.circuit import Circuit, Gate
from wattloop.activity.bitparallel.delays import Steps
from wattloop.activity.bitparallel.drive import planes_of
from wattloop.activity.stimulus import Stimulus
from wattloop.gates.netlist import Netlist


@dataclass(frozen=True)
class IcarusResult:
    """What Icarus saw.

    Attributes:
        changes: shape (groups, nets): all value changes in counted cycles, glitches included.
        settling: shape (groups, steps, lanes): step of the last change of an end net, 0 where none changed.
        seconds: what the simulation took, its start and the reading of the stimulus included.
    """

    changes: npt.NDArray[np.int64]
    settling: npt.NDArray[np.int64]
    seconds: float


@dataclass(frozen=True)
class Cells:
    """Verilog in place of the gates' processes: cells that bring their own delays.

    Attributes:
        lines: instances in the module of the testbench, and what annotates them.
        models: modules that they need.
        sources_ps: when each source net switches.
        options: of the compiler.
    """

    lines: tuple[str, ...]
    models: str
    sources_ps: Mapping[int, float]
    options: tuple[str, ...] = ()


def simulate(  # noqa: PLR0913 - what is simulated, and how Icarus is told so
    netlist: Netlist,
    circuit: Circuit,
    steps: Steps,
    stimulus: Stimulus,
    folder: Path,
    *,
    inertial: bool = True,
    one_assign: bool = False,
    counting: bool = True,
    cells: Cells | None = None,
) -> IcarusResult:
    """Run `stimulus` through Icarus, one lane after the other.

    Args:
        netlist: the netlist.
        circuit: the same, cut.
        steps: delays on the grid.
        stimulus: what drives it.
        folder: where the testbench and its files go.
        inertial: inertial delays, else transport.
        one_assign: write each inertial gate as one `assign #d` (quicker; see above).
        counting: count changes; without, they read 0.
        cells: Verilog in place of the gates; `steps` then only tells when everything has settled.
    """
    plane = {net: k for k, net in enumerate(circuit.sources)}
    bits = source_bits(stimulus, planes_of(netlist, stimulus, plane), len(plane))
    vectors = bits.shape[0]
    lines = ["".join(map(str, row[::-1])) for row in bits]
    (folder / "stimulus.txt").write_text("\n".join(lines) + "\n")
    form = _Form(inertial, one_assign, cells)
    (folder / "oracle.v").write_text(testbench(circuit, steps, stimulus, vectors, form, counting=counting))
    options = () if cells is None else cells.options
    tools.run("iverilog", ["-g2005", *options, "-o", "oracle.vvp", "oracle.v"], cwd=folder)
    start = time.perf_counter()
    tools.run("vvp", ["-n", "oracle.vvp"], cwd=folder)
    seconds = time.perf_counter() - start
    counts = np.loadtxt(folder / "counts.txt", np.int64, ndmin=2)
    shape = (stimulus.groups, stimulus.lanes, stimulus.steps)
    settling = np.loadtxt(folder / "settling.txt", np.int64, ndmin=1).reshape(shape)
    return IcarusResult(counts, settling.transpose(0, 2, 1), seconds)


def source_bits(stimulus: Stimulus, planes: dict[str, npt.NDArray[np.int32]], width: int) -> npt.NDArray[np.uint8]:
    """Shape (vectors, sources): lane after lane, each over all its steps."""
    shape = (stimulus.groups, stimulus.lanes, stimulus.steps)
    found = np.zeros((*shape, width), np.uint8)
    for name, indices in planes.items():
        values = np.broadcast_to(stimulus.signals[name], stimulus.shape).transpose(0, 2, 1)
        for bit, index in enumerate(indices):
            found[..., index] = (values >> bit) & 1
    return found.reshape(-1, width)


@dataclass(frozen=True)
class _Form:
    """How gates are written; see `simulate`."""

    inertial: bool
    one_assign: bool
    cells: Cells | None


def testbench(
    circuit: Circuit, steps: Steps, stimulus: Stimulus, vectors: int, form: _Form, *, counting: bool = True
) -> str:
    """Verilog of the oracle."""
    text = "\n".join(_lines(circuit, steps, stimulus, vectors, form)) + "\n"
    if form.cells is not None:
        text += form.cells.models
    return text if counting else _COUNTER.sub(r"\1", text)


_COUNTER = re.compile(r"(  integer c\d+ = 0;) always.*")


def _lines(circuit: Circuit, steps: Steps, stimulus: Stimulus, vectors: int, form: _Form) -> Iterator[str]:
    inertial = form.inertial
    nets = [*circuit.sources, *(gate.output for gate in circuit.gates)]
    period = _horizon(circuit, steps) + 2
    counted = "".join("1" if c else "0" for c in reversed(stimulus.counted.tolist()))
    yield f"`timescale 1ps/{'1ps' if form.cells is None else '1fs'}"
    yield "module oracle;"
    yield f"  reg [{len(circuit.sources) - 1}:0] stimulus [0:{vectors - 1}], now;"
    yield f"  reg [{stimulus.steps - 1}:0] counted = {stimulus.steps}'b{counted};"
    yield "  reg counting = 0; integer i, step, counts, settling; time start, last;"
    for net, value in circuit.constants.items():
        yield f"  wire n{net} = 1'b{value};"
    for net in circuit.sources:
        yield from _source(net, (form.cells.sources_ps if form.cells else steps.sources)[net], inertial)
    if form.cells is not None:
        yield from form.cells.lines
    else:
        for gate in circuit.gates:
            yield from _gate(gate, steps.gates[gate.output], inertial, form.one_assign)
    for net in nets:
        yield f"  integer c{net} = 0; always @(n{net}) if (counting) c{net} = c{net} + 1;"
    for net in circuit.ends:
        yield f"  always @(n{net}) last = $time - start;"
    yield "  task report; begin"
    for net in range(circuit.nets):
        yield f'    $fwrite(counts, "%0d ", {f"c{net}" if net in set(nets) else 0});'
    yield '    $fwrite(counts, "\\n");'
    yield from (f"    c{net} = 0;" for net in nets)
    yield "  end endtask"
    yield "  initial begin"
    yield '    $readmemb("stimulus.txt", stimulus);'
    yield '    counts = $fopen("counts.txt"); settling = $fopen("settling.txt");'
    yield f"    for (i = 0; i < {vectors}; i = i + 1) begin"
    yield f"      step = i % {stimulus.steps}; counting = counted[step]; start = $time; last = 0; now = stimulus[i];"
    for k, net in enumerate(circuit.sources):
        yield f"      s{net} = now[{k}];" if inertial else f"      n{net} <= #{steps.sources[net]} now[{k}];"
    yield f'      #{period} $fwrite(settling, "%0d\\n", counting ? last : 0);'
    yield f"      counting = 0; if ((i + 1) % {stimulus.steps * stimulus.lanes} == 0) report;"
    yield "    end"
    yield "    $fclose(counts); $fclose(settling); $finish;"
    yield "  end"
    yield "endmodule"


def _source(net: int, delay: float, inertial: bool) -> Iterator[str]:
    yield f"  reg s{net}; wire n{net}; assign #({delay:g}) n{net} = s{net};" if inertial else f"  reg n{net};"


def _gate(gate: Gate, delay: int, inertial: bool, one_assign: bool) -> Iterator[str]:
    text = gate.function.text.replace("ZERO", "1'b0")
    for k, net in enumerate(gate.inputs):
        text = text.replace(f"X({k})", f"n{net}")
    out = gate.output
    if inertial and one_assign:
        yield f"  wire n{out}; assign #{delay} n{out} = {text};"
        return
    yield f"  reg g{out}; initial g{out} = {text};"
    if gate.inputs:
        inputs = " or ".join(f"n{net}" for net in dict.fromkeys(gate.inputs))
        yield f"  always @({inputs}) begin {'#0 ' if inertial else ''}g{out} = {text}; end"
    if inertial:
        yield f"  wire n{out}; assign #{delay} n{out} = g{out};"
    else:
        yield f"  reg n{out}; initial n{out} <= #{delay} g{out}; always @(g{out}) n{out} <= #{delay} g{out};"


def _horizon(circuit: Circuit, steps: Steps) -> int:
    """Step by which all nets have settled."""
    latest = {net: steps.sources[net] for net in circuit.sources}
    for gate in circuit.gates:
        before = max((latest.get(net, 0) for net in gate.inputs), default=0)
        latest[gate.output] = before + steps.gates[gate.output]
    return max(latest.values(), default=0)
