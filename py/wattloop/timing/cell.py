"""Longest paths of a MAC cell: with any weight moving, and while it holds each of its weights."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from wattloop.activity.bitparallel.circuit import Circuit
from wattloop.activity.bitparallel.delays import Steps
from wattloop.errors import NetlistError
from wattloop.gates.netlist import Netlist
from wattloop.gates.spec import MacSpec
from wattloop.timing.paths import Bool, Int32, Paths, cone


@dataclass(frozen=True, eq=False)
class CellPaths:
    """Longest paths, in steps of the delay grid.

    Attributes:
        netlist: the cell in gates.
        circuit: the same, cut.
        steps: its delays.
        mac: the cell.
    """

    netlist: Netlist
    circuit: Circuit
    steps: Steps
    mac: MacSpec

    @cached_property
    def psum(self) -> tuple[int, ...]:
        """Nets of the incoming partial sum."""
        return tuple(self.netlist.inputs["p_i"])

    @cached_property
    def product(self) -> tuple[int, ...]:
        """Nets of the product.

        Raises:
            NetlistError: the cell's netlist has none, or the operands get past them.
        """
        bits = self.mac.weight_bits + self.mac.activation_bits
        remedy = 'time a cell with multiplier = "hierarchical", which keeps them apart'
        try:
            nets = self.netlist.bus("product", bits)
        except NetlistError as error:
            raise NetlistError(f"netlist {self.netlist.name} has no product of {bits} bits: {remedy}") from error
        past = cone(self.circuit, self._operands, shut=frozenset(nets)) & cone(self.circuit, self.psum)
        if past:
            raise NetlistError(f"netlist {self.netlist.name}: operands get to the sum past the product: {remedy}")
        return tuple(net for net in dict.fromkeys(nets) if net not in self.circuit.constants)

    @property
    def _operands(self) -> tuple[int, ...]:
        return *self.netlist.inputs["a_i"], *self.netlist.bus("w_q", self.mac.weight_code_bits)

    @cached_property
    def free(self) -> Paths:
        """Everything moves but the reset."""
        return Paths(self.netlist, self.circuit, self.steps, self._reset(1))

    @cached_property
    def held(self) -> Paths:
        """The weight stands still, a case for each; it is not being loaded."""
        codes = self.mac.weight_code(np.array(self.mac.weight_values))
        still = self._reset(len(codes))
        for port in ("w_i", "w_q"):
            for bit, net in enumerate(self.netlist.bus(port, self.mac.weight_code_bits)):
                still[net] = (codes >> bit & 1).astype(np.bool_)
        still[self.netlist.inputs["w_en_i"][0]] = np.zeros(len(codes), np.bool_)
        return Paths(self.netlist, self.circuit, self.steps, still, len(codes))

    @cached_property
    def loading(self) -> Paths:
        """Activations stand still at 0 while weights are loaded and partial sums move."""
        still = dict.fromkeys(self.netlist.inputs["a_i"], np.zeros(1, np.bool_))
        return Paths(self.netlist, self.circuit, self.steps, self._reset(1) | still)

    def _reset(self, cases: int) -> dict[int, Bool]:
        return {self.netlist.inputs["rst_ni"][0]: np.ones(cases, np.bool_)}

    @cached_property
    def free_tails(self) -> Int32:
        """Longest path from each net to an output or register, shape (nets, 1)."""
        return self.free.tails(self.circuit.ends)

    @cached_property
    def held_tails(self) -> Int32:
        """Likewise while a weight is held, shape (nets, weights)."""
        return self.held.tails(self.circuit.ends)

    @cached_property
    def loading_tails(self) -> Int32:
        """Likewise while weights are loaded, shape (nets, 1)."""
        return self.loading.tails(self.circuit.ends)

    @cached_property
    def control_steps(self) -> int:
        """Longest path to the ends that the weights' bus and their enable reach, whatever moves."""
        moved = cone(self.circuit, (*self.netlist.inputs["w_i"], *self.netlist.inputs["w_en_i"]))
        ends = [net for net in self.circuit.ends if net in moved]
        return int(self.free.longest(self.circuit.sources, self.free.tails(ends))[0]) if ends else 0

    @cached_property
    def free_steps(self) -> int:
        """Longest path from the clock."""
        return int(self.free.longest(self.circuit.sources, self.free_tails)[0])

    @cached_property
    def held_steps(self) -> Int32:
        """Longest path from the clock while a weight is held, shape (weights,)."""
        return self.held.longest(self.circuit.sources, self.held_tails)

    @cached_property
    def adder_steps(self) -> int:
        """Longest path from the product, whichever bit."""
        return int(self.free_tails[list(self.product)].max())

    def through_product(self, paths: Paths) -> Int32:
        """Longest path to any bit of the product and on along the adder's longest, shape (cases,)."""
        to_product = paths.longest(self.circuit.sources, paths.tails(self.product))
        return np.where(to_product > 0, to_product + self.adder_steps, 0).astype(np.int32)
