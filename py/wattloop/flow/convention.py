"""What the sign-off convention leaves out: our options beside it, as `wattloop verify convention` prints them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from wattloop.activity.backend import backend
from wattloop.activity.bitparallel.engine import Engine
from wattloop.activity.bitparallel.mac_vectors import random_vectors
from wattloop.activity.stimulus import Stimulus
from wattloop.errors import ConfigError
from wattloop.flow.hardware import build_hardware
from wattloop.flow.progress import SILENT, Progress
from wattloop.flow.settings import Settings
from wattloop.flow.vectors import real_vectors
from wattloop.gates.netlist import Netlist
from wattloop.power.energy import EnergyModel
from wattloop.power.refined import refine
from wattloop.store import Store

_STEPS = 41  # of random vectors


@dataclass(frozen=True)
class Option:
    """One thing that our model can do otherwise.

    Attributes:
        option: its name.
        about: what it takes into account.
        signoff_fj: energy per MAC cycle of what it touches, in the sign-off convention.
        option_fj: the same with the option.
    """

    option: str
    about: str
    signoff_fj: float
    option_fj: float

    @property
    def difference(self) -> float:
        """Relative to the convention."""
        return self.option_fj / self.signoff_fj - 1 if self.signoff_fj else 0.0


def compare_convention(
    settings: Settings,
    *,
    transitions: int = 20_000,
    real: bool = False,
    store: Store | None = None,
    progress: Progress = SILENT,
) -> list[Option]:
    """Energy of the MAC in the sign-off convention, and by each option alone.

    Args:
        settings: the MAC, its library and clock, and the network of real vectors.
        transitions: how many.
        real: vectors of a network's layer instead of random ones.
        store: cache.
        progress: shows the steps.

    Raises:
        ConfigError: no transitions.
        LibertyError, ToolError: the netlist cannot be made.
    """
    if transitions < 1:
        raise ConfigError(f"transitions = {transitions} is illegal; legal: 1 or more")
    hardware = settings.hardware
    netlist = build_hardware(hardware, store=store, progress=progress).netlist
    if real:
        _, stimulus = real_vectors(settings, transitions, store=store, progress=progress)
    else:
        stimulus = random_vectors(hardware.array.mac, _STEPS, -(-transitions // (_STEPS - 1)))
    with progress.step("pricing every move of every cell"):
        return list(_options(netlist, stimulus, hardware.clock_ps))


def _options(netlist: Netlist, stimulus: Stimulus, clock_ps: float) -> Iterator[Option]:
    model = EnergyModel(netlist, clock_ps, "signoff")
    settled = backend("bitparallel").measure(netlist, stimulus)
    plain = model.combinational_fj(settled)
    refined = refine(model, Engine(netlist).cell_moves([stimulus]))
    moved = "the pin that really switched, its edge, the state of the others"
    yield Option("switched", f"internal energy of outputs by {moved}", *_means(plain["output"], refined.output_fj))
    yield Option("hidden", f"hidden energy of inputs by {moved}", *_means(plain["input"], refined.input_fj))
    yield Option("state", "leakage by the joint state of the pins", *_means(plain["leakage"], refined.leakage_fj))
    timed = backend("bitparallel-timed").measure(netlist, stimulus)
    settled_fj, timed_fj = (model.breakdown(a)[0].dynamic_fj / a.transitions for a in (settled, timed))
    yield Option("glitches", "combinational and register energy with glitches", settled_fj, timed_fj)
    typical = replace(model, load="typical").breakdown(settled)[0].dynamic_fj / settled.transitions
    yield Option("typical", "the same with plain pin capacitances, without glitches", settled_fj, typical)


def _means(*values: np.ndarray[tuple[int, ...], np.dtype[np.float64]]) -> tuple[float, float]:
    first, second = (float(value.mean()) for value in values)
    return first, second
