"""Loads added up by hand: pins of the small library are 1 fF (INV), 2 fF (NAND2, DFFR) in `typical`."""

from __future__ import annotations

import pytest
from tests.gates.loops import toggler

from wattloop.errors import ConfigError
from wattloop.gates.library import Library
from wattloop.gates.loads import edge_loads_ff, neighbour_ports, net_loads_ff
from wattloop.gates.netlist import Netlist


def test_a_net_carries_the_pins_that_it_drives(small_library: Library) -> None:
    netlist = toggler(small_library)
    # clk: CK; rst: RN; a: nand; q: inv; n: nand and D; y: nothing
    assert net_loads_ff(netlist) == pytest.approx([2, 2, 2, 1, 4, 0])


def test_sign_off_takes_the_upper_ends_by_edge_and_then_the_larger_sum(small_library: Library) -> None:
    netlist = toggler(small_library)
    edges = edge_loads_ff(netlist, "signoff")
    # INV: 1.5 rising, 1.25 falling; NAND2: 3 (rise_capacitance) and 2; DFFR: 2 and 2
    assert edges["rise"] == pytest.approx([2, 2, 3, 1.5, 5, 0])
    assert edges["fall"] == pytest.approx([2, 2, 2, 1.25, 4, 0])
    assert net_loads_ff(netlist, "signoff") == pytest.approx([2, 2, 3, 1.5, 5, 0])


def test_in_an_array_an_output_drives_the_neighbours_input(small_library: Library) -> None:
    netlist = toggler(small_library, inputs=("a_i", "a_o"))
    assert neighbour_ports(netlist) == {"a_i": "a_o"}
    assert net_loads_ff(netlist, "typical", "array") == pytest.approx([2, 2, 2, 1, 4, 2])
    assert net_loads_ff(netlist, "typical", "alone") == pytest.approx([2, 2, 2, 1, 4, 0])


def test_the_cells_neighbours_are_its_activation_and_partial_sum(default_netlist: Netlist) -> None:
    assert neighbour_ports(default_netlist) == {"a_i": "a_o", "p_i": "p_o"}


@pytest.mark.parametrize(("load", "context"), [("wires", "alone"), ("typical", "chip")])
def test_an_unknown_convention_is_refused(load: str, context: str, small_library: Library) -> None:
    with pytest.raises(ConfigError, match="is not a load convention or context: use one of"):
        edge_loads_ff(toggler(small_library), load, context)
