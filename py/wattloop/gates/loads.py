"""Capacitance that each net carries: the pins it drives, by a named convention (paper section 3)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, get_args

import numpy as np

from wattloop.errors import ConfigError
from wattloop.gates.library import Float, Pin
from wattloop.gates.netlist import Netlist

Load = Literal["typical", "signoff"]
Context = Literal["alone", "array"]


def neighbour_ports(netlist: Netlist) -> dict[str, str]:
    """Output port by the input port that it feeds in an array: `a_o` feeds the next cell's `a_i`, `p_o` its `p_i`."""
    stems = {port.removesuffix("_o"): port for port in netlist.outputs if port.endswith("_o")}
    return {
        port: stems[stem]
        for port in netlist.inputs
        if port.endswith("_i")
        and (stem := port.removesuffix("_i")) in stems
        and len(netlist.inputs[port]) == len(netlist.outputs[stems[stem]])
    }


def edge_loads_ff(
    netlist: Netlist, load: str = "typical", context: str = "alone", wire_ff: float = 0.0
) -> Mapping[str, Float]:
    """Load of each net while it rises and while it falls.

    Args:
        netlist: the netlist.
        load: "typical" (each pin's `capacitance`) or "signoff" (upper ends of the capacitance ranges, by edge).
        context: "alone" (output ports drive nothing) or "array" (they drive the neighbour's input ports).
        wire_ff: wire capacitance of a net per cell pin that it drives.

    Returns:
        fF, shape (nets,), by "rise" and "fall".

    Raises:
        ConfigError: an unknown convention or context.
    """
    for value, legal in ((load, get_args(Load)), (context, get_args(Context))):
        if value not in legal:
            raise ConfigError(f"{value!r} is not a load convention or context: use one of {', '.join(legal)}")
    loads = {edge: np.zeros(len(netlist.nets)) for edge in ("rise", "fall")}
    if load == "signoff":  # a sign-off tool counts what the library gives a driving pin, usually nothing
        for net, (k, pin) in netlist.drivers.items():
            output = netlist.cell(netlist.instances[k]).outputs[pin]
            loads["rise"][net] += output.rise_cap_ff
            loads["fall"][net] += output.fall_cap_ff
    for net, sinks in enumerate(netlist.loads):
        for k, pin in sinks:
            typical, rise, fall = _caps(netlist.cell(netlist.instances[k]).inputs[pin])
            loads["rise"][net] += rise if load == "signoff" else typical
            loads["fall"][net] += fall if load == "signoff" else typical
        for values in loads.values():
            values[net] += wire_ff * len(sinks)
    if context == "array":
        for values in loads.values():
            pins = values.copy()  # read before any output port is added to, should a net be both
            for entering, leaving in neighbour_ports(netlist).items():
                for source, sink in zip(netlist.outputs[leaving], netlist.inputs[entering], strict=True):
                    values[source] += pins[sink]
    return loads


def net_loads_ff(netlist: Netlist, load: str = "typical", context: str = "alone", wire_ff: float = 0.0) -> Float:
    """Load of each net as switching energy counts it: the larger of the two edges' loads. Shape (nets,), fF."""
    edges = edge_loads_ff(netlist, load, context, wire_ff)
    return np.maximum(edges["rise"], edges["fall"])


def _caps(pin: Pin) -> tuple[float, float, float]:
    return pin.cap_ff, pin.rise_cap_ff, pin.fall_cap_ff
