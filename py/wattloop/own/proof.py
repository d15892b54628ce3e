"""Proof that a user's cell does what the golden model says: for every weight, activation, partial sum and control.

`gates.equivalence` compares its netlist with the RTL that wattloop renders for `hardware.array.mac`, by SAT, over all
inputs and states at once; that RTL is held against the integers of `arith.golden` by the tests of every template. A
user's Verilog is proved through its netlist, which is what gets an energy.

Sweeping decides in seconds where both sides are built alike, and nobody knows how a user's cell is built: every
multiplier of ours whose codes mean the same is a reference, the one that the settings name first. Should none be alike,
that one is asked about one weight at a time. (The job of `gates.equivalence` is private there; see `own.synthesis`.)
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict, replace
from pathlib import Path

from wattloop.errors import NetlistError, SpecError, ToolTimeoutError
from wattloop.gates.equivalence import _REPORT, _WAYS, Counterexample, EquivalenceReport, _Job, prove
from wattloop.gates.multipliers import BUILT_IN
from wattloop.gates.netlist import Netlist
from wattloop.gates.spec import MacSpec
from wattloop.own.cell import OwnMac
from wattloop.store import Store

_HELD = (".clear_n", ".preset_n")
_NAMES = {"p": "psum_out", "a": "activation_out", "w": "the weight register"}


def require_equal(own: OwnMac, spec: MacSpec, netlist: Netlist, *, store: Store | None = None) -> EquivalenceReport:
    """The proof.

    Args:
        own: for messages.
        spec: what the cell has to do.
        netlist: the cell under wattloop's names.
        store: cache of proofs.

    Raises:
        NetlistError: it does something else, with weight, activation, partial sum, what is expected and what it gives;
            or the solver ran out of time.
    """
    report = _decided(spec, netlist, store or Store())
    if report.counterexample is not None:
        raise NetlistError(
            f"module {own.module} is not the cell of hardware.array.mac: {told(report.counterexample, spec)}"
        )
    if not report.proved:
        raise NetlistError(
            f"module {own.module} is {report.summary}. It is built like none of wattloop's cells: give the solver an "
            "idle machine, or describe a cell that is built alike (docs/templates.md) as hardware.array.mac.multiplier"
        )
    return report


def _decided(spec: MacSpec, netlist: Netlist, store: Store) -> EquivalenceReport:
    for reference in references(spec):
        job = _Swept(reference, netlist)
        try:
            return store.load("proof", job.key, job.build, job.read)
        except ToolTimeoutError:
            continue
    return prove(spec, netlist, store=store)


def references(spec: MacSpec) -> Iterator[MacSpec]:
    """Cells of ours that do what `spec` does, itself first, by every multiplier whose codes mean the same."""
    yield spec
    for each in reversed(BUILT_IN):  # the first three are much alike: the others come first
        try:
            other = replace(spec, multiplier=each.name)
        except SpecError:  # it cannot be built with it
            continue
        if other != spec and other.meaning == spec.meaning:
            yield other


class _Swept(_Job):
    """The quick way alone; what it finds out is what `prove` would have kept."""

    def build(self, folder: Path) -> None:
        """Decide, or run out of time."""
        scripts, method, timeout_s = _WAYS[0]
        report = self._decide(folder, scripts, method, timeout_s)
        (folder / _REPORT).write_text(json.dumps(asdict(report), indent=1))


def told(found: Counterexample, spec: MacSpec) -> str:
    """A clock step in which the cell is wrong, in numbers of the golden model."""
    step = found.inputs
    before = (
        f"weight {int(spec.weight_of_code(step['w_q']))} held, activation {_activation(step['a_i'], spec)}, "
        f"partial sum {_signed(step['p_i'], spec.psum_bits)}"
    )
    controls = f"weight_in = {step['w_i']}, weight_load = {step['w_en_i']}, reset {'off' if step['rst_ni'] else 'on'}"
    wrong = [
        _difference(name, value, found.found[name], spec)
        for name, value in found.expected.items()
        if not name.endswith(_HELD)
    ]
    held = [name for name in found.expected if name.endswith(_HELD)]
    if held:
        wrong.append(_reset(held[0].partition(".")[0], spec))
    return f"with {before} ({controls}) {'; '.join(wrong)}"


def _reset(register: str, spec: MacSpec) -> str:
    when = "at once" if spec.reset == "async" else "at the next clock edge, and not before"
    return (
        f"the reset does not bring {_NAMES[register[0]]} to 0 {when}, as hardware.array.mac.reset = {spec.reset!r} has "
        "it (own_mac.reset_active is its level)"
    )


def _difference(name: str, expected: int, got: int, spec: MacSpec) -> str:
    after = " after the clock edge" if name.endswith("_q") else ""
    kind, shown = name[0], (expected, got)
    if kind == "p":
        shown = (_signed(expected, spec.psum_bits), _signed(got, spec.psum_bits))
    elif kind == "a":
        shown = (_activation(expected, spec), _activation(got, spec))
    return f"{_NAMES[kind]}{after}: expected {shown[0]}, got {shown[1]}"


def _activation(value: int, spec: MacSpec) -> int:
    return _signed(value, spec.activation_bits) if spec.activation_signed else value


def _signed(value: int, bits: int) -> int:
    return value - (value >> (bits - 1) << bits)
