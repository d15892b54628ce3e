"""A reader of just the SAIF that the reference reports come with: nets of one instance, toggles and time at 1."""

import gzip
import re
from pathlib import Path

import numpy as np

from wattloop.activity.result import Activity
from wattloop.gates.netlist import Netlist

_NET = re.compile(r"^\s*\((\S+) \(T0 (\d+)\) \(T1 (\d+)\) \(TX (\d+)\) \(TC (\d+)\)\)")


def read_saif(path: Path, netlist: Netlist, period: int) -> Activity:
    """Activity of the nets at the top of instance `m`; every other net of the file stands for a cell's pin."""
    text = gzip.decompress(path.read_bytes()).decode()
    duration = int(re.search(r"\(DURATION (\d+)\)", text).group(1))
    cycles = duration // period
    toggles, high = np.zeros((2, 1, len(netlist.nets)), np.int64)
    seen = set()
    block = text.split("(INSTANCE m", 1)[1].split("(INSTANCE", 1)[0]
    for line in block.splitlines():
        if match := _NET.match(line):
            net = netlist.aliases.get(match.group(1).replace("\\", ""))
            if net is not None:
                toggles[0, net], high[0, net] = int(match.group(5)), round(int(match.group(3)) / period)
                seen.add(net)
    return Activity(netlist.nets, tuple(sorted(seen)), toggles, high, cycles, "saif")
