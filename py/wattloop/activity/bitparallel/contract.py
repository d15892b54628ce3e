"""What the engine promises, as checks against simulators that know nothing of it.

Each check compares whole arrays and says how much there was to compare: a check that compared nothing fails.
"""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt

from wattloop.activity.backend import backend
from wattloop.activity.bitparallel import icarus
from wattloop.activity.bitparallel.engine import Engine
from wattloop.activity.bitparallel.random_netlist import one_cell_a_function, random_netlist, side_by_side
from wattloop.activity.result import Activity
from wattloop.activity.stimulus import Stimulus
from wattloop.arith import golden
from wattloop.gates.library import Library
from wattloop.gates.logic import evaluate
from wattloop.gates.netlist import Netlist
from wattloop.gates.spec import MacSpec

Int64 = npt.NDArray[np.int64]

# Contract: inertial toggles may differ by this share, summed over the nets (they have been equal so far).
INERTIAL_TOLERANCE = 1e-4


@dataclass(frozen=True)
class Check:
    """One comparison.

    Attributes:
        fact: what is compared.
        netlist: of which netlist.
        oracle: with whom.
        vectors: "random" or "real".
        transitions: transitions that were compared.
        numbers: how many numbers were compared.
        total: their sum in the oracle.
        difference: sum of the absolute differences.
        tolerance: share of `total` that `difference` may be.
    """

    fact: str
    netlist: str
    oracle: str
    vectors: str
    transitions: int
    numbers: int
    total: int
    difference: int
    tolerance: float = 0.0

    @property
    def passed(self) -> bool:
        """Something was compared, and it agreed."""
        return self.numbers > 0 and self.total > 0 and self.difference <= self.tolerance * self.total


@dataclass(frozen=True)
class Case:
    """A netlist under a stimulus.

    Attributes:
        name: of the netlist, for the report.
        vectors: "random" or "real".
        netlist: the netlist.
        stimulus: what drives it.
    """

    name: str
    vectors: str
    netlist: Netlist
    stimulus: Stimulus

    def check(self, fact: str, oracle: str, theirs: Int64, ours: Int64, tolerance: float = 0.0) -> Check:
        """Compare two arrays of counts."""
        if theirs.shape != ours.shape:
            raise ValueError(f"{fact}: {oracle} has shape {theirs.shape}, the engine {ours.shape}")
        difference = int(np.abs(theirs - ours).sum())
        transitions = self.stimulus.transitions * self.stimulus.groups
        total = int(np.abs(theirs).sum())
        return Check(fact, self.name, oracle, self.vectors, transitions, theirs.size, total, difference, tolerance)


def golden_outputs(case: Case, engine: Engine, mac: MacSpec) -> Check:
    """Clause 1: what every register of the MAC takes at the end of every vector is what the golden model says."""
    signals = {name: np.broadcast_to(v, case.stimulus.shape) for name, v in case.stimulus.signals.items()}
    w_i, w_q, a_i, p_i = (signals[name].astype(np.int64) for name in ("w_i", "w_q", "a_i", "p_i"))
    expected = {
        "w_q": np.where(signals["w_en_i"] == 1, w_i, w_q),
        "a_q": a_i,
        "p_q": golden.mac(p_i, mac.weight_of_code(w_q), a_i, mac),
    }
    theirs, ours = [], []
    for name, values in expected.items():
        width = case.stimulus.widths[name]
        theirs.append(values & ((1 << width) - 1))
        ours.append(_next_values(engine, case.stimulus, engine.netlist.bus(name, width)))
    return case.check("register inputs on every vector", "golden model", np.stack(theirs), np.stack(ours))


def _next_values(engine: Engine, stimulus: Stimulus, nets: tuple[int, ...]) -> Int64:
    """The number that the registers behind `nets` take at the end of each vector, shape (groups, steps, lanes)."""
    netlist, found = engine.netlist, np.zeros(stimulus.shape, np.int64)
    for bit, net in enumerate(nets):
        index, pin = netlist.drivers[net]
        instance = netlist.instances[index]
        cell = netlist.cell(instance)
        function = cell.outputs[pin].function
        if cell.flop is None or function is None:
            raise ValueError(f"net {netlist.nets[net]} is no register")
        pins = [name for name in cell.inputs if name != cell.flop.clock_pin]
        values = engine.values(stimulus, [instance.pins[name] for name in pins]).astype(np.uint64)
        ones = np.ones(stimulus.shape, np.uint64)
        taken = evaluate(cell.flop.next_state, {name: values[..., k] for k, name in enumerate(pins)}, ones)
        if (clock := instance.pins[cell.flop.clock_pin]) in netlist.clock_enables:
            enables = engine.values(stimulus, [net, *netlist.clock_enables[clock]]).astype(np.uint64)
            taken = np.where(enables[..., 1:].any(axis=-1), taken, enables[..., 0])
        states = {cell.flop.state: taken, cell.flop.state_n: ones - taken}
        found |= evaluate(function, states, ones).astype(np.int64) << bit
    return found


def zero_delay_toggles(case: Case, engine: Engine, simulator: str) -> Check:
    """Clause 2: toggles and times at 1 of every net are those of the co-simulation."""
    theirs = backend(simulator).measure(case.netlist, case.stimulus)
    ours = engine.measure([case.stimulus])
    if theirs.annotated and set(theirs.annotated) != set(ours.annotated):
        raise ValueError(f"{simulator} measured other nets than the engine")
    return case.check("zero-delay toggles and times at 1", simulator, _both(theirs), _both(ours))


def _both(activity: Activity) -> Int64:
    return np.stack([activity.toggles, activity.high])


def timed_changes(case: Case, engine: Engine) -> tuple[Check, Check]:
    """Clauses 3 and 4: changes of every net, and when the outputs settle, are those of Icarus with the same delays."""
    if engine.steps is None or engine.timing is None:
        raise ValueError("the engine has no delays")
    inertial = engine.timing.inertial
    with tempfile.TemporaryDirectory(prefix="wattloop-") as folder:
        seen = icarus.simulate(
            case.netlist, engine.circuit, engine.steps, case.stimulus, Path(folder), inertial=inertial
        )
    found = engine.measure([case.stimulus])
    changes = found.toggles if found.glitches is None else found.toggles + found.glitches
    kind = "inertial" if inertial else "transport"
    step = engine.steps.step_ps
    settling = engine.settling_steps(case.stimulus).astype(np.int64)
    return (
        case.check(
            f"timed toggles, {kind}, {step:g} ps", "icarus", seen.changes, changes, INERTIAL_TOLERANCE * inertial
        ),
        case.check(f"settling times, {kind}, {step:g} ps", "icarus", seen.settling, settling),
    )


def random_cases(library: Library, count: int, transitions: int, seed: int) -> list[Case]:
    """Random netlists under random vectors; every one of them in chains or shallow, with constants or without."""
    cells, rng = one_cell_a_function(library), np.random.default_rng(seed)
    cases = []
    for k in range(count):
        netlist = random_netlist(library, cells, lambda low, high: int(rng.integers(low, high + 1)), most_cells=25)
        cases.append(Case(f"random {k}", "random", netlist, random_inputs([netlist], transitions, rng)))
    return cases


def random_inputs(parts: Sequence[Netlist], transitions: int, rng: np.random.Generator) -> Stimulus:
    """Random values of the ports `x` of random netlists; of several netlists, those of them side by side."""
    names = ["x"] if len(parts) == 1 else [f"p{k}_x" for k in range(len(parts))]
    widths = {name: len(part.inputs["x"]) for name, part in zip(names, parts, strict=True)}
    lanes = 10
    steps = -(-transitions // lanes) + 1
    signals = {name: rng.integers(0, 1 << width, (1, steps, lanes)) for name, width in widths.items()}
    return Stimulus(signals, widths, np.arange(steps) > 0, 1, steps, lanes)


def random_together(cases: Sequence[Case], transitions: int, seed: int) -> Case:
    """All random netlists of `cases` in one, so that a simulator builds once."""
    parts = [case.netlist for case in cases]
    stimulus = random_inputs(parts, transitions, np.random.default_rng(seed))
    netlist = side_by_side(parts) if len(parts) > 1 else parts[0]
    return Case(f"{len(parts)} random netlists", "random", netlist, stimulus)


def added(checks: Sequence[Check], netlist: str) -> Check:
    """Several checks of one fact as one."""
    first = checks[0]
    sums = {name: sum(getattr(check, name) for check in checks) for name in _COUNTS}
    return replace(first, netlist=netlist, **sums)


_COUNTS = ("transitions", "numbers", "total", "difference")
