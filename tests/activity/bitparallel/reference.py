"""What the engine must find, computed the plain way: NumPy, one array a net, no packing and no slots."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt

from wattloop.activity.stimulus import Stimulus
from wattloop.gates.libraries import resolve
from wattloop.gates.logic import evaluate
from wattloop.gates.netlist import Netlist
from wattloop.gates.netlist_reader import read_netlist

MACS = [f"{library}-{kind}" for library in ("nangate15", "nangate45", "osu018") for kind in ("array", "booth")]
Counts = npt.NDArray[np.int64]


def reference_mac(shared_folder: Path, name: str) -> Netlist:
    """One of the reference netlists, ports `clk rst_n w_i w_en a_i p_i a_o p_o`, weight register `w`."""
    return read_netlist(shared_folder / "oracle" / name / "netlist.v", resolve(name.split("-", maxsplit=1)[0]))


def mac_stimulus(
    shape: tuple[int, int, int], rng: np.random.Generator, *, pairs: bool = False, held_weight: bool = False
) -> Stimulus:
    """Random operands for a reference MAC; the narrowest integers that hold them, one signal of 64 bits."""
    groups, steps, lanes = shape
    counted = np.arange(steps) % 2 == 1 if pairs else np.arange(steps) > 0
    weight_shape = (groups, 1, lanes) if held_weight else shape
    signals = {
        "w": rng.integers(-128, 128, weight_shape).astype(np.int8),
        "a_i": rng.integers(0, 256, shape).astype(np.uint8),
        "p_i": rng.integers(-(1 << 21), 1 << 21, shape).astype(np.int32),
        "w_i": rng.integers(-128, 128, (groups, steps, 1)),
        "w_en": rng.integers(0, 2, (1, steps, 1)),
        "rst_n": np.ones((1, 1, 1), np.int64),
        "a_o": rng.integers(0, 256, shape).astype(np.uint8),
        "p_o": rng.integers(-(1 << 21), 1 << 21, shape),
    }
    widths = {"w": 8, "a_i": 8, "p_i": 22, "w_i": 8, "w_en": 1, "rst_n": 1, "a_o": 8, "p_o": 22}
    return Stimulus(signals, widths, counted, *shape)  # type: ignore[arg-type]


def net_values(netlist: Netlist, stimulus: Stimulus) -> dict[int, npt.NDArray[np.uint8]]:
    """Settled value of every net but clocks at every vector, shape (groups, steps, lanes)."""
    values: dict[int, npt.NDArray[np.uint8]] = {}
    for name, width in stimulus.widths.items():
        whole = np.broadcast_to(stimulus.signals[name], stimulus.shape).astype(np.int64)
        for bit, net in enumerate(netlist.bus(name, width)):
            values[net] = (whole >> bit & 1).astype(np.uint8)
    ones = np.ones(stimulus.shape, np.uint8)
    for net, value in netlist.constants.items():
        values[net] = ones * np.uint8(value)
    for instance in netlist.flops:
        cell = netlist.cell(instance)
        outputs = [instance.pins[pin] for pin in cell.outputs if pin in instance.pins]
        known = [net for net in outputs if net in values]
        for net in outputs:
            values.setdefault(net, 1 - values[known[0]])  # Q and QN are the only outputs of these libraries
    for instance in netlist.combinational:
        cell = netlist.cell(instance)
        pins = {pin: values[instance.pins[pin]] for pin in cell.inputs}
        for pin, spec in cell.outputs.items():
            if pin in instance.pins and spec.function is not None:
                values[instance.pins[pin]] = evaluate(spec.function, pins, ones)  # type: ignore[type-var]
    return values


def counts(netlist: Netlist, stimulus: Stimulus) -> tuple[Counts, Counts]:
    """(toggles, vectors at 1) of every net over the counted transitions, shape (groups, nets)."""
    toggles = np.zeros((stimulus.groups, len(netlist.nets)), np.int64)
    high = np.zeros_like(toggles)
    for net, value in net_values(netlist, stimulus).items():
        moves = value[:, 1:] ^ value[:, :-1]
        toggles[:, net] = moves[:, stimulus.counted[1:]].sum((1, 2))
        high[:, net] = value[:, stimulus.counted].sum((1, 2))
    return toggles, high
