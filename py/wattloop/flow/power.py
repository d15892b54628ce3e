"""Power of any mapped netlist from any recorded activity, as `wattloop power` prints it."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from wattloop.activity.interchange.recording import Recording, annotate
from wattloop.activity.interchange.saif import read_saif
from wattloop.activity.interchange.waves import read_waves_apart
from wattloop.errors import ConfigError
from wattloop.flow.progress import SILENT, Progress
from wattloop.gates.libraries import resolve_all
from wattloop.gates.netlist import Netlist
from wattloop.gates.netlist_reader import read_netlist
from wattloop.power.signoff import COLUMNS, GROUPS, Clock, PowerReport, power_report, with_open_outputs

_CLOCK = re.compile(r"\s*(?P<port>\S+?)\s*=\s*(?P<value>\d*\.?\d+)\s*(?P<unit>[fpnu]?)s\s*$")
_PS = {"f": 1e-3, "p": 1.0, "n": 1e3, "u": 1e6, "": 1e12}


@dataclass(frozen=True)
class PowerJob:
    """What is to be computed.

    Attributes:
        netlist: structural Verilog, gzip or not.
        top: its module; None for the only one.
        liberty: names or files of the libraries, the first that has a cell defines it.
        clock: port and period.
        scope: instance of the netlist in the recording, from the top with `/` between names.
        saif, waves: the recording, SAIF or a VCD or FST file.
        load: "signoff" or "typical".
        wire_ff: wire capacitance of a net per cell pin that it drives.
    """

    netlist: Path
    top: str | None
    liberty: tuple[str, ...]
    clock: Clock
    scope: str
    saif: Path | None = None
    waves: Path | None = None
    load: str = "signoff"
    wire_ff: float = 0.0

    def __post_init__(self) -> None:
        if (self.saif is None) == (self.waves is None):
            raise ConfigError("give the activity: either --saif or --waves")
        if not 0 <= self.wire_ff < 1e6:
            raise ConfigError(f"wire_ff = {self.wire_ff} is illegal; legal: 0 to 1e6 fF per fan-out")


def parse_clock(text: str) -> Clock:
    """Clock of "port=period": `clk=1000ps`, `clk=1.5ns`.

    Raises:
        ConfigError: it is not of that form.

    >>> parse_clock("clk=1.5ns")
    Clock(port='clk', period_ps=1500.0)
    """
    match = _CLOCK.match(text)
    period_ps = float(match["value"]) * _PS[match["unit"]] if match else 0.0
    if match is None or not 1e-3 <= period_ps <= 1e12:
        raise ConfigError(f"the clock {text!r} is not port=period: write it as clk=1000ps")
    return Clock(match["port"], period_ps)


def read_job(job: PowerJob, *, progress: Progress = SILENT) -> tuple[Netlist, Recording]:
    """The netlist, open outputs included, and its recorded activity.

    Raises:
        LibertyError, NetlistError, ActivityFileError: a file cannot be read, or they do not fit each other.
    """
    with progress.step("reading the Liberty files"):
        library = resolve_all(job.liberty)
    with progress.step("reading the netlist"):
        netlist = with_open_outputs(read_netlist(job.netlist, library, job.top, simulated=False))
    with progress.step("reading the activity"):
        if job.saif is not None:
            seen = read_saif(job.saif, job.scope)
        elif job.waves is not None:
            seen = read_waves_apart(job.waves, job.scope, netlist)
        return netlist, annotate(netlist, seen)


def run_power(job: PowerJob, *, progress: Progress = SILENT) -> PowerReport:
    """Compute the power that `job` asks for.

    Raises:
        LibertyError, NetlistError, ActivityFileError: a file cannot be read, or they do not fit each other.
    """
    netlist, recording = read_job(job, progress=progress)
    with progress.step("computing power"):
        return power_report(netlist, recording, job.clock, load=job.load, wire_ff=job.wire_ff)


def as_json(report: PowerReport, job: PowerJob) -> dict[str, Any]:
    """The report as JSON-able data, in the shape of a sign-off tool's."""
    timing = report.timing
    return {
        "library": "+".join(job.liberty),
        "convention": report.convention,
        "clock_period_ps": job.clock.period_ps,
        "annotated_pins": report.annotated_pins,
        "unannotated_pins": report.unannotated_pins,
        "groups": {group: _named(report.group_w(group), "_w") for group in (*GROUPS, "total")},
        "critical_path_arrival": None if timing is None else {"value": timing.arrival_ps, "unit": "ps"},
        "critical_path": []
        if timing is None
        else [{"time": time, "pin": f"{name}/{pin}"} for name, pin, time in timing.path],
        "instances_w": {
            "columns": list(COLUMNS),
            **dict(zip(report.instances, report.watts.tolist(), strict=True)),
        },
    }


def _named(watts: Iterable[float], suffix: str) -> dict[str, float]:
    return {f"{name}{suffix}": float(value) for name, value in zip(COLUMNS, watts, strict=True)}
