"""Netlists from outside: those of a cell are used as they are, others are refused with net, port or cell."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.cells import mapped
from tests.own.conftest import NAME, PORTS, SPEC

from wattloop.activity.backend import backend
from wattloop.activity.bitparallel.mac_vectors import random_vectors
from wattloop.errors import NetlistError, ToolTimeoutError
from wattloop.gates.library import Library
from wattloop.gates.netlist import Netlist
from wattloop.gates.spec import MacSpec
from wattloop.gates.synthesis import Synthesis
from wattloop.own import proof
from wattloop.own.adopt import adopt_netlist
from wattloop.own.cell import OURS, OwnMac, OwnPorts
from wattloop.own.proof import references, require_equal
from wattloop.own.synthesis import AS_GIVEN, own_synthesis
from wattloop.power.energy import EnergyModel
from wattloop.store import Store

Adopt = Callable[..., Netlist]


@pytest.fixture
def adopt(file: Path, library: Library) -> Adopt:
    """The netlist of a text, under our names."""

    def adopted(text: str, spec: MacSpec = SPEC, **options: Any) -> Netlist:
        file.write_text(text)
        own = OwnMac(**{"module": NAME, "netlist": str(file), **options})
        return adopt_netlist(own, file, spec, library, file.with_name("adopted.v"))

    return adopted


def renamed(text: str, names: dict[str, str]) -> str:
    """The text with other words."""
    return re.sub(r"\w+", lambda match: names.get(match[0], match[0]), text)


def theirs(text: str) -> str:
    """Our netlist with the user's ports, module and registers: one called as another of ours."""
    ours = {getattr(OURS, role): port for role, port in PORTS.items()}
    return renamed(text, {**ours, NAME: "mine", "w_q": "p_q", "a_q": "other", "p_q": "w_q"})


def energies(netlist: Netlist) -> np.ndarray[Any, np.dtype[np.float64]]:
    """fJ of random vectors, by every part."""
    activity = backend("bitparallel-timed").measure(netlist, random_vectors(SPEC, 41, 64))
    breakdown = EnergyModel(netlist, 200.0, "typical").breakdown(activity)[0]
    return np.array([value for name, value in sorted(vars(breakdown).items()) if name.endswith("_fj")])


def test_our_own_netlist_from_outside_is_our_own_netlist(adopt: Adopt, ours: Synthesis, netlist_text: str) -> None:
    assert adopt(netlist_text).digest == ours.netlist.digest
    assert adopt(renamed(netlist_text, {NAME: "mine"}), module="mine").digest == ours.netlist.digest


def test_names_change_no_bit_of_an_energy(adopt: Adopt, ours: Synthesis, netlist_text: str) -> None:
    found = adopt(theirs(netlist_text), module="mine", ports=OwnPorts(**PORTS))
    assert [i.cell for i in found.instances] == [i.cell for i in ours.netlist.instances]
    assert [dict(i.pins) for i in found.instances] == [dict(i.pins) for i in ours.netlist.instances]
    assert found.bus("w_q", 3) == ours.netlist.bus("w_q", 3)
    assert found.bus("p_q", 7) == ours.netlist.bus("p_q", 7)
    assert energies(found).tolist() == energies(ours.netlist).tolist()
    assert energies(found).sum() > 0


@pytest.mark.parametrize("lib", ["nangate15", "nangate45", "osu018"])
def test_cells_of_any_library_are_told_their_registers(lib: str, file: Path) -> None:
    cell = mapped(lib, SPEC)
    file.write_text(theirs((cell.folder / "netlist.v").read_text()))
    own = OwnMac(module="mine", netlist=str(file), ports=OwnPorts(**PORTS))
    found = adopt_netlist(own, file, SPEC, cell.netlist.library, file.with_name("adopted.v"))
    assert [found.bus(r, b) for r, b in (("w_q", 3), ("a_q", 3), ("p_q", 7))] == [
        cell.netlist.bus(r, b) for r, b in (("w_q", 3), ("a_q", 3), ("p_q", 7))
    ]
    assert require_equal(own, SPEC, found).proved


def test_a_cell_that_is_built_otherwise_is_proved_all_the_same(library: Library, file: Path) -> None:
    """Booth digits against the reference of the settings, which has none."""
    booth = replace(SPEC, multiplier="booth")
    own = OwnMac(module=booth.module_name, netlist=str(mapped("nangate15", booth).folder / "netlist.v"))
    found = adopt_netlist(own, Path(str(own.netlist)), SPEC, library, file)
    assert require_equal(own, SPEC, found, store=Store(file.parent / "cache")).proved


def test_a_weight_code_is_the_specs(file: Path, library: Library) -> None:
    spec = replace(SPEC, multiplier="sign_magnitude")
    own = OwnMac(module=spec.module_name, netlist=str(mapped("nangate15", spec).folder / "netlist.v"))
    found = adopt_netlist(own, Path(str(own.netlist)), spec, library, file)
    assert require_equal(own, spec, found).proved
    plain = adopt_netlist(own, Path(str(own.netlist)), SPEC, library, file)
    with pytest.raises(
        NetlistError, match=r"weight -?\d held, activation \d, partial sum -?\d+ .* expected -?\d+, got"
    ):
        require_equal(own, SPEC, plain)


def test_further_ports_are_tied_or_left_open(
    adopt: Adopt, ours: Synthesis, netlist_text: str, library: Library
) -> None:
    ports = netlist_text.replace("p_o);", "p_o, scan, w_o);", 1)
    text = ports.replace("endmodule", "input [1:0] scan; output [2:0] w_o; wire [1:0] scan; wire [2:0] w_o;\n")
    text += "wire unread; INV_X1 extra (.I(scan[1]), .ZN(unread)); assign w_o = w_q;\nendmodule\n"
    found = adopt(text, tied={"scan": 2}, open=("w_o",))
    assert set(found.inputs) | set(found.outputs) == set(ours.netlist.inputs) | set(ours.netlist.outputs)
    assert found.constants[found.aliases["scan[1]"]] == 1
    assert require_equal(OwnMac(module=NAME, netlist="n.v"), SPEC, found).proved
    with pytest.raises(NetlistError, match=r"a further input port scan, .* hold it with own_mac.tied"):
        adopt(text, open=("w_o",))
    with pytest.raises(NetlistError, match=r"a further output port w_o, .* leave it unread with own_mac.open"):
        adopt(text, tied={"scan": 0})
    with pytest.raises(NetlistError, match=r"port scan \(tied\) .* is an input of 2 bits; .* 3 bits or more"):
        adopt(text, tied={"scan": 4}, open=("w_o",))


def test_a_port_of_the_other_level_gets_an_inverter(adopt: Adopt, netlist_text: str) -> None:
    text = netlist_text.replace("rst_ni", "rst").replace("endmodule", "")
    text = re.sub(r"\.RN\(\s*rst\s*\)", ".RN(rst_n)", text) + "wire rst_n; INV_X1 n (.I(rst), .ZN(rst_n));\nendmodule\n"
    found = adopt(text, ports=replace(OURS, reset="rst"), reset_active="high")
    assert [i.cell for i in found.instances if "inverter" in i.name] == ["INV_X1"]
    own = OwnMac(module=NAME, netlist="n.v")
    assert require_equal(own, SPEC, found).proved
    wrong = adopt(netlist_text, reset_active="high")
    with pytest.raises(NetlistError, match=r"does not bring .* to 0 at once, .* \(own_mac.reset_active is its level\)"):
        require_equal(own, SPEC, wrong)


def test_a_netlist_in_parts_is_made_one(adopt: Adopt, ours: Synthesis, netlist_text: str) -> None:
    """wattloop's reader dissolves modules that are in the file; what is simulated has none."""
    ports = {role: getattr(OURS, role) for role in PORTS}
    widths = {"weight_in": 3, "activation_in": 3, "psum_in": 7, "activation_out": 3, "psum_out": 7}
    declared = [
        f"{'output' if role.endswith('out') else 'input'} [{widths.get(role, 1) - 1}:0] {port}"
        if role in widths
        else f"input {port}"
        for role, port in ports.items()
    ]
    connected = ", ".join(f".{port}({port})" for port in ports.values())
    top = f"module top ({', '.join(declared)});\n {NAME} inner ({connected});\nendmodule\n"
    found = adopt(netlist_text + top, module="top")
    assert sorted(i.cell for i in found.instances) == sorted(i.cell for i in ours.netlist.instances)
    assert require_equal(OwnMac(module="top", netlist="n.v"), SPEC, found).proved
    with pytest.raises(NetlistError, match=f"instance inner is of the unknown cell {NAME}: give the netlist's Liberty"):
        adopt(top, module="top")


def test_every_cell_of_ours_that_means_the_same_is_a_reference() -> None:
    assert [one.multiplier for one in references(SPEC)] == ["array", "booth", "hierarchical", "split"]
    booth = replace(SPEC, multiplier="booth")
    assert [one.multiplier for one in references(booth)] == ["booth", "hierarchical", "split", "array"]
    assert [one.multiplier for one in references(replace(SPEC, multiplier="shift"))] == ["shift"]


def test_where_no_reference_is_alike_each_weight_is_asked(
    adopt: Adopt, netlist_text: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def late(*_: object) -> None:
        raise ToolTimeoutError("late")

    monkeypatch.setattr(proof._Swept, "build", late)
    own = OwnMac(module=NAME, netlist="n.v")
    assert require_equal(own, SPEC, adopt(netlist_text), store=Store(tmp_path / "cache")).proved


def flipped(text: str) -> str:
    """One inverter too much, at bit 0 of what the partial sum's register takes."""
    match = re.search(r"DFFRNQ_X1 [^;]*?\.D\((?P<d>[^)]*)\)[^;]*?\.Q\(\s*\\?p_q\s*\[0\]\s*\)", text, re.DOTALL)
    assert match is not None
    changed = text[: match.start("d")] + "turned" + text[match.end("d") :]
    return changed.replace("endmodule", f"wire turned; INV_X1 turn (.I({match['d']}), .ZN(turned));\nendmodule")


def test_one_wrong_bit_is_found_and_shown(adopt: Adopt, netlist_text: str) -> None:
    found = adopt(flipped(netlist_text))
    with pytest.raises(NetlistError, match=r"is not the cell of hardware\.array\.mac: with weight") as error:
        require_equal(OwnMac(module=NAME, netlist="n.v"), SPEC, found)
    told = re.search(
        r"weight (-?\d+) held, activation (\d+), partial sum (-?\d+) .*reset off\) "
        r"psum_out after the clock edge: expected (-?\d+), got (-?\d+)$",
        str(error.value),
    )
    assert told is not None
    weight, activation, psum, expected, got = map(int, told.groups())
    assert expected == (psum + weight * activation + 64) % 128 - 64
    assert got == expected ^ 1


def test_a_netlist_is_timed_and_kept_by_its_contents(netlist_text: str, library: Library, file: Path) -> None:
    file.write_text(netlist_text)
    own, store = OwnMac(module=NAME, netlist=str(file)), Store(file.parent / "cache")
    first = own_synthesis(own, SPEC, library, store=store)
    assert first.chosen == AS_GIVEN
    assert first.candidates == ()
    assert first.timing.slack_ps < 200
    other = file.with_name("elsewhere.v")
    other.write_text(netlist_text)
    again = own_synthesis(replace(own, netlist=str(other)), SPEC, library, store=store)
    assert again.folder == first.folder
    other.write_text(f"{netlist_text}\n// other contents\n")
    assert own_synthesis(replace(own, netlist=str(other)), SPEC, library, store=store).folder != first.folder
