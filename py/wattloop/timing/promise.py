"""What a cell is sure to have settled by in all that the array does with some layers: what a supply may rest on.

A delay profile speaks of a weight that is held while activations and partial sums move. An array does more:

- it loads weights, while activations are 0 and partial sums move (`loading_ps`);
- the bus of the weights and their enables move, which reach the weight register alone (`CellPaths.control_steps`);
- it has cells that are idle: they hold weight 0, and 0 is among the weights and codes of every layer.

In an array of one row the first activation comes with the weight, so that nothing but the longest path is sure there.
Everything here holds for all partial sums.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from wattloop.activity.bitparallel.timed_program import with_tails
from wattloop.activity.sources import mac_widths
from wattloop.activity.stimulus import Stimulus
from wattloop.errors import ConfigError
from wattloop.gates.spec import MacSpec
from wattloop.timing.paths import NEVER, boundary, cone
from wattloop.timing.profile import DelayProfile, Float, Int64
from wattloop.timing.profiler import Profiler


@dataclass(frozen=True, eq=False)
class Held:
    """What a layer brings to the array.

    Attributes:
        weights: as the array holds them.
        codes: activation codes that it may read; None for all.
    """

    weights: npt.NDArray[np.integer]
    codes: tuple[int, ...] | None = None


@dataclass(frozen=True)
class Promise:
    """Latest settling times over all partial sums, ps after the clock edge.

    Attributes:
        streaming_ps: while weights are held and activations move.
        loading_ps: while weights are loaded.
        control_ps: of the weight register's input.
    """

    streaming_ps: float
    loading_ps: float
    control_ps: float

    @property
    def settling_ps(self) -> float:
        """The latest of all."""
        return max(self.streaming_ps, self.loading_ps, self.control_ps)


@dataclass(frozen=True, eq=False)
class Promises:
    """Says what a cell promises with some layers.

    Attributes:
        profile: of all its weights over all activations, by `Profiler.worst`.
        loading_ps: see `loading_ps`.
        control_ps: see `Promise`.
        rows: of the array.
    """

    profile: DelayProfile
    loading_ps: Float
    control_ps: float
    rows: int

    @classmethod
    def of(cls, profiler: Profiler, rows: int, profile: DelayProfile | None = None) -> Promises:
        """Time a cell.

        Args:
            profiler: of the cell.
            rows: of the array.
            profile: what `profiler.worst()` gives, where it is known.
        """
        found = profiler.worst() if profile is None else profile
        control_ps = profiler.paths.control_steps * profiler.steps.step_ps
        return cls(found, loading_ps(profiler), control_ps, rows)

    def __post_init__(self) -> None:
        if self.profile.method != "worst":
            raise ConfigError(f"a profile by {self.profile.method!r} bounds nothing: give one by 'worst'")

    def with_layers(self, layers: Iterable[Held]) -> Promise:
        """What is sure while the array runs these layers, one after another.

        Their first tile may have to take the place of weights that none of them holds; it is to be loaded before the
        supply is lowered.

        Raises:
            ConfigError: a weight that the cell does not hold, a code that it does not take, or no layer.
        """
        found = list(layers)
        if not found:
            raise ConfigError("there is no layer to promise anything for")
        streaming_ps = self.profile.static_ps if self.rows == 1 else max(map(self._streaming_ps, found))
        weights = np.unique(np.concatenate([[0], *(layer.weights.ravel() for layer in found)]))
        held = np.isin(self.profile.weights, weights)
        return Promise(streaming_ps, float(self.loading_ps[np.ix_(held, held)].max()), self.control_ps)

    @property
    def whole(self) -> Promise:
        """What is sure with any layers."""
        return self.with_layers([Held(self.profile.weights)])

    def _streaming_ps(self, layer: Held) -> float:
        weights = np.union1d([0], layer.weights)
        codes = self.profile.activations if layer.codes is None else np.union1d([0], np.array(layer.codes, np.int64))
        return float(self.profile.restricted(weights, codes).latest_ps)


def loading_ps(profiler: Profiler) -> Float:
    """When a cell has settled after its weight register took another weight, activations at 0, for all partial sums.

    As in `Profiler.worst` nets that no partial sum reaches are simulated, and what changes there is taken to go on
    along the longest path.

    Returns:
        ps after the clock edge, shape (from, to), both in the order of `DelayProfile.weights`.
    """
    paths, engine = profiler.paths, profiler.engine
    entering = boundary(engine.circuit, cone(engine.circuit, paths.psum))
    plain = engine.program(observed=entering, only=frozenset(entering))
    tails = dict(zip(entering, paths.loading_tails[list(entering), 0].tolist(), strict=True))
    program = with_tails(plain, {net: tail for net, tail in tails.items() if tail != NEVER})
    weights = np.array(profiler.mac.weight_values, np.int64)
    steps = engine.settling_steps(_loads(profiler.mac, weights), program)[0, 1]
    psum = int(paths.loading.longest(paths.psum, paths.loading_tails)[0])
    found = np.maximum(steps.reshape(len(weights), len(weights)), psum)
    return np.asarray(found * profiler.steps.step_ps, np.float64)


def _loads(mac: MacSpec, weights: Int64) -> Stimulus:
    """Every pair of weights as a lane, from the outer one."""
    ends = np.stack([np.repeat(weights, len(weights)), np.tile(weights, len(weights))])[np.newaxis]
    still = np.zeros(1, np.uint8)
    code = mac.weight_code(ends).astype(np.uint16)  # 16 bits at most
    signals: dict[str, npt.NDArray[np.integer]] = {
        "rst_ni": np.ones(1, np.uint8),
        "w_en_i": still,
        "w_i": code,
        "w_q": code,
        **dict.fromkeys(("a_i", "a_q", "p_i", "p_q"), still),
    }
    return Stimulus(signals, mac_widths(mac), np.array([False, True]), 1, 2, ends.shape[2])
