"""Greedy selections under a delay bound and local search from the best of them (ours).

Three ways to begin: all that there is, from which what is most in conflict for its worth goes first; all codes, and
weights one by one, each the one that costs least in codes; all weights, and codes one by one likewise. The search then
forces a few values in that were out, repairs what that breaks, and fills up; it goes on from whatever is not much
worse.
"""

from __future__ import annotations

import numpy as np

from wattloop.compression.powerpruning.board import Board
from wattloop.compression.powerpruning.gains import Float
from wattloop.compression.powerpruning.problem import Bool, Choice, Problem
from wattloop.errors import ConfigError

ROUNDS = 300
# Shares of the whole worth that a step may lose, at the beginning of the search; it falls to 0.
_WARMTH = 0.005
# Spread of the random factor on the order in which repairs drop values.
_NOISE = 0.3
_MOST_FORCED = 3


def local_search(problem: Problem, *, rounds: int = ROUNDS, seed: int = 0) -> Choice:
    """The best selection that greedy starts and local search find.

    Args:
        problem: what may be kept.
        rounds: steps of the search; 0 for the greedy starts alone.
        seed: the same seed gives the same choice.

    Raises:
        ConfigError: no start keeps to the floors.
    """
    rng = np.random.default_rng(seed)
    starts = [start for start in _starts(problem) if start is not None]
    if not starts:
        raise ConfigError(f"no selection was found that keeps to {problem.floors}: raise the bound or lower the floors")
    best = max(starts, key=lambda board: board.gain)
    here, worth = best, float(problem.weight_gain.sum() + problem.code_gain.sum())
    for k in range(rounds):
        there = _step(here, rng)
        allowance = _WARMTH * worth * (1 - k / rounds) * rng.random()
        if there is not None and there.gain >= here.gain - allowance:
            here = there
            best = max(best, here, key=lambda board: board.gain)
    return problem.choice(best.weights, best.codes)


def _starts(problem: Problem) -> list[Board | None]:
    full = Board(problem)
    dropped = full.copy()
    nothing: Bool = np.zeros(len(problem.weights), np.bool_)
    held = (nothing, np.zeros(len(problem.codes), np.bool_))
    return [
        dropped if _repair(dropped, held, None) else None,
        _grown_weights(full.copy()),
        _grown_codes(problem),
    ]


def _repair(board: Board, held: tuple[Bool, Bool], rng: np.random.Generator | None) -> bool:
    """Drop what is in conflict, most conflicts for its worth first, then fill up.

    Args:
        board: it is changed.
        held: masks of weights and codes that stay.
        rng: for noise on the order; None for none.

    Returns:
        False where what is left in conflict cannot go.
    """
    problem = board.problem
    while True:
        weights_fixed, codes_fixed = board.fixed()
        by_weight = board.by_weight() * board.weights
        if not by_weight.any():
            board.fill()
            return True
        by_code = board.by_code() * board.codes
        # Ordered conflicts: each stands twice under its weight, and once under each of its codes.
        ratios = np.concatenate([by_weight / 2 / problem.weight_gain, by_code / problem.code_gain])
        ratios[np.concatenate([weights_fixed | held[0], codes_fixed | held[1]])] = 0
        if rng is not None:
            ratios *= np.exp(_NOISE * rng.standard_normal(len(ratios)))
        worst = int(ratios.argmax())
        if not ratios[worst]:
            return False
        if worst < len(board.weights):
            board.weights[worst] = False
        else:
            board.drop_code(worst - len(board.weights))


def _grown_weights(board: Board) -> Board | None:
    """All codes and weight 0, then weights one by one, each with the codes that it costs gone; the best on the way."""
    problem, best = board.problem, None
    board.weights[:] = False
    board.weights[problem.zero_weight] = True
    while True:
        everything = board.weights.copy()
        if not _repair(board, (everything, np.zeros_like(board.codes)), None):
            return best
        if problem.possible(board.weights, board.codes) and (best is None or board.gain > best.gain):
            best = board.copy()
        wanted = _wanted(board)
        if not wanted.any():
            return best
        worth = np.where(wanted, problem.weight_gain / _costs(board), 0)
        board.weights[int(worth.argmax())] = True


def _wanted(board: Board) -> Bool:
    """Weights to go on with: those that a floor lacks, else all that are out."""
    problem, floors, out = board.problem, board.problem.floors, ~board.weights
    for sign in (problem.weights < 0, problem.weights > 0):
        if (board.weights & sign).sum() < floors.each_sign:
            return np.asarray(out & sign)
    return np.asarray(out)


def _costs(board: Board) -> Float:
    """About what each weight would cost in codes: those late with 0 or with themselves, and half of the others."""
    problem = board.problem
    sure = problem.late[:, problem.zero_code] | np.einsum("waa->wa", problem.late)
    touched = board.partners > 0
    worth = problem.code_gain * board.codes
    costs: Float = (sure @ worth) + (touched & ~sure) @ worth / 2
    return np.asarray(costs + problem.code_gain.min())


def _grown_codes(problem: Problem) -> Board | None:
    """All weights and code 0, then codes one by one, each with the weights that it costs gone; the best on the way."""
    only_zero = np.zeros(len(problem.codes), np.bool_)
    only_zero[problem.zero_code] = True
    board, best = Board(problem, only_zero), None
    board.weights = board.by_weight() == 0
    while True:
        board.fill()
        if problem.possible(board.weights, board.codes) and (best is None or board.gain > best.gain):
            best = board.copy()
        lost = (board.partners > 0) | np.einsum("waa->wa", problem.late)
        costs = (problem.weight_gain * board.weights) @ lost
        able = ~board.codes & ~lost[problem.zero_weight]
        if not able.any():
            return best
        code = int(np.where(able, problem.code_gain / (costs + problem.weight_gain.min()), 0).argmax())
        board.weights &= ~lost[:, code]
        board.add_code(code)


def _step(here: Board, rng: np.random.Generator) -> Board | None:
    """A neighbour: a few values forced in, the rest repaired; None where that leads nowhere."""
    board = here.copy()
    held: tuple[Bool, Bool] = (np.zeros_like(board.weights), np.zeros_like(board.codes))
    out = np.flatnonzero(~np.concatenate([board.weights, board.codes]))
    if not out.size:
        return None
    count = min(out.size, int(rng.integers(1, _MOST_FORCED + 1)))
    for index in rng.choice(out, count, replace=False).tolist():
        code = index - len(board.weights)
        if code < 0:
            board.weights[index] = held[0][index] = True
        else:
            board.add_code(code)
            held[1][code] = True
    return board if _repair(board, held, rng) else None
