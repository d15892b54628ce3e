"""Our activity as SAIF, for PrimePower, Joules, OpenROAD and ourselves.

Every net stands there under each of its names, and every pin of every instance: OpenSTA takes pins only.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from wattloop.activity.result import Activity
from wattloop.errors import ActivityFileError
from wattloop.gates.netlist import Netlist
from wattloop.store import write_atomic

_TICKS = (("1 ps", 1.0), ("1 fs", 1e-3))


def write_saif(path: str | Path, netlist: Netlist, activity: Activity, *, scope: str, clock_ps: float) -> None:
    """Write the activity of all groups together.

    A counted transition is a clock cycle; what the groups and lanes did at once stands one behind the other. Clock
    nets get two toggles a cycle and half the time at 1; gated clocks are left out, how often they tick is not known.

    Args:
        path: the file.
        netlist: the netlist.
        activity: its activity, every net covered.
        scope: instances from the top down to the netlist's, with `/` between them: "tb/m".
        clock_ps: clock period, a whole number of ps or fs.

    Raises:
        ActivityFileError: the clock period is no whole number of fs, or the activity is of another netlist.
        StorageError: the file cannot be written.
    """
    if activity.nets != netlist.nets:
        raise ActivityFileError(f"the activity is not of netlist {netlist.name}: measure that one")
    unit, tick_ps = next((t for t in _TICKS if (clock_ps / t[1]).is_integer()), ("", 0.0))
    if not unit:
        raise ActivityFileError(f"clock_ps = {clock_ps} is no whole number of fs: round it")
    text = "\n".join(_lines(netlist, activity, scope.strip("/").split("/"), unit, round(clock_ps / tick_ps)))
    write_atomic(Path(path), text + "\n")


def _lines(netlist: Netlist, activity: Activity, scope: list[str], unit: str, period: int) -> Iterator[str]:
    cycles = activity.transitions * len(activity.toggles)
    values = _values(netlist, activity, cycles, period)
    yield "(SAIFILE"
    yield '(SAIFVERSION "2.0")\n(DIRECTION "backward")\n(PROGRAM_NAME "wattloop")\n(DIVIDER / )'
    yield f"(TIMESCALE {unit})\n(DURATION {cycles * period})"
    yield from (f"(INSTANCE {_escaped(name)}" for name in scope)
    yield "(NET"
    unknown = netlist.gated_clocks  # how often they tick is no part of an activity: left to whoever reads the file
    named = ((name, net) for name, net in netlist.aliases.items() if net not in unknown)
    names = sorted((name, net) for name, net in named if "'" not in name)  # 1'b0 is no name
    yield from (f" ({_escaped(name)} {values[net]})" for name, net in names)
    yield ")"
    for instance in netlist.instances:
        yield f"(INSTANCE {_escaped(instance.name)}\n(NET"
        yield from (f" ({_escaped(pin)} {values[net]})" for pin, net in instance.pins.items() if net not in unknown)
        yield ")\n)"
    yield ")" * (len(scope) + 1)


def _values(netlist: Netlist, activity: Activity, cycles: int, period: int) -> list[str]:
    toggles = activity.toggles.sum(0) + (0 if activity.glitches is None else activity.glitches.sum(0))
    high = activity.high.sum(0) * period
    clocks = list(netlist.clock_nets)
    toggles[clocks], high[clocks] = 2 * cycles, cycles * period // 2
    for net, value in netlist.constants.items():
        toggles[net], high[net] = 0, value * cycles * period
    low = cycles * period - high
    rows = zip(*(np.asarray(v).tolist() for v in (low, high, toggles)), strict=True)
    return [f"(T0 {t0}) (T1 {t1}) (TX 0) (TC {tc})" for t0, t1, tc in rows]


def _escaped(name: str) -> str:
    return re.sub(r"([^\w$])", r"\\\1", name)
