"""Every template in every engine: the same toggles net by net, and registers that take what the golden model says.

The cells of a library stand side by side in one netlist, so that each simulator builds once.
"""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest
from tests.cells import LIBRARIES, builds, mapped, small_templates

from wattloop.activity.bitparallel import contract
from wattloop.activity.bitparallel.contract import Case
from wattloop.activity.bitparallel.engine import Engine, Timing
from wattloop.activity.bitparallel.random_netlist import side_by_side
from wattloop.activity.stimulus import Stimulus
from wattloop.gates.netlist import Netlist
from wattloop.gates.spec import MacSpec

STEPS, LANES = 21, 70  # lanes beyond a machine word


def vectors(spec: MacSpec, seed: int) -> Stimulus:
    """Every pin and register drawn anew in every step, the weight's enable and its unused codes among them."""
    rng, shape = np.random.default_rng(seed), (1, STEPS, LANES)
    codes = 1 << spec.weight_code_bits
    signals = {name: rng.integers(0, codes, shape) for name in ("w_i", "w_q")}
    signals |= {name: rng.integers(*np.add(spec.activation_range, (0, 1)), shape) for name in ("a_i", "a_q")}
    signals |= {name: rng.integers(*np.add(spec.psum_range, (0, 1)), shape) for name in ("p_i", "p_q")}
    signals |= {"w_en_i": rng.integers(0, 2, shape), "rst_ni": np.ones((1, 1, 1), np.int64)}
    bits = {"w": spec.weight_code_bits, "a": spec.activation_bits, "p": spec.psum_bits}
    widths = {name: bits.get(name[:2].removesuffix("_"), 1) for name in signals} | {"w_en_i": 1, "rst_ni": 1}
    return Stimulus(signals, widths, np.arange(STEPS) > 0, *shape)


@cache
def cells(library: str) -> dict[str, tuple[MacSpec, Netlist]]:
    found = {name: spec for name, spec in small_templates().items() if builds(library, spec)}
    return {name: (spec, mapped(library, spec).netlist) for name, spec in found.items()}


@cache
def together(library: str) -> Case:
    parts = list(cells(library).values())
    signals, widths = {}, {}
    for k, (spec, _) in enumerate(parts):
        own = vectors(spec, seed=k)
        signals |= {f"p{k}_{name}": values for name, values in own.signals.items()}
        widths |= {f"p{k}_{name}": width for name, width in own.widths.items()}
    stimulus = Stimulus(signals, widths, np.arange(STEPS) > 0, 1, STEPS, LANES)
    return Case(f"{library}, all templates", "random", side_by_side([netlist for _, netlist in parts]), stimulus)


def test_the_templates_are_all_there() -> None:
    assert set(cells("nangate15")) == set(cells("nangate45")) == set(small_templates())
    assert {"minifloat", "array_gated", "array_signed", "array_bypass_both"} < set(small_templates())
    left_out = set(small_templates()) - set(cells("osu018"))
    assert left_out == {name for name, spec in small_templates().items() if spec.gate_weight_clock}


@pytest.mark.parametrize("simulator", ["icarus", "verilator"])
@pytest.mark.parametrize("library", LIBRARIES)
def test_toggles_of_every_net_are_the_simulators(library: str, simulator: str) -> None:
    case = together(library)
    check = contract.zero_delay_toggles(case, Engine(case.netlist), simulator)
    assert check.passed, check
    assert check.difference == 0
    assert check.numbers == 2 * len(case.netlist.nets)
    assert check.total > 1_000_000


@pytest.mark.parametrize("inertial", [True, False], ids=["inertial", "transport"])
def test_toggles_with_glitches_and_settling_times_are_icarus(inertial: bool) -> None:
    case = together("nangate15")
    for check in contract.timed_changes(case, Engine(case.netlist, Timing(1.0, inertial))):
        assert check.passed, check
        assert check.difference == 0


@pytest.mark.parametrize("template", small_templates())
@pytest.mark.parametrize("library", LIBRARIES)
def test_registers_take_what_the_golden_model_says(library: str, template: str) -> None:
    """Also the weight register behind a gated clock, which holds while its enable is 0."""
    if template not in cells(library):
        return
    spec, netlist = cells(library)[template]
    check = contract.golden_outputs(Case(template, "random", netlist, vectors(spec, 99)), Engine(netlist), spec)
    assert check.passed, check
    assert check.difference == 0
    assert check.numbers == 3 * STEPS * LANES
