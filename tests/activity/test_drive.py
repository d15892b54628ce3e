"""Every source net has exactly one driver, and every misfit has a name."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from wattloop.activity.drive import drive, driven_nets, switching_nets, twin_outputs
from wattloop.activity.sources import mac_pairs, mac_widths
from wattloop.activity.stimulus import Stimulus
from wattloop.errors import StimulusError
from wattloop.gates.libraries import resolve
from wattloop.gates.netlist import Instance, Netlist
from wattloop.gates.spec import MacSpec


def stimulus(**widths: int) -> Stimulus:
    signals = {name: np.zeros((1, 1, 1), np.int64) for name in widths}
    return Stimulus(signals, widths, np.array([False, True]), 1, 2, 1)


def mac_stimulus(*, without: str = "", **changed: int) -> Stimulus:
    widths = {name: bits for name, bits in mac_widths(MacSpec()).items() if name != without}
    return stimulus(**(widths | changed))


def test_ports_and_registers_of_the_mac_are_all_its_sources(mac_netlist: Netlist) -> None:
    pairs = mac_pairs(MacSpec(), [3], np.zeros((1, 2, 5), np.int64), np.zeros((1, 2, 5), np.int64))
    driven = drive(mac_netlist, pairs)
    assert len(driven) == len(driven_nets(mac_netlist)) == 1 + 1 + 8 + 8 + 8 + 8 + 22 + 22
    for net, (name, bit) in zip(driven_nets(mac_netlist), driven, strict=True):
        assert net in mac_netlist.bus(name, mac_widths(MacSpec())[name])
        assert mac_netlist.bus(name, mac_widths(MacSpec())[name])[bit] == net


def test_clocks_and_constants_do_not_switch(mac_netlist: Netlist) -> None:
    nets = set(switching_nets(mac_netlist))
    assert len(nets) == len(mac_netlist.nets) - len(mac_netlist.clock_nets) - len(mac_netlist.constants)
    assert not nets & mac_netlist.clock_nets


@pytest.mark.parametrize("name", sorted(mac_widths(MacSpec())))
def test_an_undriven_source_is_named(mac_netlist: Netlist, name: str) -> None:
    bits = mac_widths(MacSpec())[name]
    shown = {"a_q": "a_o", "p_q": "p_o"}.get(name, name)  # the port that the register drives names the net
    with pytest.raises(StimulusError, match=rf"{bits} of 78 source nets undriven: {shown}"):
        drive(mac_netlist, mac_stimulus(without=name))


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"a_i": 7}, "signal a_i has 7 bits, the port 8"),
        ({"p_q": 21}, "signal p_q has 21 bits, the netlist has more"),
        ({"p_q": 23}, "signal p_q of 23 bits: .*p_q\\[22\\]"),
        ({"nothing": 1}, "signal nothing of 1 bits: .*no net nothing"),
        ({"clk_i": 1}, "signal clk_i, bit 0: net clk_i is no input port or register"),
        ({"p_o": 22}, "driven by p_q and by p_o"),
    ],
)
def test_a_misfit_is_named(mac_netlist: Netlist, changed: dict[str, int], message: str) -> None:
    with pytest.raises(StimulusError, match=message):
        drive(mac_netlist, mac_stimulus(**changed))


def test_one_output_of_a_flip_flop_is_driven_and_the_other_follows() -> None:
    flop = Instance("u", "DFF_X1", {"D": 0, "CK": 1, "Q": 2, "QN": 3})
    nets = ("d", "clk", "q", "qn")
    netlist = Netlist(
        name="two",
        library=resolve("nangate45"),
        nets=nets,
        aliases={name: k for k, name in enumerate(nets)},
        inputs={"d": (0,), "clk": (1,)},
        outputs={"q": (2,), "qn": (3,)},
        constants={},
        instances=(flop,),
    )
    assert twin_outputs(netlist) == {3: (2, True)}
    assert driven_nets(netlist) == (0, 2)
    assert drive(netlist, stimulus(d=1, q=1)) == [("d", 0), ("q", 0)]
    with pytest.raises(StimulusError, match="net qn is no input port or register"):
        drive(netlist, stimulus(d=1, q=1, qn=1))
    alone = replace(netlist, instances=(replace(flop, pins={"D": 0, "CK": 1, "QN": 3}),))
    assert driven_nets(alone) == (0, 3)
