"""The OpenSTA that Debian packages, of 2019: an independent oracle for slack, and for leakage at uniform duty.

Its internal power counts every related pin and both edges, its switching power differs, and it reads no SAIF.
"""

from __future__ import annotations

import re
import shutil
from dataclasses import dataclass
from pathlib import Path

import pytest

from wattloop import tools
from wattloop.gates.netlist import Netlist

SCRIPT = """
read_liberty {liberty}
read_verilog {verilog}
link_design {module}
create_clock -name clk -period {period} [get_ports clk_i]
set_power_activity -global -activity 0.1 -duty 0.5
report_checks -digits 6
report_power -digits 8
"""


@dataclass(frozen=True)
class Signoff:
    """What the tool says: slack in the library's time unit, leakage in W."""

    slack: float
    leakage_w: float


def require_opensta() -> None:
    """Skip the test where the tool is not installed."""
    if shutil.which("sta") is None:
        pytest.skip("needs OpenSTA: apt-get install opensta")


def plain_verilog(netlist: Netlist) -> str:
    """The netlist with ports of one bit: the tool's parser knows neither `signed` nor concatenations left of `=`."""
    names = [f"n{k}" for k in range(len(netlist.nets))]
    for net, value in netlist.constants.items():
        names[net] = f"1'b{value}"
    for port, nets in netlist.inputs.items():
        for bit, net in enumerate(nets):
            names[net] = port if len(nets) == 1 else f"{port}_{bit}"
    inputs = [names[net] for nets in netlist.inputs.values() for net in nets]
    outputs = {f"{port}_{bit}": names[net] for port, nets in netlist.outputs.items() for bit, net in enumerate(nets)}
    lines = [f"module {netlist.name} ({', '.join([*inputs, *outputs])});"]
    lines += [f"  input {name};" for name in inputs] + [f"  output {name};" for name in outputs]
    lines += [f"  wire {name};" for name in names if name not in inputs and "'" not in name]
    lines += [f"  assign {port} = {name};" for port, name in outputs.items()]
    for instance in netlist.instances:
        pins = ", ".join(f".{pin}({names[net]})" for pin, net in instance.pins.items())
        lines.append(f"  {instance.cell} \\{instance.name}  ({pins});")
    return "\n".join([*lines, "endmodule", ""])


def opensta(netlist: Netlist, folder: Path, *, period: float) -> Signoff:
    """Slack of the critical path, and leakage with every pin at 1 for half of the time.

    Args:
        netlist: names the module and the library, whose default wire load is taken out of the copy that the tool reads.
        folder: where the tool runs.
        period: of the clock, in the library's time unit.
    """
    text = Path(netlist.library.path).read_text()
    (folder / "cells.lib").write_text(re.sub(r"^\s*default_wire_load\s*:.*$", "", text, flags=re.MULTILINE))
    (folder / "netlist.v").write_text(plain_verilog(netlist))
    script = SCRIPT.format(liberty="cells.lib", verilog="netlist.v", module=netlist.name, period=period)
    (folder / "script.tcl").write_text(script)
    printed = tools.run("sta", ["-no_splash", "-no_init", "-exit", "script.tcl"], cwd=folder)
    slack = re.search(r"^\s*(-?[\d.]+)\s+slack", printed, re.MULTILINE)
    total = re.search(r"^Total\s+(\S+)\s+(\S+)\s+(\S+)\s", printed, re.MULTILINE)
    assert slack is not None, printed
    assert total is not None, printed
    assert "rror" not in printed, printed
    return Signoff(float(slack[1]), float(total[3]))
