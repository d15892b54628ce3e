"""Which input planes each signal of a stimulus feeds."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

from wattloop.activity.drive import drive, driven_nets
from wattloop.activity.stimulus import Stimulus
from wattloop.gates.netlist import Netlist


def planes_of(netlist: Netlist, stimulus: Stimulus, plane: Mapping[int, int]) -> dict[str, npt.NDArray[np.int32]]:
    """Input plane of every bit of every signal, least significant first.

    Args:
        netlist: the netlist.
        stimulus: what drives it.
        plane: input plane of each net that a stimulus drives.

    Raises:
        StimulusError: a signal that the netlist lacks, a bit that something else drives, a source left undriven.
    """
    found = {name: np.zeros(width, np.int32) for name, width in stimulus.widths.items()}
    for net, (name, bit) in zip(driven_nets(netlist), drive(netlist, stimulus), strict=True):
        found[name][bit] = plane[net]
    return found
