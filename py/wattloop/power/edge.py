"""What stands at the edge of an array beside its cells: the registers that preload partial sums."""

from __future__ import annotations

import numpy as np

from wattloop.gates.netlist import Netlist
from wattloop.gates.spec import ArraySpec
from wattloop.power.energy import EnergyModel
from wattloop.power.oracle import EnergyBreakdown


def preload_fj(netlist: Netlist, spec: ArraySpec, *, clock_ps: float = 200.0, load: str = "typical") -> EnergyBreakdown:
    """Energy of all offset registers of an array per clock cycle; nothing without `spec.psum_preload`.

    It is stated beside the array's energy, never inside it. A bit costs what a flip-flop of the cell's own partial
    sum costs standing still: its clock pin, its share of the clock net, its leakage. Left out: the multiplexer that
    holds the bit, and the one change a tile of the bits that differ.

    Args:
        netlist: of `spec.mac`.
        spec: the array.
        clock_ps: clock period, for leakage.
        load: capacitance convention.

    Returns:
        fJ per clock cycle of the whole array, as `clock_fj` and `leakage_fj`.
    """
    if not spec.psum_preload:
        return EnergyBreakdown()
    model = EnergyModel(netlist, clock_ps, load)
    flops = [netlist.drivers[net][0] for net in netlist.bus("p_q", spec.mac.psum_bits)]
    density, duty = np.zeros((1, len(netlist.nets))), np.full((1, len(netlist.nets)), 0.5)
    clock = _clock_net(netlist, flops[0])
    density[:, clock] = 2.0
    standing = model.instances_at(density, duty)
    pins_ff = model.loads_ff[clock] / len(netlist.loads[clock])
    net_fj = pins_ff * netlist.library.voltage_v**2  # two edges of 1/2 C V^2
    bits = spec.cols * spec.mac.psum_bits
    clock_fj = float(standing.clock_fj[0, flops].mean()) + float(net_fj)
    leakage_fj = float(standing.leakage_fj[0, flops].mean())
    return EnergyBreakdown(clock_fj=bits * clock_fj, leakage_fj=bits * leakage_fj)


def _clock_net(netlist: Netlist, k: int) -> int:
    instance = netlist.instances[k]
    flop = netlist.cell(instance).flop
    assert flop is not None
    return instance.pins[flop.clock_pin]
