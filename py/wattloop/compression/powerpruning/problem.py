"""Selection under a delay bound as a hitting-set problem on (weight, from, to).

A transition of the activation from one code to another under a weight that settles later than the bound may not happen:
the weight, the code before or the code after must go. An array brings either order of two codes, so the order does not
matter: a *conflict* is a weight and an unordered pair of codes. 0 stays among the weights and among the codes: pruned
weights, the padding and the edges of tiles bring it anyway.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from wattloop.compression.powerpruning.gains import Float, Gains
from wattloop.errors import ConfigError

Bool = npt.NDArray[np.bool_]
Int64 = npt.NDArray[np.int64]
Times = npt.NDArray[np.number[Any]]


class Delays(Protocol):
    """When a cell has settled after each transition of its activation."""

    @property
    def weights(self) -> Int64:
        """Weights that were timed, ascending, 0 among them, shape (weights,)."""

    @property
    def activations(self) -> Int64:
        """Activation codes that were timed, ascending, 0 among them, shape (codes,)."""

    @property
    def settling_ps(self) -> Times:
        """ps from the clock edge, shape (weights, from, to); the adder's static delay is in it where it is added."""


@dataclass(frozen=True, eq=False)
class DelayTable:
    """Implements `Delays` for arrays of one's own.

    Attributes:
        weights: ascending, 0 among them, shape (weights,).
        activations: ascending, 0 among them, shape (codes,).
        settling_ps: ps, shape (weights, from, to).
    """

    weights: Int64
    activations: Int64
    settling_ps: Times


@dataclass(frozen=True)
class Floors:
    """What must be left at least, 0 included.

    A sum of gains alone may be greatest where nearly all weights stay and no code but 0, or the other way round.

    Attributes:
        weights: weights.
        each_sign: negative weights, and positive weights.
        codes: activation codes.
    """

    weights: int = 1
    each_sign: int = 0
    codes: int = 1


@dataclass(frozen=True)
class Choice:
    """What is kept.

    Attributes:
        weights: in ascending order, 0 among them.
        codes: activation codes in ascending order, 0 among them.
        gain: sum of their gains.
    """

    weights: tuple[int, ...]
    codes: tuple[int, ...]
    gain: float


@dataclass(frozen=True, eq=False)
class Problem:
    """What may be kept, what is in conflict, what it is worth.

    Attributes:
        weights: candidates in ascending order, 0 among them, shape (weights,).
        codes: candidates in ascending order, 0 among them, shape (codes,).
        late: conflicts, shape (weights, codes, codes), symmetric in the last two axes.
        weight_gain: shape (weights,), above 0.
        code_gain: shape (codes,), above 0.
        floors: what must be left.
    """

    weights: Int64
    codes: Int64
    late: Bool
    weight_gain: Float
    code_gain: Float
    floors: Floors = field(default_factory=Floors)

    def __post_init__(self) -> None:
        if self.late[self.zero_weight, self.zero_code, self.zero_code]:
            raise ConfigError("not even weight 0 at activation 0 keeps to the delay bound: raise the bound")
        signs = [(self.weights < 0).sum(), (self.weights > 0).sum()]
        few = self.floors.weights > len(self.weights) or self.floors.codes > len(self.codes)
        if few or self.floors.each_sign > min(signs):
            raise ConfigError(
                f"{len(self.weights)} weights ({signs[0]} negative, {signs[1]} positive) and {len(self.codes)} codes"
                f" are fewer than {self.floors}: lower the floors or raise the power threshold"
            )

    @cached_property
    def zero_weight(self) -> int:
        """Index of weight 0."""
        return int(np.flatnonzero(self.weights == 0)[0])

    @cached_property
    def zero_code(self) -> int:
        """Index of code 0."""
        return int(np.flatnonzero(self.codes == 0)[0])

    @cached_property
    def by_code(self) -> npt.NDArray[np.uint8]:
        """`late` with a code's own block together, shape (codes, weights, codes)."""
        return np.ascontiguousarray(self.late.transpose(1, 0, 2)).view(np.uint8)

    @property
    def conflicts(self) -> int:
        """Conflicts among all candidates: weights times unordered pairs of codes."""
        loops = int(np.einsum("waa->", self.late.view(np.uint8), dtype=np.int64))
        return (int(self.late.sum()) + loops) // 2

    def possible(self, weights: Bool, codes: Bool) -> bool:
        """Whether these weights and codes, masks of the candidates, can be kept together."""
        kept, floors, values = self.weights[weights], self.floors, self.codes[codes]
        if 0 not in kept or 0 not in values or len(kept) < floors.weights or len(values) < floors.codes:
            return False
        signs = (int((kept < 0).sum()), int((kept > 0).sum()))
        return min(signs) >= floors.each_sign and not self.late[np.ix_(weights, codes, codes)].any()

    def choice(self, weights: Bool, codes: Bool) -> Choice:
        """What masks of the candidates stand for."""
        gain = float(self.weight_gain[weights].sum() + self.code_gain[codes].sum())
        kept, values = self.weights[weights].tolist(), self.codes[codes].tolist()
        return Choice(tuple(kept), tuple(values), gain)


def problem(
    delays: Delays,
    bound_ps: float,
    gains: Gains,
    weights: Sequence[int] | None = None,
    *,
    floors: Floors | None = None,
) -> Problem:
    """The problem that a delay profile poses.

    Args:
        delays: when the cell settles.
        bound_ps: transitions that settle later are forbidden.
        gains: worth of weights and codes, one for each of `delays.weights` and `delays.activations`.
        weights: candidates, such as those that a power threshold left; None for all. 0 is always one.
        floors: what must be left; None for 0 and 0 alone.

    Raises:
        ConfigError: arrays that do not fit each other, times that are none, a weight that was not timed, or a bound
            that 0 itself exceeds.
    """
    settling_ps, known, codes = delays.settling_ps, delays.weights, delays.activations
    shape = (len(known), len(codes), len(codes))
    fitting = (len(gains.weights), len(gains.codes)) == shape[:2]
    if settling_ps.shape != shape or not fitting or not np.isfinite(bound_ps):
        raise ConfigError(
            f"settling times of shape {settling_ps.shape}, {len(gains.weights)} and {len(gains.codes)} gains, a bound"
            f" of {bound_ps} ps: give times of shape {shape}, gains for each and a number"
        )
    if np.issubdtype(settling_ps.dtype, np.floating) and np.isnan(settling_ps).any():
        raise ConfigError("some settling times are missing (nan): time all transitions first")
    chosen = np.asarray(known) if weights is None else np.array(sorted({0, *weights}))
    missing = np.setdiff1d([0, *chosen.tolist()], known)
    if missing.size or 0 not in codes:
        raise ConfigError(f"weights {missing.tolist()} were not timed, or code 0 was not: time every value that stays")
    rows = np.flatnonzero(np.isin(known, chosen))
    late = settling_ps[rows] > bound_ps
    late |= late.transpose(0, 2, 1).copy()
    return Problem(chosen, np.asarray(codes), late, gains.weights[rows], gains.codes, floors or Floors())


def late_transitions(delays: Delays, bound_ps: float, choice: Choice) -> int:
    """How many (weight, from, to) of what is kept settle after the bound: 0 for a sound choice."""
    kept = np.flatnonzero(np.isin(delays.weights, choice.weights))
    codes = np.flatnonzero(np.isin(delays.activations, choice.codes))
    return int((delays.settling_ps[np.ix_(kept, codes, codes)] > bound_ps).sum())
