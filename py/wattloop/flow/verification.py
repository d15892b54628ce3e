"""The engine's contract, checked on this machine: against the golden model, Icarus and Verilator."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace

from wattloop.activity.bitparallel.contract import (
    Case,
    Check,
    added,
    golden_outputs,
    random_cases,
    random_together,
    timed_changes,
    zero_delay_toggles,
)
from wattloop.activity.bitparallel.engine import Engine, Timing
from wattloop.activity.bitparallel.mac_vectors import random_vectors, shortened
from wattloop.errors import ConfigError
from wattloop.flow.cells import cells_of
from wattloop.flow.hardware import build_hardware
from wattloop.flow.progress import SILENT, Progress
from wattloop.flow.settings import HardwareSettings, Settings
from wattloop.flow.vectors import real_vectors
from wattloop.gates.libraries import resolve
from wattloop.gates.multipliers import multipliers
from wattloop.gates.spec import MacSpec
from wattloop.gates.synthesis import can_build
from wattloop.store import Store

_STEPS = 41  # steps of the random vectors
# Each multiplier, and each option of the cell once: together with the libraries that is a matter of minutes.
_OPTIONS = ("array_bypass_both", "array_gated", "array_signed", "array_4bit")
_RANDOM_NETLISTS = "nangate45"  # it has cells of two outputs, of no input and of six


@dataclass(frozen=True)
class Scope:
    """What is checked.

    Attributes:
        libraries, templates: of the MACs (`gates.templates`); a library that lacks what a template needs is left out.
            `hardware.own_mac` is checked as well, on its own library, or alone if there are no templates.
        transitions: random ones, and as many real ones, of each MAC without delay.
        timed: likewise with delays, where Icarus takes a lane at a time.
        netlists: random netlists.
    """

    libraries: tuple[str, ...] = ("nangate15", "nangate45", "osu018")
    templates: tuple[str, ...] = field(default_factory=lambda: (*multipliers(), *_OPTIONS))
    transitions: int = 20_000
    timed: int = 1_000
    netlists: int = 40

    def __post_init__(self) -> None:
        for name in ("transitions", "timed", "netlists"):
            if getattr(self, name) < 1:
                raise ConfigError(f"{name} = {getattr(self, name)} is illegal; legal: 1 or more")


@dataclass(frozen=True)
class Verification:
    """What `wattloop verify activity` found.

    Attributes:
        passed: every check passed.
        real: whose vectors the real ones are.
        checks: all of them.
    """

    passed: bool
    real: str
    checks: tuple[Check, ...]


def verify_activity(
    settings: Settings,
    scope: Scope | None = None,
    *,
    store: Store | None = None,
    progress: Progress = SILENT,
) -> Verification:
    """Check the engine's contract.

    Args:
        settings: the network whose layer gives the real vectors, and the MAC.
        scope: how much is checked.
        store: cache.
        progress: told of every step.

    Raises:
        ToolError: Icarus, Verilator or Yosys is missing or failed.
    """
    chosen = scope or Scope()
    checks = list[Check]()
    for template, hardware in cells_of(settings.hardware, chosen.templates).items():
        cell = hardware.array.mac
        real, vectors = real_vectors(
            replace(settings, hardware=hardware), chosen.transitions, store=store, progress=progress
        )
        random = random_vectors(cell, _STEPS, -(-chosen.transitions // (_STEPS - 1)))
        for library in _libraries(hardware, chosen):
            name = f"{library} {template}"
            with progress.step(f"checking the MAC {name}") as step:
                netlist = build_hardware(replace(hardware, library=library), store=store).netlist
                cases = [Case(name, "random", netlist, random), Case(name, "real", netlist, vectors)]
                for done, check in enumerate(_mac_checks(cases, cell, chosen)):
                    checks.append(check)
                    step(done + 1, _MAC_CHECKS)
    with progress.step(f"checking {chosen.netlists} random netlists"):
        checks += _random_checks(chosen)
    return Verification(all(check.passed for check in checks), real, tuple(checks))


def _libraries(hardware: HardwareSettings, scope: Scope) -> list[str]:
    """Those that a cell is checked on; a user's on the one that the settings name."""
    if hardware.own_mac is not None:
        return [hardware.library]
    return [name for name in scope.libraries if can_build(hardware.array.mac, resolve(name))]


_MAC_CHECKS = 14


def _mac_checks(cases: Sequence[Case], mac: MacSpec, scope: Scope) -> Iterator[Check]:
    settled = Engine(cases[0].netlist)
    timed = [Engine(cases[0].netlist, Timing(inertial=inertial)) for inertial in (True, False)]
    for case in cases:
        yield golden_outputs(case, settled, mac)
        for simulator in ("icarus", "verilator"):
            yield zero_delay_toggles(case, settled, simulator)
        steps = int(case.stimulus.counted.sum())
        short = replace(case, stimulus=shortened(case.stimulus, -(-scope.timed // steps)))
        for engine in timed:
            yield from timed_changes(short, engine)


def _random_checks(scope: Scope) -> Iterator[Check]:
    library = resolve(_RANDOM_NETLISTS)
    cases = random_cases(library, scope.netlists, 100, seed=1)
    together = random_together(cases, 2_000, seed=2)
    for simulator in ("icarus", "verilator"):
        yield zero_delay_toggles(together, Engine(together.netlist), simulator)
    for inertial in (True, False):
        pairs = [timed_changes(case, Engine(case.netlist, Timing(5.0, inertial))) for case in cases]
        for same in zip(*pairs, strict=True):
            yield added(same, together.name)
