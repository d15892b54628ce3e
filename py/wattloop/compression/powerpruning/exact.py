"""The best selection there is, or a bound on it: integer programming with conflicts added as they are needed (ours).

With 1 for kept and 0 for dropped, a conflict reads w + f + t <= 2. Code 0 stays, so that a weight late between 0 and a
code is w + a <= 1 (and so is one late from a code to itself), and weight 0 stays, which makes f + t <= 1. These pairs
go into the program at once. They leave few of the millions of triples: one that a pair is part of says nothing new.
Those left are added when a solution violates them: each round solves a relaxation, so its value bounds the optimum from
above, and a solution that violates nothing is the optimum. The solver is HiGHS.
"""

from __future__ import annotations

import time
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import sparse
from scipy.optimize import Bounds, LinearConstraint, OptimizeResult, milp

from wattloop.compression.powerpruning.problem import Choice, Int64, Problem
from wattloop.errors import ConfigError

Float = npt.NDArray[np.float64]

SECONDS = 20.0
_MOST_NEW = 10_000  # triples that one round adds, the most violated first
_SLACK = 1e-6
_INFEASIBLE = 2


@dataclass(frozen=True)
class Optimum:
    """What is known of the optimum.

    Attributes:
        bound: no selection has a greater gain; up to rounding in the solver (relative 1e-6).
        choice: the optimum itself, where the solver came so far.
        triples: conflicts left after those implied by others are gone.
        rows: constraints that were needed.
    """

    bound: float
    choice: Choice | None
    triples: int
    rows: int


def optimum(problem: Problem, *, seconds: float = SECONDS) -> Optimum:
    """Solve a selection to the optimum, or bound it.

    Args:
        problem: what may be kept.
        seconds: after which no step of the solver begins; one that is under way may take several times as long. The
            bound that stands by then depends on the machine, an optimum does not.

    Raises:
        ConfigError: no selection keeps to the floors.
    """
    return _Search(_Program(problem), seconds).run()


class _Program:
    """Pairs, triples and floors as rows over the columns: weights, then codes."""

    def __init__(self, problem: Problem) -> None:
        self.problem = problem
        self.offset = len(problem.weights)
        self.columns = self.offset + len(problem.codes)
        late, unmoved = problem.late, problem.late[problem.zero_weight]
        edges = late[:, problem.zero_code] | np.einsum("waa->wa", late)
        implied = edges[:, :, None] | edges[:, None, :] | unmoved
        weight, first, second = np.nonzero(np.triu(late & ~implied, 1))
        self.triples = np.stack([weight, self.offset + first, self.offset + second], 1)
        pairs = self.offset + np.argwhere(np.triu(unmoved, 1))
        self.pairs = np.concatenate([np.argwhere(edges) + np.array([0, self.offset]), pairs])

    def bounds(self) -> Bounds:
        """0 to 1; both values 0 are kept."""
        least = np.zeros(self.columns)
        least[[self.problem.zero_weight, self.offset + self.problem.zero_code]] = 1
        return Bounds(least, np.ones(self.columns))

    def constraints(self, added: Int64) -> list[LinearConstraint]:
        """Floors, pairs and the triples of these numbers."""
        weights, floors = self.problem.weights, self.problem.floors
        code = np.arange(self.columns) >= self.offset
        sign = np.concatenate([np.sign(weights), np.zeros(self.columns - self.offset, np.int64)])
        counts = np.stack([~code, sign < 0, sign > 0, code]).astype(np.float64)
        least = [floors.weights, floors.each_sign, floors.each_sign, floors.codes]
        rows = [LinearConstraint(counts, least, np.inf)]
        for columns in (self.pairs, self.triples[added]):
            if len(columns):
                rows.append(LinearConstraint(self._ones(columns), -np.inf, columns.shape[1] - 1))
        return rows

    def _ones(self, columns: Int64) -> sparse.csr_matrix:
        count, width = columns.shape
        starts = np.arange(0, count * width + 1, width)
        ones = np.ones(count * width)
        return sparse.csr_matrix((ones, columns.ravel(), starts), shape=(count, self.columns))


class _Search:
    """Rounds over ever more triples: first with fractions, which is quick, then with integers."""

    def __init__(self, program: _Program, seconds: float) -> None:
        self.program, self.deadline = program, time.monotonic() + seconds
        problem = program.problem
        self.gain = np.concatenate([problem.weight_gain, problem.code_gain])
        self.added = np.zeros(0, np.int64)
        self.bound = float(self.gain.sum())

    def run(self) -> Optimum:
        for whole in (False, True):
            while (found := self._solve(whole)) is not None:
                violated = self._violated(found)
                if not violated.size:
                    break
                self.added = np.union1d(self.added, violated)
        problem, program = self.program.problem, self.program
        choice = None
        if found is not None:
            kept = found > 0.5
            choice = problem.choice(kept[: program.offset], kept[program.offset :])
        rows = len(program.pairs) + len(self.added)
        return Optimum(self.bound, choice, len(program.triples), rows)

    def _solve(self, whole: bool) -> Float | None:
        """An optimum over the triples so far, whose value bounds that over all; None where time is up."""
        left = self.deadline - time.monotonic()
        if left <= 0:
            return None
        result: OptimizeResult = milp(
            -self.gain,
            integrality=np.full(self.program.columns, int(whole)),
            bounds=self.program.bounds(),
            constraints=self.program.constraints(self.added),
            options={"time_limit": left, "mip_rel_gap": 0},
        )
        if result.status == _INFEASIBLE:
            raise ConfigError(
                f"nothing that keeps to {self.program.problem.floors} keeps to the delay bound: raise the bound or"
                " lower the floors"
            )
        bound = result.get("mip_dual_bound") if whole else result.fun
        if bound is not None and np.isfinite(bound) and (whole or result.status == 0):
            self.bound = min(self.bound, -float(bound))
        solution: Float | None = result.x if result.status == 0 else None
        return solution

    def _violated(self, solution: Float) -> Int64:
        """Numbers of the most violated triples."""
        excess = solution[self.program.triples].sum(1) - 2
        found = np.flatnonzero(excess > _SLACK)
        if len(found) > _MOST_NEW:
            found = found[np.argsort(-excess[found], kind="stable")[:_MOST_NEW]]
        return found
