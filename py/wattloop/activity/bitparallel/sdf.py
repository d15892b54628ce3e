"""Icarus with delays by pin and edge from OpenSTA's SDF: what one delay a gate on a grid is held against.

Icarus knows no conditional paths; of several conditions of a path the slowest counts, as it does in `delays`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path

from wattloop import tools
from wattloop.activity.bitparallel.circuit import Circuit
from wattloop.activity.bitparallel.delays import Steps, liberty_delays
from wattloop.activity.bitparallel.icarus import Cells, IcarusResult, simulate
from wattloop.activity.stimulus import Stimulus
from wattloop.errors import NetlistError
from wattloop.gates.cell_models import verilog_model
from wattloop.gates.logic import variables
from wattloop.gates.netlist import Instance, Netlist

Paths = Mapping[tuple[str, str, str], tuple[float, float]]
"""(instance, input pin, output pin) -> (rise, fall) in ps."""

_SCRIPT = """\
read_liberty library.lib
read_verilog netlist.v
link_design {top}
create_clock -name clock -period 1000 {clock}
write_sdf -digits 6 delays.sdf
exit
"""
_TIMESCALE = re.compile(r"\(TIMESCALE\s+([\d.]*)\s*(ps|ns|us)\)")
_UNITS_PS = {"ps": 1.0, "ns": 1e3, "us": 1e6}
_TOKEN = re.compile(r"\(INSTANCE ([^)\s]*)\)|\(IOPATH (\S+) (\S+) \(([^)]*)\) \(([^)]*)\)\)")


def sdf_paths(netlist: Netlist, verilog: Path, folder: Path) -> Paths:
    """Delays of all paths through combinational cells, by OpenSTA.

    Args:
        netlist: the netlist.
        verilog: the file that it was read from.
        folder: takes files.

    Raises:
        ToolError: OpenSTA is missing or fails.
        NetlistError: the netlist has no clock.
    """
    clocks = [port for port, bits in netlist.inputs.items() if netlist.clock_nets.intersection(bits)]
    if not clocks:
        raise NetlistError(f"netlist {netlist.name} has no clock port")
    text = re.sub(r"\bsigned\b", "", verilog.read_text())  # this reader does not know it
    (folder / "netlist.v").write_text(text)
    (folder / "library.lib").write_bytes(Path(netlist.library.path).read_bytes())
    (folder / "run.tcl").write_text(_SCRIPT.format(top=netlist.name, clock=clocks[0]))
    tools.run("sta", ["-exit", "run.tcl"], cwd=folder)
    return read_paths((folder / "delays.sdf").read_text())


def read_paths(sdf: str) -> Paths:
    """Paths of an SDF file, the slowest of its triples and conditions."""
    found: dict[tuple[str, str, str], tuple[float, float]] = {}
    scale = _TIMESCALE.search(sdf)
    unit_ps = 1.0 if scale is None else float(scale[1] or 1) * _UNITS_PS[scale[2]]
    instance = ""
    for token in _TOKEN.finditer(sdf):
        if token[2] is None:
            instance = token[1]
            continue
        key = instance, token[2], token[3]
        rise, fall = (max((unit_ps * float(x) for x in token[k].split(":") if x), default=0.0) for k in (4, 5))
        before = found.get(key, (0.0, 0.0))
        found[key] = max(rise, before[0]), max(fall, before[1])
    return found


def simulate_sdf(
    netlist: Netlist, circuit: Circuit, steps: Steps, paths: Paths, stimulus: Stimulus, folder: Path
) -> IcarusResult:
    """Run `stimulus` through Icarus with the delays of `paths`; sources switch as in the engine, but off the grid.

    Args:
        netlist: the netlist.
        circuit: the same, cut.
        steps: the engine's delays: when everything has settled.
        paths: from `sdf_paths`.
        stimulus: what drives it.
        folder: takes files.

    Raises:
        NetlistError: a path of a cell is missing; names it.
    """
    types = ((instance, netlist.cell(instance)) for instance in netlist.combinational)
    cells = [instance for instance, cell in types if cell.outputs and cell.clock_gate is None]
    (folder / "paths.sdf").write_text("\n".join(_sdf(netlist, cells, paths)) + "\n")
    later = Steps(steps.step_ps, {net: 2 * d + 1 for net, d in steps.gates.items()}, steps.sources)
    form = Cells(
        lines=tuple(_instances(netlist, circuit, cells)),
        models="\n".join(_model(netlist, name) for name in sorted({cell.cell for cell in cells})),
        sources_ps=liberty_delays(netlist, circuit, load="signoff").sources,
        options=("-gspecify",),
    )
    return simulate(netlist, circuit, later, stimulus, folder, cells=form)


def _arcs(netlist: Netlist, instance: Instance) -> Iterator[tuple[str, str]]:
    for pin, spec in netlist.cell(instance).outputs.items():
        if pin in instance.pins and spec.function is not None:
            for cause in variables(spec.function):
                yield cause, pin


def _sdf(netlist: Netlist, cells: list[Instance], paths: Paths) -> Iterator[str]:
    yield '(DELAYFILE (SDFVERSION "3.0") (TIMESCALE 1ps)'
    for instance in cells:
        yield f' (CELL (CELLTYPE "{instance.cell}") (INSTANCE {instance.name}) (DELAY (ABSOLUTE'
        for cause, pin in _arcs(netlist, instance):
            if (instance.name, cause, pin) not in paths:
                raise NetlistError(f"the SDF has no path from {cause} to {pin} of {instance.name}")
            rise, fall = paths[instance.name, cause, pin]
            yield f"  (IOPATH {cause} {pin} ({rise:.3f}) ({fall:.3f}))"
        yield " )))"
    yield ")"


def _instances(netlist: Netlist, circuit: Circuit, cells: list[Instance]) -> Iterator[str]:
    placed = {cell.name for cell in cells}
    for gate in circuit.gates:
        if gate.instance in placed:
            yield f"  wire n{gate.output};"
        else:  # the second output of a flip-flop
            text = gate.function.text.replace("X(0)", f"n{gate.inputs[0]}")
            yield f"  wire n{gate.output} = {text};"
    for instance in cells:
        pins = ", ".join(f".{pin}(n{net})" for pin, net in instance.pins.items())
        yield f"  {instance.cell} {instance.name} ({pins});"
    yield '  initial $sdf_annotate("paths.sdf");'


def _model(netlist: Netlist, name: str) -> str:
    cell = netlist.library.cells[name]
    paths = "".join(
        f"    ({cause} => {pin}) = 1;\n"
        for pin, spec in cell.outputs.items()
        if spec.function is not None
        for cause in variables(spec.function)
    )
    block = f"  specify\n{paths}  endspecify\nendmodule" if paths else "endmodule"
    return verilog_model(cell).replace("endmodule", block)
