"""Preloaded partial sums: what their registers cost, by hand on three cells."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from tests.power.tiny import CLK, Q, netlist

from wattloop.gates.netlist import Instance, Netlist
from wattloop.gates.spec import ArraySpec, MacSpec
from wattloop.power.edge import preload_fj
from wattloop.power.oracle import EnergyBreakdown

ARRAY = ArraySpec(rows=2, cols=3, mac=MacSpec(weight_bits=2, activation_bits=2, psum_bits=4))


def four_bits(folder: Path) -> Netlist:
    """The tiny netlist with p_q of four flip-flops: the one there is, and three beside it."""
    tiny = netlist(folder)
    count = len(tiny.nets)
    more = [Instance(f"u_{k}", "DFF", {"D": Q, "CK": CLK, "Q": count + k}) for k in range(3)]
    names = {f"p_q[{k}]": net for k, net in enumerate((Q, count, count + 1, count + 2))}
    nets = (*tiny.nets, "p1", "p2", "p3")
    return replace(tiny, nets=nets, aliases={**tiny.aliases, **names}, instances=(*tiny.instances, *more))


def test_a_bit_costs_a_standing_flip_flop_by_hand(tmp_path: Path) -> None:
    """12 bits of 2 * 5 fJ in the clock pin, 5 fF * (2 V)^2 on the clock net and 50 pW for 500 ps."""
    found = preload_fj(four_bits(tmp_path), replace(ARRAY, psum_preload=True), clock_ps=500)
    assert found.clock_fj == pytest.approx(12 * (2 * 5 + 5 * 4))
    assert found.leakage_fj == pytest.approx(12 * 50 * 500e-9)
    assert found.dynamic_fj == 0


def test_without_them_there_is_nothing_to_pay(tmp_path: Path) -> None:
    assert preload_fj(four_bits(tmp_path), ARRAY) == EnergyBreakdown()
