"""Measuring delay profiles with the native timed engine.

Delays are those that the engine counts glitches with: one number a gate, inertial. Every settling time follows from
which observed nets change when; what lies behind them is added as the longest path from there (`with_tails`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from wattloop.activity.bitparallel.delays import Steps
from wattloop.activity.bitparallel.engine import Engine
from wattloop.activity.bitparallel.program import Program
from wattloop.activity.bitparallel.timed_program import with_tails
from wattloop.errors import ConfigError
from wattloop.gates.spec import MacSpec
from wattloop.timing.cell import CellPaths
from wattloop.timing.paths import NEVER, Int32, boundary, cone
from wattloop.timing.profile import DelayProfile, Float, Int64, Method, UInt16
from wattloop.timing.transitions import activation_values, batches, transitions

Progress = Callable[[int, int], None]
_Shares = Iterable[tuple[slice, Program]]


@dataclass(frozen=True, eq=False)
class Profiler:
    """Delay profiles of one cell.

    Attributes:
        engine: the cell's netlist with delays.
        mac: the cell.
        progress: called with (done, total) weights.
    """

    engine: Engine
    mac: MacSpec
    progress: Progress | None = None

    def multiplier(self) -> DelayProfile:
        """The documented method: when the product has settled, plus the adder's longest path.

        Partial sums change, too: no transition is below the longest path from them.

        Raises:
            NetlistError: the product is no cut of the netlist.
        """
        paths = self.paths
        product, adder = paths.product, paths.adder_steps
        plain = self.engine.program(observed=product, only=frozenset(product))
        program = with_tails(plain, dict.fromkeys(product, adder))
        found = self._settling((some, program) for some in batches(self.mac))
        psum = np.full(len(found), paths.free.longest(paths.psum, paths.free_tails)[0], np.int32)
        held = np.maximum(paths.through_product(paths.held), psum)
        static = max(int(paths.through_product(paths.free)[0]), int(psum[0]))
        return self._profile("multiplier", np.maximum(found, _by_weight(psum)), held, static, psum)

    def worst(self) -> DelayProfile:
        """A bound over all transitions of the partial sum.

        Nets that do not depend on the partial sum are simulated. Where they meet it, a change is taken to pass on
        along the longest path that the weight leaves open.
        """
        paths, circuit = self.paths, self.engine.circuit
        entering = boundary(circuit, cone(circuit, paths.psum))
        plain = self.engine.program(observed=entering, only=frozenset(entering))

        def shares() -> Iterator[tuple[slice, Program]]:
            for place, tails in enumerate(paths.held_tails[list(entering)].T.tolist()):
                open_ = {net: tail for net, tail in zip(entering, tails, strict=True) if tail != NEVER}
                yield slice(place, place + 1), with_tails(plain, open_)

        psum = paths.held.longest(paths.psum, paths.held_tails)
        found = np.maximum(self._settling(shares()), _by_weight(psum))
        return self._profile("worst", found, paths.held_steps, paths.free_steps, psum)

    def sampled(self, psums: Int32) -> DelayProfile:
        """The whole cell, the latest over sampled transitions of the partial sum.

        Args:
            psums: partial sums before and after, shape (samples, 2, lanes): lane `from * activations + to` of each
                sample goes with that transition of the activation, whatever the weight.

        Raises:
            ConfigError: another shape.
        """
        lanes = len(activation_values(self.mac)) ** 2
        if psums.ndim != 3 or psums.shape[1:] != (2, lanes) or not len(psums):
            raise ConfigError(f"partial sums of shape {psums.shape}: give (samples, 2, {lanes})")
        program = self.engine.program(observed=self.engine.circuit.ends)
        found = self._settling(((some, program) for some in batches(self.mac)), list(psums))
        nothing = np.zeros(len(found), np.int32)
        return self._profile("sampled", found, self.paths.held_steps, self.paths.free_steps, nothing, len(psums))

    @property
    def longest_ps(self) -> float:
        """Longest path of the whole cell over the engine's delays, whatever moves."""
        return self.paths.free_steps * self.steps.step_ps

    @cached_property
    def paths(self) -> CellPaths:
        """Longest paths of the cell."""
        return CellPaths(self.engine.netlist, self.engine.circuit, self.steps, self.mac)

    @property
    def steps(self) -> Steps:
        """The engine's delays.

        Raises:
            ConfigError: it has none.
        """
        if self.engine.steps is None:
            raise ConfigError("the engine has no delays: give it a Timing")
        return self.engine.steps

    @cached_property
    def _weights(self) -> Int64:
        return np.array(self.mac.weight_values, np.int64)

    def _settling(self, shares: _Shares, psums: Sequence[Int32 | None] = (None,)) -> UInt16:
        """Steps of every transition, shape (weights, from, to): the latest over `psums`."""
        number = len(activation_values(self.mac))
        found = np.zeros((len(self._weights), number, number), np.uint16)
        for some, program in shares:
            for psum in psums:
                stimulus = transitions(self.mac, self._weights[some], psum)
                steps = self.engine.settling_steps(stimulus, program)[:, 1].reshape(-1, number, number)
                np.maximum(found[some], steps, out=found[some])
            if self.progress is not None:
                self.progress(some.stop, len(found))
        return found

    def _profile(
        self, method: Method, found: UInt16, held: Int32, static: int, psum: Int32, samples: int = 0
    ) -> DelayProfile:
        """Steps in ps."""
        grid = self.steps.step_ps
        return DelayProfile(
            method,
            self.engine.netlist.digest,
            self._weights,
            activation_values(self.mac),
            np.ceil(found * grid).astype(np.uint16) if grid != 1 else found,
            held_ps=_ps(held, grid),
            static_ps=static * grid,
            psum_ps=_ps(psum, grid),
            step_ps=grid,
            samples=samples,
        )


def uniform_psums(mac: MacSpec, samples: int, seed: int) -> Int32:
    """Partial sums before and after, uniform over all that the register holds, for `Profiler.sampled`."""
    low, high = mac.psum_range
    shape = samples, 2, len(activation_values(mac)) ** 2
    return np.random.default_rng(seed).integers(low, high + 1, shape, dtype=np.int32)


def _ps(steps: Int32, grid: float) -> Float:
    return np.asarray(steps * grid, np.float64)


def _by_weight(values: Int32) -> UInt16:
    return values[:, np.newaxis, np.newaxis].astype(np.uint16)
