"""How glitch energy and the ranking of weights move with the grid of the delays, and against delays by pin and edge."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt

from wattloop.activity.bitparallel.engine import Engine, Timing
from wattloop.activity.bitparallel.sdf import sdf_paths, simulate_sdf
from wattloop.activity.result import Activity
from wattloop.activity.sources import mac_pairs
from wattloop.activity.stimulus import Stimulus
from wattloop.errors import ConfigError
from wattloop.flow.hardware import build_hardware
from wattloop.flow.machine import seconds
from wattloop.flow.progress import SILENT, Progress
from wattloop.flow.settings import Settings
from wattloop.flow.vectors import real_vectors
from wattloop.gates.spec import MacSpec
from wattloop.gates.synthesis import Synthesis
from wattloop.power.energy import EnergyModel
from wattloop.power.energy_table import DYNAMIC
from wattloop.store import Store

Float = npt.NDArray[np.float64]

SDF = "icarus with SDF"
_LOAD = "signoff"  # as OpenSTA counts pins: delays then differ in nothing but what is studied


@dataclass(frozen=True)
class GridPoint:
    """One way to model delays.

    Attributes:
        delays: the grid in ps, or who else simulated.
        glitches_per_transition: toggles beyond the functional ones.
        glitch_fj: their energy per transition, mean over the weights.
        over_finest: `glitch_fj` against the finest grid, less 1.
        over_sdf: `glitch_fj` against delays by pin and edge, less 1; not a number without.
        dynamic_over_sdf: likewise for the whole dynamic energy.
        rank_finest, rank_sdf: Spearman's rank correlation of the weights' dynamic energy.
        vectors_per_s: of the engine on one thread.
    """

    delays: str
    glitches_per_transition: float
    glitch_fj: float
    over_finest: float
    over_sdf: float
    dynamic_over_sdf: float
    rank_finest: float
    rank_sdf: float
    vectors_per_s: float


def study_grid(
    settings: Settings,
    steps_ps: Sequence[float],
    pairs: int,
    *,
    sdf: bool = True,
    store: Store | None = None,
    progress: Progress = SILENT,
) -> tuple[GridPoint, ...]:
    """Measure all weights on `pairs` transitions of the settings' layer each, on every grid.

    Args:
        settings: hardware, and the network whose layer gives the transitions.
        steps_ps: grids.
        pairs: transitions a weight.
        sdf: simulate in Icarus with OpenSTA's SDF as well.
        store: cache.
        progress: told of every step.

    Raises:
        ConfigError: no grid or no pairs.
        ToolError: OpenSTA or Icarus is missing or failed.
    """
    if not steps_ps or pairs < 1:
        raise ConfigError(f"steps_ps = {list(steps_ps)}, pairs = {pairs}: at least one of each is needed")
    hardware = build_hardware(settings.hardware, store=store, progress=progress)
    stimulus = all_weights(settings.hardware.array.mac, _transitions(settings, pairs, store, progress))
    model = EnergyModel(hardware.netlist, settings.hardware.clock_ps, settings.hardware.load)
    found = []
    for step in sorted(steps_ps):
        with progress.step(f"simulating on a grid of {step:g} ps"):
            engine = Engine(hardware.netlist, Timing(step, load=_LOAD), threads=1)
            activity = engine.measure([stimulus])
            taken = seconds(lambda engine=engine: engine.measure([stimulus]))  # type: ignore[misc]
            found.append((f"{step:g}", activity, 2 * stimulus.transitions * stimulus.groups / taken))
    if sdf:
        with progress.step("simulating with delays by pin and edge in Icarus"):
            found.append((SDF, _with_sdf(hardware.synthesis, stimulus), float("nan")))
    return tuple(_points(model, found))


def all_weights(mac: MacSpec, transitions: Stimulus) -> Stimulus:
    """The same independent pairs for every weight, a group each.

    Args:
        mac: the cell.
        transitions: two steps of `a_i` and `p_i`.
    """
    activations, psums = (transitions.signals[name].astype(np.int64) for name in ("a_i", "p_i"))
    return mac_pairs(mac, np.array(mac.weight_values), activations, psums)


def _transitions(settings: Settings, pairs: int, store: Store | None, progress: Progress) -> Stimulus:
    """Pairs of successive cycles, evenly spread over the layer's cells and pixels."""
    _, seen = real_vectors(settings, max(pairs, 10_000), store=store, progress=progress)
    rng = np.random.default_rng(0)
    lane, step = rng.integers(0, seen.lanes, pairs), rng.integers(1, seen.steps, pairs)
    signals = {
        name: np.stack([seen.signals[name][0, step - 1, lane], seen.signals[name][0, step, lane]])[np.newaxis]
        for name in ("a_i", "p_i")
    }
    widths = {name: seen.widths[name] for name in signals}
    return Stimulus(signals, widths, np.array([False, True]), 1, 2, pairs)


def _with_sdf(synthesis: Synthesis, stimulus: Stimulus) -> Activity:
    """What Icarus sees, as activity."""
    netlist = synthesis.netlist
    engine = Engine(netlist, Timing(1.0, load=_LOAD))
    settled = Engine(netlist).measure([stimulus])
    if engine.steps is None:
        raise ConfigError("the engine has no delays")
    with tempfile.TemporaryDirectory(prefix="wattloop-") as scratch:
        folder = Path(scratch)
        paths = sdf_paths(netlist, synthesis.folder / "netlist.v", folder)
        seen = simulate_sdf(netlist, engine.circuit, engine.steps, paths, stimulus, folder)
    return replace(settled, backend="icarus", glitches=seen.changes - settled.toggles)


def _points(model: EnergyModel, found: Sequence[tuple[str, Activity, float]]) -> Iterator[GridPoint]:
    dynamic = {name: _dynamic_fj(model, activity) for name, activity, _ in found}
    functional = _dynamic_fj(model, replace(found[0][1], glitches=None))
    glitch = {name: float((energy - functional).mean()) for name, energy in dynamic.items()}
    finest = found[0][0]
    for name, activity, rate in found:
        count = 0 if activity.glitches is None else int(activity.glitches.sum())
        yield GridPoint(
            delays=name,
            glitches_per_transition=count / (activity.transitions * len(activity.toggles)),
            glitch_fj=glitch[name],
            over_finest=glitch[name] / glitch[finest] - 1,
            over_sdf=glitch[name] / glitch[SDF] - 1 if SDF in glitch else float("nan"),
            dynamic_over_sdf=float(dynamic[name].mean() / dynamic[SDF].mean()) - 1 if SDF in glitch else float("nan"),
            rank_finest=rank_correlation(dynamic[name], dynamic[finest]),
            rank_sdf=rank_correlation(dynamic[name], dynamic[SDF]) if SDF in glitch else float("nan"),
            vectors_per_s=rate,
        )


def _dynamic_fj(model: EnergyModel, activity: Activity) -> Float:
    columns = model.columns_fj(activity)
    return np.asarray(sum(columns[name] for name in DYNAMIC))


def rank_correlation(a: Float, b: Float) -> float:
    """Spearman's rank correlation of values without ties.

    >>> rank_correlation(np.array([1.0, 5.0, 3.0]), np.array([2.0, 9.0, 8.0]))
    1.0
    """
    ranks = [np.argsort(np.argsort(x)) for x in (a, b)]
    return float(np.corrcoef(ranks[0], ranks[1])[0, 1])
