"""A netlist's timing and leakage by OpenSTA, where it is installed: a second opinion that shares no code with ours.

Written for the version that Debian packages (2.0). Its internal power counts every related pin and both edges, its
switching power differs, and it reads no SAIF: of its power report the leakage alone is taken.
"""

from __future__ import annotations

import re
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from wattloop import tools
from wattloop.errors import NetlistError, ToolError
from wattloop.gates.liberty_syntax import read_text
from wattloop.gates.loads import neighbour_ports
from wattloop.gates.netlist import Netlist

_PAIR = "wattloop_pair"
_SCRIPT = """\
read_liberty cells.lib
read_verilog netlist.v
link_design {top}
set_cmd_units -time ps
create_clock -name clk -period {clock_ps:.9g} [get_ports {clock}]
set_power_activity -global -activity 0.1 -duty 0.5
report_checks -digits 6{ends}
report_power -digits 8
"""


@dataclass(frozen=True)
class OpenSta:
    """What OpenSTA says of a netlist.

    Attributes:
        clock_ps: clock period.
        context: as in `timing.TimingReport`.
        arrival_ps: when the data of the critical path is there.
        slack_ps: of the critical path; clock gates' enables count where the library has set-up times for them.
        leakage_w: of all cells, every pin at 1 for half of the time.
        version: of the tool.
    """

    clock_ps: float
    context: str
    arrival_ps: float
    slack_ps: float
    leakage_w: float
    version: str


def opensta_slack(netlist: Netlist, *, clock_ps: float = 200.0, context: str = "alone") -> OpenSta | None:
    """Critical path by OpenSTA, for comparison with `timing.critical_path` at loads "signoff"; None if not installed.

    Args:
        netlist: any netlist with one clock port.
        clock_ps: clock period.
        context: "alone" (nothing at the ports), or "array": two cells in a row, the outputs of the one at the inputs of
            the other that an array connects them to.

    Raises:
        NetlistError: none or several clock ports, or in context "array" no port that a neighbour feeds.
        ToolError: OpenSTA fails, or does not say what it is asked for.
    """
    try:
        tools.find("sta")
    except ToolError:
        return None
    clocks = [port for port, bits in netlist.inputs.items() if netlist.clock_nets.intersection(bits)]
    if len(clocks) != 1:
        raise NetlistError(f"netlist {netlist.name} has {len(clocks)} clock ports: OpenSTA is asked about one clock")
    top, ends, verilog = netlist.name, "", plain_verilog(netlist)
    if context == "array":
        top, ends, verilog = _PAIR, " -to [get_cells u_second/*]", verilog + _pair_verilog(netlist, clocks[0])
    script = _SCRIPT.format(top=top, clock_ps=clock_ps, clock=clocks[0], ends=ends)
    with tempfile.TemporaryDirectory(prefix="wattloop-") as scratch:
        printed = _run(netlist, verilog, script, Path(scratch))
    total = _found(r"^Total(?:\s+\S+){2}\s+(\S+)", printed)
    return OpenSta(
        clock_ps=clock_ps,
        context=context,
        arrival_ps=_found(r"^\s*(-?[\d.]+)\s+data arrival time", printed),
        slack_ps=_found(r"^\s*(-?[\d.]+)\s+slack", printed),
        leakage_w=total / (2 if context == "array" else 1),
        version=tools.version("sta"),
    )


def plain_verilog(netlist: Netlist) -> str:
    """The netlist with ports of one bit: the tool's parser knows neither `signed` nor concatenations left of `=`."""
    names = [f"n{k}" for k in range(len(netlist.nets))]
    for net, value in netlist.constants.items():
        names[net] = f"1'b{value}"
    inputs, outputs = _bits(netlist.inputs), _bits(netlist.outputs)
    for bit, net in inputs.items():
        names[net] = bit
    sources = {bit: names[net] for bit, net in outputs.items()}
    lines = [f"module {netlist.name} ({', '.join([*inputs, *outputs])});"]
    lines += [f"  input {bit};" for bit in inputs] + [f"  output {bit};" for bit in outputs]
    lines += [f"  wire {name};" for name in names if name not in inputs and "'" not in name]
    lines += [f"  assign {bit} = {name};" for bit, name in sources.items()]
    for instance in netlist.instances:
        pins = ", ".join(f".{pin}({names[net]})" for pin, net in instance.pins.items())
        lines.append(f"  {instance.cell} \\{instance.name}  ({pins});")
    return "\n".join([*lines, "endmodule", ""])


def _bits(ports: Mapping[str, Sequence[int]]) -> dict[str, int]:
    """Net of each one-bit port."""
    return {
        port if len(nets) == 1 else f"{port}_{bit}": net for port, nets in ports.items() for bit, net in enumerate(nets)
    }


def _pair_verilog(netlist: Netlist, clock: str) -> str:
    """Two cells in a row under the one clock; what no neighbour feeds is a port of its own."""
    fed = neighbour_ports(netlist)
    if not fed:
        raise NetlistError(f"netlist {netlist.name} has no ports that a neighbour feeds: ask for context alone")
    links = {
        entering: leaving
        for port, source in fed.items()
        for entering, leaving in zip(
            _bits({port: netlist.inputs[port]}), _bits({source: netlist.outputs[source]}), strict=True
        )
    }
    first = {bit: bit if bit == clock else f"first_{bit}" for bit in (*_bits(netlist.inputs), *_bits(netlist.outputs))}
    second = {bit: bit if bit == clock else f"second_{bit}" for bit in first}
    second |= {entering: first[leaving] for entering, leaving in links.items()}
    inputs = dict.fromkeys([*(first[bit] for bit in _bits(netlist.inputs))])
    inputs |= dict.fromkeys(second[bit] for bit in _bits(netlist.inputs) if bit not in links)
    wires = [first[bit] for bit in _bits(netlist.outputs)] + [second[bit] for bit in _bits(netlist.outputs)]
    lines = [f"module {_PAIR} ({', '.join(inputs)});", *(f"  input {bit};" for bit in inputs)]
    lines += [f"  wire {wire};" for wire in wires]
    for name, pins in (("u_first", first), ("u_second", second)):
        lines.append(f"  {netlist.name} {name} ({', '.join(f'.{pin}({wire})' for pin, wire in pins.items())});")
    return "\n".join([*lines, "endmodule", ""])


def _run(netlist: Netlist, verilog: str, script: str, folder: Path) -> str:
    # The library's default wire load is taken out of the copy that the tool reads: our wires have no capacitance.
    text = read_text(Path(netlist.library.path)).decode("utf-8", errors="replace")
    library = re.sub(r"^\s*default_wire_load\s*:.*$", "", text, flags=re.MULTILINE)
    for name, text in (("cells.lib", library), ("netlist.v", verilog), ("script.tcl", script)):
        (folder / name).write_text(text)
    printed = tools.run("sta", ["-no_splash", "-no_init", "-exit", "script.tcl"], cwd=folder)
    if (error := re.search(r"^.*error.*$", printed, re.IGNORECASE | re.MULTILINE)) is not None:
        raise ToolError(f"OpenSTA refuses netlist {netlist.name}: {error[0].strip()}")
    return printed


def _found(pattern: str, printed: str) -> float:
    match = re.search(pattern, printed, re.MULTILINE)
    if match is None:
        raise ToolError(f"OpenSTA did not say what was asked for: {' | '.join(printed.strip().splitlines()[-3:])}")
    return float(match[1])
