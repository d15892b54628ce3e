"""The cells that tests go over: every template as users get it, and in a width at which all tools are quick."""

from __future__ import annotations

from dataclasses import replace
from unittest.mock import patch

from wattloop.gates import synthesis
from wattloop.gates.libraries import resolve
from wattloop.gates.recipes import portfolio
from wattloop.gates.spec import MacSpec
from wattloop.gates.synthesis import Synthesis
from wattloop.gates.templates import templates
from wattloop.store import Store

LIBRARIES = ("nangate15", "nangate45", "osu018")
CLOCK_PS = {"nangate15": 200.0, "nangate45": 1000.0, "osu018": 4000.0}


def small(spec: MacSpec) -> MacSpec:
    """The same cell, 3 x 3 bits if it is wider than 4 x 4."""
    return spec if spec.weight_bits <= 4 else replace(spec, weight_bits=3, activation_bits=3, psum_bits=7)


def small_templates() -> dict[str, MacSpec]:
    """Every template in 3 x 3 bits, and the reset that is not the default; no cell twice."""
    cells = {name: small(spec) for name, spec in templates().items()}
    cells["array_sync"] = small(MacSpec(reset="sync"))
    cells["array_gated_sync"] = small(MacSpec(reset="sync", gate_weight_clock=True))
    return {name: spec for name, spec in cells.items() if name == next(n for n, s in cells.items() if s == spec)}


def builds(library: str, spec: MacSpec) -> bool:
    """Whether a library has what the cell needs."""
    cells = resolve(library).cells.values()
    return not spec.gate_weight_clock or any(cell.clock_gate is not None for cell in cells)


def mapped(library: str, spec: MacSpec, *, store: Store | None = None) -> Synthesis:
    """The cell on the library, by one recipe of each adder: for tests of the cell, not of how well it is mapped."""
    clock_ps = CLOCK_PS[library]
    area, *_, keep, _, _ = portfolio(clock_ps)
    with patch.object(synthesis, "portfolio", lambda _: (area, keep)):
        return synthesis.run_synthesis(spec, resolve(library), clock_ps=clock_ps, store=store)
