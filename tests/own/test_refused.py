"""Netlists that are no cell of the array: each is refused by name, before anything is simulated."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tests.own.conftest import NAME, SPEC

from wattloop.errors import NetlistError
from wattloop.gates.library import Library
from wattloop.own.adopt import adopt_netlist
from wattloop.own.cell import OURS, OwnMac

Change = Callable[[str], str]


def refused(text: str, file: Path, library: Library, **options: Any) -> str:
    """What is said of a netlist."""
    file.write_text(text)
    own = OwnMac(**{"module": NAME, "netlist": str(file), **options})
    with pytest.raises(NetlistError) as error:
        adopt_netlist(own, file, SPEC, library, file.with_name("adopted.v"))
    return str(error.value)


def added(text: str, *items: str) -> str:
    """More at the end of the module."""
    return text.replace("endmodule", "\n".join([*items, "endmodule"]))


def on_psum_out(text: str, driver: str, *items: str) -> str:
    """Bit 0 of the partial sum's output from somewhere else."""
    found = re.search(r"assign p_o = p_q;", text)
    assert found is not None
    return added(text.replace(found[0], f"assign p_o = {{p_q[6:1], {driver}}};"), *items)


def registered(text: str, data: str) -> str:
    """With one more flip-flop."""
    flop = f"DFFRNQ_X1 more (.CLK(clk_i), .RN(rst_ni), .D({data}), .Q(more_q));"
    return added(text, "wire more_q;", flop)


CASES: dict[str, tuple[Change, str]] = {
    "no netlist": (lambda _: f"module {NAME} (a); input a; wire b; assign b = a & a; endmodule", "not structural"),
    "no module": (lambda text: text.replace(NAME, "other"), f"named {NAME}"),
    "missing port": (
        lambda text: text.replace("w_en_i", "enable"),
        r"has no port w_en_i, which is to be its weight_load; it has .*enable.*own_mac.ports.weight_load",
    ),
    "wrong width": (
        lambda text: re.sub(r"\[2:0\] w_i;", "[3:0] w_i;", text),
        r"port w_i \(weight_in\) of module \w+ is an input of 4 bits; .* an input of 3 bits: correct the module",
    ),
    "wrong direction": (
        lambda text: re.sub(r"\binput( \[2:0\] w_i;)", r"output\1", text),
        r"port w_i \(weight_in\) .* is an output of 3 bits",
    ),
    "latch": (
        lambda text: added(text, "wire held; LHQ_X1 keeper (.D(a_i[0]), .E(clk_i), .Q(held));"),
        "instance keeper: cell LHQ_X1",
    ),
    "unknown cell": (
        lambda text: added(text, "wire u; SUPER_X9 odd (.A(a_i[0]), .Z(u));"),
        "instance odd is of the unknown cell SUPER_X9: give the netlist's Liberty library",
    ),
    "loop": (
        lambda text: added(text, "wire l, m; INV_X1 l1 (.I(l), .ZN(m)); INV_X1 l2 (.I(m), .ZN(l));"),
        r"combinational loop through net [lm] \(cell l[12]\): break it with a register",
    ),
    "driven twice": (
        lambda text: added(text, "INV_X1 again (.I(a_i[0]), .ZN(p_q[0]));"),
        r"is driven twice, by .* and .*: remove one",
    ),
    "a register of its own": (
        lambda text: registered(text, "a_i[0]"),
        r"flip-flop more \(DFFRNQ_X1\) is none of the registers of weight, activation and partial sum",
    ),
    "a second weight register": (
        lambda text: registered(text, "w_i[1]"),
        r"w_i\[1\], and so does another flip-flop|takes w_i\[1\]",
    ),
    "a weight that is stored recoded": (
        lambda text: added(registered(text, "mixed"), "wire mixed; XOR2_X1 mix (.A1(w_i[0]), .A2(w_i[1]), .Z(mixed));"),
        r"flip-flop more .* takes w_i\[0\], w_i\[1\] together: a weight is to be stored as it comes",
    ),
    "an output before its register": (
        lambda text: on_psum_out(text, "p_i[0]"),
        r"output p_o\[0\] comes from p_i\[0\], which is no register",
    ),
    "an output behind logic": (
        lambda text: on_psum_out(text, "mixed", "wire mixed; NAND2_X1 mix (.A1(p_q[0]), .A2(a_i[0]), .ZN(mixed));"),
        r"output p_o\[0\] comes from mix \(NAND2_X1\), which is no register",
    ),
    "an inverted output": (
        lambda text: on_psum_out(text, "turned", "wire turned; INV_X1 turn (.I(p_q[0]), .ZN(turned));"),
        r"output p_o\[0\] is the inverse of flip-flop .*: register the bit itself",
    ),
    "one register at two bits": (
        lambda text: on_psum_out(text, "p_q[1]"),
        r"p_q\[1\] and p_q\[0\] are one flip-flop",
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_what_is_no_cell_is_refused_by_name(name: str, netlist_text: str, file: Path, library: Library) -> None:
    change, message = CASES[name]
    changed = change(netlist_text)
    assert changed != netlist_text
    assert re.search(message, refused(changed, file, library))


def test_a_buffer_before_an_output_is_none_of_wattloops_business(
    netlist_text: str, file: Path, library: Library
) -> None:
    file.write_text(on_psum_out(netlist_text, "late", "wire late; BUF_X1 slow (.I(p_q[0]), .Z(late));"))
    own = OwnMac(module=NAME, netlist=str(file))
    found = adopt_netlist(own, file, SPEC, library, file.with_name("adopted.v"))
    assert found.bus("p_q", 7)[0] != found.outputs[OURS.psum_out][0]
