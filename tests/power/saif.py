"""A reader of just the SAIF that the reference reports come with: nets of one instance, toggles and time at 1."""

import gzip
import re
from pathlib import Path

import numpy as np

from wattloop.activity.result import Activity
from wattloop.gates.netlist import Netlist

_NET = re.compile(r"^\s*\((\S+) \(T0 (\d+)\) \(T1 (\d+)\) \(TX (\d+)\) \(TC (\d+)\)\)")


def read_saif(path: Path, netlist: Netlist, period: int) -> Activity:
    """Activity of the nets at the top of instance `m`; every other net of the file stands for a cell's pin.

    A transition of it is a unit of time, since nets need not be at 1 for whole cycles: toggles are multiplied by the
    period, so that toggles / transitions is a density per cycle as ever.
    """
    text = gzip.decompress(path.read_bytes()).decode()
    duration = int(re.search(r"\(DURATION (\d+)\)", text).group(1))
    toggles, high = np.zeros((2, 1, len(netlist.nets)), np.int64)
    seen = set()
    block = text.split("(INSTANCE m", 1)[1].split("(INSTANCE", 1)[0]
    for line in block.splitlines():
        if match := _NET.match(line):
            net = netlist.aliases.get(match.group(1).replace("\\", ""))
            if net is not None:
                toggles[0, net], high[0, net] = period * int(match.group(5)), int(match.group(3))
                seen.add(net)
    return Activity(netlist.nets, tuple(sorted(seen)), toggles, high, duration, "saif")
