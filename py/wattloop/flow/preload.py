"""What a layer's mapping takes at the edge of the array: the registers that preload partial sums."""

from __future__ import annotations

from wattloop.arith.layer import IntegerLayer
from wattloop.flow.simulator import Simulator
from wattloop.power.edge import preload_fj
from wattloop.power.layer_use import cycles
from wattloop.power.oracle import HardwareMapping


def preload_fj_of(simulator: Simulator, layer: IntegerLayer, mapping: HardwareMapping) -> float:
    """Clock and leakage of the registers that hold a layer's offsets while it runs, fJ per image.

    Args:
        simulator: of an array with such registers.
        layer: that runs.
        mapping: how it is laid onto the array.

    Returns:
        0 for a layer without offsets.
    """
    if mapping.psum_offset == 0:
        return 0.0
    hardware, geometry = simulator.hardware, layer.geometry
    spec = hardware.array
    edge = preload_fj(simulator.cell.netlist, spec, clock_ps=hardware.clock_ps, load=hardware.load)
    passes = geometry.groups * -(-geometry.reduction // spec.rows)
    passes *= -(-(geometry.out_channels // geometry.groups) // spec.cols)
    return edge.total_fj * cycles(layer, spec)[1] * passes
