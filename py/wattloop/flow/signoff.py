"""Our power and timing against a sign-off tool's reports, case by case, as `wattloop verify power` prints it."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from wattloop.errors import ConfigError
from wattloop.flow.power import PowerJob, run_power
from wattloop.flow.progress import SILENT, Progress
from wattloop.power.signoff import Clock, PowerReport

_FILES = ("netlist.v", "activity.saif.gz", "opensta.json")
_PS = {"ps": 1.0, "ns": 1e3}
MATTERS = 1e-3  # an instance that draws at least this share of the total

# Largest relative deviations.
BOUNDS = {
    "total_error": 0.005,
    "internal_error": 0.01,
    "switching_error": 0.01,
    "leakage_error": 0.01,
    "worst_instance_error": 0.02,
    "arrival_error": 0.005,
}


@dataclass(frozen=True)
class Deviation:
    """How far we are from the tool in one case; errors are relative and without sign.

    Attributes:
        case: its folder's name.
        total_error, internal_error, switching_error, leakage_error: of the whole netlist.
        worst_instance_error: largest of the instances that draw at least a thousandth of the total.
        arrival_error: of the critical path.
        coverage: share of the pins that the activity covers.
    """

    case: str
    total_error: float
    internal_error: float
    switching_error: float
    leakage_error: float
    worst_instance_error: float
    arrival_error: float
    coverage: float

    @property
    def passed(self) -> bool:
        """Within all bounds, every pin covered."""
        return self.coverage == 1 and all(getattr(self, name) <= bound for name, bound in BOUNDS.items())


def verify_power(
    oracle: Path,
    *,
    liberty: Mapping[str, Sequence[str]] | None = None,
    scope: str = "tb/m",
    clock: str = "clk",
    progress: Progress = SILENT,
) -> list[Deviation]:
    """Compare every case in a folder.

    Args:
        oracle: one folder a case, each with `netlist.v`, `activity.saif.gz` and `opensta.json`.
        liberty: files of each library that the reports name, where the name alone does not find it.
        scope: instance of the netlists in the activity.
        clock: their clock port.
        progress: told of every case.

    Raises:
        ConfigError: no cases there, or a report that is not one.
        LibertyError, NetlistError, ActivityFileError: a case cannot be read.
    """
    folders = sorted(path.parent for path in oracle.glob("*/opensta.json"))
    if not folders:
        raise ConfigError(
            f"{oracle} holds no reference reports: give a folder (--oracle) with one folder a case, each with "
            f"{', '.join(_FILES)}"
        )
    found = []
    for folder in folders:
        report = _report(folder / "opensta.json")
        job = PowerJob(
            netlist=folder / "netlist.v",
            top=None,
            liberty=tuple((liberty or {}).get(report["library"], (report["library"],))),
            clock=Clock(clock, report["clock_period_ps"]),
            scope=scope,
            saif=folder / "activity.saif.gz",
        )
        with progress.step(f"comparing {folder.name}"):
            found.append(deviation(folder.name, run_power(job), report))
    return found


def _report(path: Path) -> dict[str, Any]:
    try:
        report = json.loads(path.read_text())
        _ = report["library"], report["clock_period_ps"], report["groups"]["total"], report["instances_w"]["columns"]
        return dict(report)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ConfigError(f"{path} is no reference report ({error!r}): fetch it again") from error


def deviation(case: str, ours: PowerReport, theirs: Mapping[str, Any]) -> Deviation:
    """Our report against the tool's.

    Raises:
        ConfigError: the reports are not of the same instances.
    """
    rows = {name: row for name, row in theirs["instances_w"].items() if name != "columns"}
    if set(rows) != set(ours.instances):
        odd = sorted(set(rows) ^ set(ours.instances))[:3]
        raise ConfigError(f"{case}: the reports differ in their instances, {', '.join(odd)}: give those of one netlist")
    at = theirs["instances_w"]["columns"].index("total")
    watts = np.array([rows[name][at] for name in ours.instances])
    total = theirs["groups"]["total"]
    matters = watts >= MATTERS * total["total_w"]
    errors = np.abs(ours.watts[matters, -1] / watts[matters] - 1)
    arrival = theirs["critical_path_arrival"]
    arrival_ps = 0.0 if ours.timing is None else ours.timing.arrival_ps
    internal, switching, leakage, whole = ours.group_w("total").tolist()
    return Deviation(
        case=case,
        total_error=_error(whole, total["total_w"]),
        internal_error=_error(internal, total["internal_w"]),
        switching_error=_error(switching, total["switching_w"]),
        leakage_error=_error(leakage, total["leakage_w"]),
        worst_instance_error=float(errors.max(initial=0.0)),
        arrival_error=_error(arrival_ps, arrival["value"] * _PS[arrival["unit"]]),
        coverage=ours.coverage,
    )


def _error(ours: float, theirs: float) -> float:
    return abs(ours / theirs - 1) if theirs else abs(ours)
