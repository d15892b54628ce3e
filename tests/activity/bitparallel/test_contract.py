"""The engine's contract: the golden model, Icarus and Verilator, on MACs under random and real vectors."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from tests.activity.bitparallel.random_netlists import netlists
from tests.activity.bitparallel.reference import mac_stimulus, reference_mac

from wattloop.activity.bitparallel import contract
from wattloop.activity.bitparallel.contract import Case, Check
from wattloop.activity.bitparallel.engine import Engine, Timing
from wattloop.activity.bitparallel.mac_vectors import random_vectors, shortened
from wattloop.activity.bitparallel.random_netlist import side_by_side
from wattloop.activity.stimulus import Stimulus
from wattloop.flow.settings import load
from wattloop.flow.vectors import real_vectors
from wattloop.gates.libraries import resolve
from wattloop.gates.netlist import Netlist
from wattloop.gates.spec import MacSpec
from wattloop.gates.synthesis import synthesize

# Port and register names of our cell and of the reference netlists.
NAMES = {"rst_ni": "rst_n", "w_en_i": "w_en", "w_q": "w", "a_q": "a_o", "p_q": "p_o"}
GRID_PS = {"nangate15": 1.0, "nangate45": 5.0, "osu018": 10.0}


@pytest.fixture(scope="module")
def real() -> Stimulus:
    """20,000 transitions of a layer of LeNet-5, trained for a moment on the digits."""
    short = {"training.pretrain.epochs": "1", "training.qat.epochs": "1"}
    return real_vectors(load(None, short), 20_000)[1]


def for_reference(stimulus: Stimulus, parts: int = 1) -> Stimulus:
    """The same vectors under the reference netlists' names, for each of several netlists side by side."""
    prefixes = [""] if parts == 1 else [f"p{k}_" for k in range(parts)]
    signals = {p + NAMES.get(name, name): v for p in prefixes for name, v in stimulus.signals.items()}
    widths = {p + NAMES.get(name, name): w for p in prefixes for name, w in stimulus.widths.items()}
    return Stimulus(signals, widths, stimulus.counted, *stimulus.shape)


def exact(check: Check, transitions: int, numbers: int, total: int) -> None:
    assert check.passed, check
    assert check.difference == 0
    assert check.transitions >= transitions
    assert check.numbers == numbers
    assert check.total >= total


@pytest.mark.parametrize("simulator", ["icarus", "verilator"])
@pytest.mark.parametrize("library", GRID_PS)
def test_zero_delay_toggles_of_array_and_booth_equal_the_simulator(
    shared_folder: Path, real: Stimulus, library: str, simulator: str
) -> None:
    """20,000 random transitions and 20,000 of a real layer; both multipliers in one build."""
    parts = [reference_mac(shared_folder, f"{library}-{kind}") for kind in ("array", "booth")]
    netlist = side_by_side(parts)
    engine = Engine(netlist)
    random = mac_stimulus((1, 41, 500), np.random.default_rng(1))
    for name, stimulus in (("random", for_reference(random, 2)), ("real", for_reference(real, 2))):
        check = contract.zero_delay_toggles(Case(library, name, netlist, stimulus), engine, simulator)
        exact(check, 20_000, 2 * len(netlist.nets), 5_000_000)


@pytest.mark.parametrize("inertial", [True, False], ids=["inertial", "transport"])
@pytest.mark.parametrize("kind", ["array", "booth"])
@pytest.mark.parametrize("library", GRID_PS)
def test_timed_toggles_and_settling_on_real_vectors_equal_icarus(
    shared_folder: Path, real: Stimulus, library: str, kind: str, inertial: bool
) -> None:
    netlist = reference_mac(shared_folder, f"{library}-{kind}")
    case = Case(kind, "real", netlist, for_reference(shortened(real, 12)))
    changes, settling = contract.timed_changes(case, Engine(netlist, Timing(GRID_PS[library], inertial)))
    exact(changes, 700, len(netlist.nets), 50_000)
    exact(settling, 700, 12 * real.steps, 10_000)


def test_register_inputs_equal_the_golden_model_on_random_and_real_vectors(real: Stimulus) -> None:
    netlist = synthesize(MacSpec(), resolve("nangate15"))
    for name, stimulus in (("random", random_vectors(MacSpec(), 41, 500)), ("real", real)):
        check = contract.golden_outputs(Case("mac", name, netlist, stimulus), Engine(netlist), MacSpec())
        exact(check, 20_000, 3 * stimulus.steps * stimulus.lanes, 1_000_000)


@settings(
    max_examples=2,  # each is a build, which the cache keeps
    derandomize=True,
    deadline=None,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=list(HealthCheck),
)
@given(parts=st.lists(netlists(most_cells=25), min_size=30, max_size=40))
def test_random_netlists_in_one_build_equal_verilator(parts: list[Netlist]) -> None:
    stimulus = contract.random_inputs(parts, 2_000, np.random.default_rng(4))
    together = Case("random netlists", "random", side_by_side(parts), stimulus)
    check = contract.zero_delay_toggles(together, Engine(together.netlist), "verilator")
    exact(check, 2_000, 2 * len(together.netlist.nets), 10_000)


def test_one_random_netlist_is_checked_as_many_are() -> None:
    case = contract.random_together(contract.random_cases(resolve("nangate45"), 1, 10, seed=5), 200, seed=6)
    assert contract.zero_delay_toggles(case, Engine(case.netlist), "icarus").passed


def test_a_wrong_cell_fails_the_checks() -> None:
    case = contract.random_together(contract.random_cases(resolve("nangate45"), 5, 10, seed=5), 200, seed=6)
    at = next(k for k, instance in enumerate(case.netlist.instances) if instance.cell == "AND2_X1")
    swapped = list(case.netlist.instances)
    swapped[at] = replace(swapped[at], cell="OR2_X1")
    check = contract.zero_delay_toggles(case, Engine(replace(case.netlist, instances=tuple(swapped))), "icarus")
    assert not check.passed


def test_a_check_that_compared_nothing_fails() -> None:
    nothing = Check("toggles", "mac", "icarus", "random", transitions=0, numbers=0, total=0, difference=0)
    assert not nothing.passed
    silent = replace(nothing, numbers=100)
    assert not silent.passed
