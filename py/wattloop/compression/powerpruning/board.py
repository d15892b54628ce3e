"""A selection in the making, with its conflicts counted as values go and come back."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from wattloop.compression.powerpruning.problem import Bool, Problem

Counts = npt.NDArray[np.float32]


class Board:
    """Weights and codes that are kept, which may still be in conflict.

    Args:
        problem: what may be kept.
        codes: codes that are kept at the start; None for all.

    Attributes:
        weights: mask of the candidates, shape (weights,); may be written to.
        codes: likewise, shape (codes,); changed by `drop_code` and `add_code` alone.
        partners: kept codes that are late with each code under each weight, shape (weights, codes).
    """

    def __init__(self, problem: Problem, codes: Bool | None = None) -> None:
        self.problem = problem
        self.weights = np.ones(len(problem.weights), np.bool_)
        self.codes = np.ones(len(problem.codes), np.bool_) if codes is None else codes.copy()
        # Sums of at most 256 ones are exact in float32, and so are those of 256 such sums.
        self.partners = problem.by_code[self.codes].sum(0, dtype=np.float32)
        self._loops = np.einsum("waa->wa", problem.late).astype(np.float32)

    def copy(self) -> Board:
        """A board of its own."""
        other = object.__new__(Board)
        other.problem, other._loops = self.problem, self._loops
        other.weights, other.codes = self.weights.copy(), self.codes.copy()
        other.partners = self.partners.copy()
        return other

    def drop_code(self, code: int) -> None:
        """Give up the code of this index."""
        self.codes[code] = False
        self.partners -= self.problem.by_code[code]

    def add_code(self, code: int) -> None:
        """Keep the code of this index."""
        self.codes[code] = True
        self.partners += self.problem.by_code[code]

    def by_weight(self) -> Counts:
        """Ordered conflicts of each weight, kept or not, with the kept codes."""
        return np.asarray(self.partners @ self.codes.astype(np.float32))

    def by_code(self) -> Counts:
        """Ordered conflicts of each code, kept or not, with kept weights and kept codes, itself included."""
        kept = self.weights.astype(np.float32)
        return np.asarray(kept @ self.partners + ~self.codes * (kept @ self._loops))

    def fixed(self) -> tuple[Bool, Bool]:
        """Weights and codes that cannot go: 0 and what the floors hold."""
        problem, floors = self.problem, self.problem.floors
        weights = np.full(len(self.weights), self.weights.sum() <= floors.weights)
        for sign in (problem.weights < 0, problem.weights > 0):
            if (self.weights & sign).sum() <= floors.each_sign:
                weights |= sign
        codes = np.full(len(self.codes), self.codes.sum() <= floors.codes)
        weights[problem.zero_weight] = codes[problem.zero_code] = True
        return weights, codes

    def fill(self) -> None:
        """Take back, dearest first, what is in conflict with nothing that is kept."""
        while True:
            # Two weights are never in conflict with each other.
            self.weights |= self.by_weight() == 0
            free = np.flatnonzero(~self.codes & (self.by_code() == 0))
            if not free.size:
                return
            self.add_code(int(free[self.problem.code_gain[free].argmax()]))

    @property
    def gain(self) -> float:
        """Sum of the gains of what is kept."""
        problem = self.problem
        return float(problem.weight_gain[self.weights].sum() + problem.code_gain[self.codes].sum())
