"""The cell whose multiplier is mapped apart: the product's nets are a cut."""

from __future__ import annotations

from collections import deque

from tests.cells import small

from wattloop.gates.libraries import resolve
from wattloop.gates.netlist import Netlist
from wattloop.gates.spec import MacSpec
from wattloop.gates.synthesis import synthesize


def reached(netlist: Netlist, sources: set[int], shut: set[int]) -> set[int]:
    """Nets that a change of `sources` may get to through gates, those of `shut` not passed."""
    readers: dict[int, list[int]] = {}
    for instance in netlist.combinational:
        outputs = [instance.pins[pin] for pin in netlist.cell(instance).outputs if pin in instance.pins]
        for pin in netlist.cell(instance).inputs:
            readers.setdefault(instance.pins[pin], []).extend(outputs)
    found, waiting = set(sources), deque(sources)
    while waiting:
        for net in readers.get(waiting.popleft(), ()):
            if net not in found and net not in shut:
                found.add(net)
                waiting.append(net)
    return found


def test_every_path_from_the_operands_to_the_sum_goes_through_the_product() -> None:
    mac = small(MacSpec(multiplier="hierarchical"))
    netlist = synthesize(mac, resolve("nangate15"))
    operands = {*netlist.bus("a_i", mac.activation_bits), *netlist.bus("w_q", mac.weight_code_bits)}
    product = set(netlist.bus("product", mac.weight_bits + mac.activation_bits))
    sums = set(netlist.bus("p_d", mac.psum_bits))
    assert not reached(netlist, operands, product) & sums
    assert reached(netlist, operands, set()) >= sums
