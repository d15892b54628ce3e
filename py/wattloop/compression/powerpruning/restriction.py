"""A network under a delay bound: which weights and codes its layers may have, and how methods are held to that."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from wattloop.arith.layer import LayerTrace
from wattloop.compression.method import Choosy, Lab, Method, Point, Setting
from wattloop.compression.powerpruning.events import ValuesTimed
from wattloop.compression.powerpruning.gains import Gains, by_count, by_use
from wattloop.compression.powerpruning.problem import Choice, Delays, Floors, Problem, problem
from wattloop.compression.powerpruning.selection import choose
from wattloop.compression.remap import LEAST, histogram
from wattloop.compression.subject import FREE, Float, Int8
from wattloop.errors import ConfigError
from wattloop.power.oracle import IDENTITY, EnergyOracle, HardwareMapping, LayerEnergy, Profiler, WeightPrices

BOUND = "bound_ps"


def restricted(lab: Lab, candidates: Sequence[int] | None = None) -> Choice:
    """Choose weights and codes for all layers in scope by `compress.timing`, and hold the layers' inputs to the codes.

    The weights are the caller's to hold. One choice serves all layers: they share the array.

    Args:
        lab: with delays; its subject is changed, its journal told.
        candidates: weights to choose from, such as those under a power threshold; None for all that were timed.

    Raises:
        ConfigError: see `selected`.
    """
    timing, (posed, choice) = lab.config.timing, selected(lab, candidates)
    for layer in lab.scope:
        lab.subject.constrain_inputs(layer, choice.codes)
    worth = float(posed.weight_gain.sum() + posed.code_gain.sum())
    lab.on_event(
        ValuesTimed(
            lab.scope,
            timing.bound_ps,
            len(posed.weights),
            posed.conflicts,
            choice.weights,
            choice.codes,
            choice.gain,
            worth,
        )
    )
    return choice


def selected(lab: Lab, candidates: Sequence[int] | None = None) -> tuple[Problem, Choice]:
    """What `restricted` poses and chooses; nothing is changed and nobody told.

    Raises:
        ConfigError: there are no delays, a layer reads codes that were not timed, or nothing keeps to the bound.
    """
    timing = lab.config.timing
    if lab.delays is None:
        raise ConfigError("compress.timing.bound_ps needs a delay profile of the cell: leave it at 0 or give one")
    delays = lab.delays()
    floors = Floors(timing.least_weights, timing.least_each_sign, timing.least_codes)
    posed = problem(delays, timing.bound_ps, _gains(lab, delays), candidates, floors=floors)
    return posed, choose(posed, timing.solver, seed=lab.config.seed)


def _gains(lab: Lab, delays: Delays) -> Gains:
    """Worth of what was timed, by the weights of all layers in scope and the codes that they read."""
    timing, scope = lab.config.timing, lab.scope
    traces = lab.subject.trace(lab.config.profile_images, scope, "train")
    beyond = [seen.layer.name for seen in traces if not np.isin(np.unique(seen.inputs), delays.activations).all()]
    if beyond:
        raise ConfigError(f"layers {', '.join(beyond)} read activation codes that the delay profile does not hold")
    if timing.worth == "count":
        return by_count(len(delays.weights), len(delays.activations), weight_share=timing.weight_share)
    weights = sum((histogram(lab.subject.weight(layer)) for layer in scope), np.zeros(256, np.int64))
    lowest = int(delays.activations[0])
    codes = sum((_counts(seen, lowest) for seen in traces), np.zeros(256, np.int64))
    places = np.asarray(delays.activations) - lowest
    return by_use(weights[np.asarray(delays.weights) - LEAST], codes[places], weight_share=timing.weight_share)


def _counts(seen: LayerTrace, lowest: int) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    return np.bincount(seen.inputs.ravel().astype(np.int64) - lowest, minlength=256)


@dataclass(frozen=True, eq=False)
class Bounded:
    """Another method on a cell that holds only what keeps to the delay bound: implements `Method`.

    Weights and codes are chosen first, for all layers in scope; whatever the method then does, its layers have no other
    weights and read no other codes. Nobody has published that for the layer-wise method (ours).

    Attributes:
        method: does the rest.
    """

    method: Method

    def parts(self, lab: Lab) -> int:
        """Those of the method."""
        return self.method.parts(lab)

    def require_possible(self, lab: Lab) -> None:
        """See `Choosy`; a bound that leaves too little is refused here, for itself or for the method."""
        _, choice = selected(lab)
        if isinstance(self.method, Choosy):
            self.method.require_possible(_with_weights(lab, choice))

    def points(self, lab: Lab) -> Iterator[Point]:
        """See `Method`."""
        choice = restricted(lab)
        lab.subject.limit(choice.weights)
        try:
            for layer in lab.scope:
                lab.subject.constrain(layer, FREE)
            for point in self.method.points(_with_weights(lab, choice)):
                yield replace(point, setting=bounded_setting(point.setting, lab))
        finally:
            lab.subject.limit(None)


def within_bound(lab: Lab) -> Lab:
    """The lab for a method that chooses its own weights, on a cell that holds only what keeps to the delay bound.

    The inputs of the layers in scope are held to the codes that were chosen with the weights; weights are left to the
    method, which finds those that the cell does not hold priced at infinity. Without a bound, the lab as it is.

    Raises:
        ConfigError: see `selected`.
    """
    return _with_weights(lab, restricted(lab)) if lab.config.timing.bound_ps else lab


def _with_weights(lab: Lab, choice: Choice) -> Lab:
    """A lab whose cell holds the chosen weights alone."""
    pooled = None if lab.pooled is None else _Held(lab.pooled, choice.weights)
    return replace(lab, tables=_Held(lab.tables, choice.weights), pooled=pooled)


def bounded_setting(setting: Setting, lab: Lab) -> Setting:
    """A point's setting with the bound that it keeps to, if there is one."""
    bound_ps = lab.config.timing.bound_ps
    return {**setting, BOUND: bound_ps} if bound_ps else setting


@dataclass(frozen=True, eq=False)
class _Held:
    """A profiler of a cell that holds only some weights."""

    profiler: Profiler
    weights: tuple[int, ...]

    def __call__(self, traces: Sequence[LayerTrace]) -> EnergyOracle:
        beyond = np.ones(256, np.bool_)
        beyond[np.array(self.weights) - LEAST] = False
        return _HeldOracle(self.profiler(traces), beyond)


@dataclass(frozen=True, eq=False)
class _HeldOracle:
    """Prices what is beyond the cell at infinity, as oracles do with what a cell cannot hold."""

    oracle: EnergyOracle
    beyond: np.ndarray[tuple[int], np.dtype[np.bool_]]

    @property
    def origin(self) -> str:
        return self.oracle.origin

    @property
    def layers(self) -> Sequence[str]:
        return self.oracle.layers

    def energy(self, layer: str, weights: Int8, mapping: HardwareMapping = IDENTITY) -> LayerEnergy:
        return self.oracle.energy(layer, weights, mapping)

    def value_energy_fj(self, layer: str) -> Float:
        return np.where(self.beyond, np.inf, self.oracle.value_energy_fj(layer))

    def weight_prices(self, layer: str) -> WeightPrices:
        found = self.oracle.weight_prices(layer)
        return replace(found, value_fj=np.where(self.beyond[:, None], np.inf, found.value_fj))
