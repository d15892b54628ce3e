"""Randomised dropping with restarts: how PowerPruning is taken to choose weights and activations under a delay bound.

Documented (arXiv 2303.13997, abstract): weights and activations that lead to small delays are selected further, by the
delays of the weights with all activation transitions. Inferred, since the full text is not known to us: as long as a
late transition is left, one of them is taken at random and its weight, the code before or the code after is dropped, at
random; the best of some 20 restarts counts. Ours: what "best" means (`gains`), and the floors.
"""

from __future__ import annotations

import numpy as np

from wattloop.compression.powerpruning.board import Board, Counts
from wattloop.compression.powerpruning.problem import Choice, Problem
from wattloop.errors import ConfigError

RESTARTS = 20


def random_dropping(problem: Problem, *, restarts: int = RESTARTS, seed: int = 0) -> Choice:
    """The best of several random selections.

    Args:
        problem: what may be kept.
        restarts: how many selections are made.
        seed: of all of them; the same seed gives the same choice.

    Raises:
        ConfigError: none of them keeps to the floors, or there are none.
    """
    rng = np.random.default_rng(seed)
    full = Board(problem)
    best: Board | None = None
    for _ in range(restarts):
        found = full.copy()
        if _drop(found, rng) and (best is None or found.gain > best.gain):
            best = found
    if best is None:
        raise ConfigError(
            f"none of {restarts} random selections keeps to {problem.floors}: raise the delay bound, lower the floors"
            " or ask for more restarts"
        )
    return problem.choice(best.weights, best.codes)


def _drop(board: Board, rng: np.random.Generator) -> bool:
    """Drop at random until nothing is late; False where what is late cannot go."""
    while True:
        counts = board.by_weight() * board.weights
        if not counts.any():
            return True
        weight = _drawn(counts, rng)
        code = _drawn(board.partners[weight] * board.codes, rng)
        partner = _drawn((board.problem.late[weight, code] & board.codes).astype(np.float32), rng)
        weights_fixed, codes_fixed = board.fixed()
        choices = [c for c in {code, partner} if not codes_fixed[c]] + [-1] * (not weights_fixed[weight])
        if not choices:
            return False
        drop = choices[rng.integers(len(choices))]
        if drop < 0:
            board.weights[weight] = False
        else:
            board.drop_code(drop)


def _drawn(counts: Counts, rng: np.random.Generator) -> int:
    """An index, as probable as its count is great."""
    reached = counts.cumsum(dtype=np.float64)
    return int(np.searchsorted(reached, rng.random() * reached[-1], side="right"))
