"""Assignments that are tried on the way to one goal, each measured by real tiles."""

from __future__ import annotations

import math
from collections.abc import Mapping

from wattloop.compression.rate_distortion.assignment import LayerProblem
from wattloop.compression.rate_distortion.budget import (
    Assignment,
    Int8,
    assigned,
    least_energy_fj,
    price_of_removal,
    within,
)
from wattloop.compression.rate_distortion.config import RateDistortionConfig
from wattloop.compression.rate_distortion.pursuit import Measurement, next_multiplier

# Real savings go ahead of those that prices tell by about this power.
_POWER = 1.25
# Prices are no guide near the least that they allow.
_ROOM = 1.05


class Trials:
    """Closes in on the assignment that saves what is wanted.

    Args:
        problems: the layers as they are now.
        goal: share of the int8 network's energy to be saved.
        saving: what the network saves now.
        config: settings.

    Attributes:
        problems: may be given other prices after the first trial.
        tried: every assignment with what it saves, in order.
    """

    def __init__(
        self, problems: Mapping[str, LayerProblem], goal: float, saving: float, config: RateDistortionConfig
    ) -> None:
        self.problems = problems
        self.tried: list[tuple[Assignment, float]] = []
        self._goal, self._saving, self._config = goal, saving, config

    def first(self, weights: Mapping[str, Int8]) -> Assignment:
        """By the prices alone; `weights` are those of the network now, by layer."""
        now_fj = sum(problem.energy_fj(weights[layer]) for layer, problem in self.problems.items())
        wanted_fj = now_fj * math.pow((1.0 - self._goal) / (1.0 - self._saving), 1.0 / _POWER)
        most = self._config.values
        return within(self.problems, max(wanted_fj, _ROOM * least_energy_fj(self.problems, most)), most)

    def next(self) -> Assignment:
        """By what was measured; the first trial, which had other prices, counts as long as it is the only one."""
        tried = self.tried[1:] or self.tried
        ours = [Measurement(one.multiplier, 1.0 - saving) for one, saving in tried if one.multiplier > 0.0]
        multiplier = next_multiplier(ours, 1.0 - self._goal) if ours else price_of_removal(self.problems)
        return assigned(self.problems, multiplier, self._config.values)

    def measured(self, found: Assignment, saving: float) -> None:
        """Take note of what an assignment saves."""
        self.tried.append((found, saving))

    @property
    def done(self) -> bool:
        """Whether the goal is met, there is nothing to give back, or all trials are spent."""
        found, saving = self.tried[-1]
        met = abs(saving - self._goal) <= self._config.tolerance
        nothing_to_give_back = found.multiplier == 0.0 and saving >= self._goal
        return met or nothing_to_give_back or len(self.tried) >= self._config.trials

    @property
    def nearest(self) -> tuple[Assignment, float]:
        """The assignment that came nearest to the goal, with what it saves; of equals the latest."""
        return min(reversed(self.tried), key=lambda one: abs(one[1] - self._goal))
