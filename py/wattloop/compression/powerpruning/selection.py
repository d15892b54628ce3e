"""Selection of weights and activations under a delay bound: the solvers by name, and how far each is from the best.

Stages, each named after where it comes from:

1. *Documented*: weights under a power threshold (`power.under_threshold`).
2. *Documented*: of the rest, weights and activations with small delays over all activation transitions. *Inferred*:
   random dropping with restarts (`dropping`). *Ours*: greedy starts with local search (`search`), the optimum or a
   bound on it (`exact`), gains, floors, and 0 in both sets.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from wattloop.compression.powerpruning.dropping import random_dropping
from wattloop.compression.powerpruning.exact import SECONDS, Optimum, optimum
from wattloop.compression.powerpruning.problem import Choice, Problem
from wattloop.compression.powerpruning.search import local_search
from wattloop.errors import ConfigError

DROPPING, SEARCH = "dropping", "search"
SOLVERS: Mapping[str, Callable[[Problem, int], Choice]] = {
    DROPPING: lambda problem, seed: random_dropping(problem, seed=seed),
    SEARCH: lambda problem, seed: local_search(problem, seed=seed),
}


def choose(problem: Problem, solver: str = SEARCH, *, seed: int = 0) -> Choice:
    """A sound selection; the same on every machine.

    Args:
        problem: what may be kept.
        solver: "dropping" (as PowerPruning is taken to do it) or "search" (ours).
        seed: of what is random.

    Raises:
        ConfigError: an unknown solver, or none of its selections keeps to the floors.
    """
    if solver not in SOLVERS:
        raise ConfigError(f"unknown solver {solver!r}; known: {', '.join(SOLVERS)}")
    return SOLVERS[solver](problem, seed)


@dataclass(frozen=True)
class Comparison:
    """Selections of one problem beside what the best could be.

    Attributes:
        dropping: by random dropping; None where none kept to the floors.
        search: by local search.
        optimum: the optimum or a bound.
    """

    dropping: Choice | None
    search: Choice
    optimum: Optimum

    def gap(self, choice: Choice) -> float:
        """Share of the best possible gain that `choice` lacks, at most; 0 for an optimum."""
        return max(0.0, 1 - choice.gain / self.optimum.bound)


def compare(problem: Problem, *, seconds: float = SECONDS, seed: int = 0) -> Comparison:
    """Solve a problem in all ways.

    Args:
        problem: what may be kept.
        seconds: for the optimum.
        seed: of what is random.

    Raises:
        ConfigError: nothing keeps to the floors.
    """
    best = optimum(problem, seconds=seconds)
    try:
        dropped = choose(problem, DROPPING, seed=seed)
    except ConfigError:  # what is random may miss floors that others keep to
        dropped = None
    return Comparison(dropped, choose(problem, SEARCH, seed=seed), best)
