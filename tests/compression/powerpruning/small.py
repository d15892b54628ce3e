"""Small selection problems, and what brute force makes of them."""

from __future__ import annotations

import itertools

import numpy as np
from hypothesis import strategies as st

from wattloop.compression.powerpruning.gains import Gains
from wattloop.compression.powerpruning.problem import DelayTable, Floors, Problem, problem

BOUND_PS = 100.0
VALUES = np.arange(-128, 128)
# Later for more bits of the weight and for codes further apart, and never for a code that stays.
DELAYS = DelayTable(
    VALUES,
    np.arange(256),
    9 * np.array([abs(int(value)).bit_count() for value in VALUES])[:, None, None]
    + 5.5 * np.sqrt(np.abs(np.arange(256.0)[:, None] - np.arange(256)))[None],
)


@st.composite
def delay_tables(draw: st.DrawFn, most: int = 5) -> DelayTable:
    """Settling times around the bound; nothing is late where nothing moves but what is drawn so."""
    weights, codes = draw(st.integers(2, most)), draw(st.integers(2, most))
    rng = np.random.default_rng(draw(st.integers(0, 1 << 32)))
    late = rng.random((weights, codes, codes)) < draw(st.sampled_from([0.02, 0.1, 0.3, 0.6]))
    if draw(st.booleans()):  # the usual case: what does not move is not late, and weight 0 never is
        late[:, range(codes), range(codes)] = False
        late[weights // 2] = False
    late[weights // 2, 0, 0] = False
    return table(np.where(late, BOUND_PS + 1, BOUND_PS))


def table(settling_ps: np.ndarray) -> DelayTable:
    """Times of as many negative weights as positive ones (or one more), and of codes from 0 up."""
    weights, codes = settling_ps.shape[:2]
    return DelayTable(np.arange(weights) - weights // 2, np.arange(codes), settling_ps)


@st.composite
def problems(draw: st.DrawFn) -> Problem:
    delays = draw(delay_tables())
    weights, codes = delays.settling_ps.shape[:2]
    worth = st.integers(1, 64).map(lambda n: n / 64)
    gains = Gains(
        np.array(draw(st.lists(worth, min_size=weights, max_size=weights))),
        np.array(draw(st.lists(worth, min_size=codes, max_size=codes))),
    )
    floors = Floors(weights=draw(st.integers(1, 2)), codes=draw(st.integers(1, 2)))
    return problem(delays, BOUND_PS, gains, floors=floors)


def brute_force(given: Problem) -> float | None:
    """The greatest gain of all selections, tried one by one against the triples themselves; None if none is sound."""
    weights, codes, floors = given.weights.tolist(), given.codes.tolist(), given.floors
    triples = {tuple(triple) for triple in np.argwhere(given.late).tolist()}
    best = None
    for kept in subsets(range(len(weights))):
        for values in subsets(range(len(codes))):
            negative, positive = sum(weights[w] < 0 for w in kept), sum(weights[w] > 0 for w in kept)
            if 0 not in {weights[w] for w in kept} or 0 not in {codes[c] for c in values}:
                continue
            if len(kept) < floors.weights or len(values) < floors.codes or min(negative, positive) < floors.each_sign:
                continue
            if any((w, a, b) in triples for w in kept for a in values for b in values):
                continue
            gain = sum(given.weight_gain[list(kept)]) + sum(given.code_gain[list(values)])
            best = gain if best is None else max(best, gain)
    return best


def subsets(items: range) -> list[tuple[int, ...]]:
    return [found for size in range(len(items) + 1) for found in itertools.combinations(items, size)]
