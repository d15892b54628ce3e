"""Which input planes each signal of a stimulus feeds."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

from wattloop.activity.stimulus import Stimulus
from wattloop.errors import NetlistError, StimulusError
from wattloop.gates.netlist import Netlist


def planes_of(
    netlist: Netlist, stimulus: Stimulus, plane: Mapping[int, int]
) -> dict[str, npt.NDArray[np.int32]]:
    """Input plane of every bit of every signal, least significant first.

    Args:
        netlist: the netlist.
        stimulus: what drives it.
        plane: input plane of each source net.

    Raises:
        StimulusError: a signal that the netlist lacks, a bit that something else drives, a source left undriven.
    """
    driver: dict[int, str] = {}
    found = {}
    for name, width in stimulus.widths.items():
        nets = _bits(netlist, name, width)
        for net in nets:
            if net not in plane:
                raise StimulusError(
                    f"signal {name} drives net {netlist.nets[net]}, which is no input or register of {netlist.name}"
                )
            if net in driver:
                raise StimulusError(f"signals {driver[net]} and {name} both drive net {netlist.nets[net]}")
            driver[net] = name
        found[name] = np.array([plane[net] for net in nets], np.int32)
    missing = [netlist.nets[net] for net in plane if net not in driver]
    if missing:
        raise StimulusError(
            f"the stimulus leaves {len(missing)} inputs of netlist {netlist.name} undriven: {', '.join(missing[:5])}"
        )
    return found


def _bits(netlist: Netlist, name: str, width: int) -> tuple[int, ...]:
    port = netlist.inputs.get(name)
    if port is not None and len(port) != width:
        raise StimulusError(f"signal {name} is {width} bits wide, port {name} of {netlist.name} is {len(port)}")
    if port is not None:
        return port
    if f"{name}[{width}]" in netlist.aliases:
        raise StimulusError(f"signal {name} is {width} bits wide, but {netlist.name} has a net {name}[{width}]")
    try:
        return netlist.bus(name, width)
    except NetlistError as error:
        raise StimulusError(f"signal {name} of {width} bits: {error}") from error
