"""How many members of which stratum to measure until a total is known well enough, and how well it then is known.

Sequential stratified sampling: a pilot of every stratum, then as many more as the spread found so far calls for, most
where members are many and differ (Neyman's allocation, by the cost of a member), until the confidence interval of the
total is narrow enough. Who looks often and stops when an interval seems narrow enough stops too often on a lucky one,
and who measures more only where a few members differed misses the strata whose few were alike: such intervals cover
less than they say. So the risk is shared out among the looks, rounds aim below the precision asked for, so that the
second look is the last one most of the time, and a stratum's spread leans on the relative one that all have in common.
A stratum whose sample is nearly all alike has a variance that means nothing: an allowance for members of a sort not
seen yet takes its place, and it is measured on until that is small or nobody is left (`power.alike`).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.special import stdtrit

from wattloop.errors import ConfigError
from wattloop.power.alike import unseen_members, unseen_spreads

Float = npt.NDArray[np.float64]
Int64 = npt.NDArray[np.int64]

_PILOT = 6  # members of each stratum
_PILOT_IN_ALL = 60  # of all strata, at least
_AIM = 0.93  # of the precision asked for
_LEAST_GROWTH = 1.15  # of the sample in a round
_PRIOR = 60.0  # degrees of freedom of the spread that strata have in common
_PILOT_RISK = 0.1  # share of the risk that a look at the pilot may take, and all looks after the second
_DOUBT = 0.35  # of the precision that unseen sorts of members may take: with _AIM, in quadrature, still within it
_DOUBT_GROWTH = 4  # of a stratum whose sample is alike
_LISTED = 1 << 17  # populations up to this size are shuffled whole


@dataclass(frozen=True)
class StopRule:
    """When to stop.

    Attributes:
        precision: half the width of the confidence interval, relative to the total.
        confidence: probability that the interval covers the exact total.
    """

    precision: float = 0.01
    confidence: float = 0.95

    def __post_init__(self) -> None:
        if not 0 < self.precision < 1:
            raise ConfigError(
                f"precision = {self.precision} is illegal; legal: above 0 and below 1, such as 0.01 or 1%"
            )
        if not 0.5 <= self.confidence < 1:
            raise ConfigError(f"confidence = {self.confidence} is illegal; legal: 0.5 to below 1, such as 0.95 or 95%")


@dataclass(frozen=True)
class Interval:
    """A total and how well it is known.

    Attributes:
        total: estimate.
        error: standard error.
        half_width: half the width of its confidence interval; 0 where everything was measured, infinite where all that
            was measured was alike.
        degrees: degrees of freedom of the error (Satterthwaite).
    """

    total: float
    error: float
    half_width: float
    degrees: float

    @property
    def precision(self) -> float:
        """Half width relative to the total."""
        return self.half_width / self.total if self.total else 0.0

    def covers(self, exact: float) -> bool:
        """Whether the interval holds `exact`."""
        return abs(self.total - exact) <= self.half_width + 1e-12 * abs(exact)


def interval(sizes: Sequence[int] | Int64, values: Sequence[Float], confidence: float) -> Interval:
    """Confidence interval of the total over all strata, from samples without replacement.

    Args:
        sizes: members of each stratum.
        values: the sampled values of each: all of them, or at least 2.
        confidence: of the interval.
    """
    total = sum(size * float(sampled.mean()) for size, sampled in zip(sizes, values, strict=True))
    parts = _variances(sizes, values)
    variance = sum(part for part, _ in parts)
    degrees = variance**2 / sum(part**2 / free for part, free in parts if part) if variance else math.inf
    student = _quantile(degrees, confidence) * math.sqrt(variance) if variance else 0.0
    allowance = float(_allowances(sizes, values, confidence).sum())
    error = math.hypot(math.sqrt(variance), _unseen_error(sizes, values))
    return Interval(total, error, math.hypot(student, allowance), degrees)


def _allowances(sizes: Sequence[int] | Int64, values: Sequence[Float], confidence: float) -> Float:
    """What members of a sort not seen yet may add to each stratum's total."""
    spreads = unseen_spreads(sizes, values)
    members = unseen_members(sizes, values, 1 - confidence)
    return np.where(spreads > 0, spreads, 0.0) * np.where(spreads > 0, members, 1.0)


def _unseen_error(sizes: Sequence[int] | Int64, values: Sequence[Float]) -> float:
    """Standard error for the same; finite: where nothing is known of a spread, that is taken to be the mean."""
    means = np.array([abs(float(sampled.mean())) for sampled in values])
    spreads = unseen_spreads(sizes, values)
    members = unseen_members(sizes, values, math.exp(-1.0))
    return float(np.linalg.norm(np.where(np.isinf(spreads), means, spreads) * members))


def _quantile(degrees: float, confidence: float) -> float:
    """Of Student's distribution: half the width of an interval in standard errors."""
    return float(stdtrit(min(degrees, 1e9), 0.5 + confidence / 2))


def _variances(sizes: Sequence[int] | Int64, values: Sequence[Float]) -> list[tuple[float, int]]:
    """Variance of each stratum's estimated total with the finite population correction, and its degrees of freedom."""
    parts = []
    for size, sampled in zip(sizes, values, strict=True):
        count = len(sampled)
        spread = float(sampled.var(ddof=1)) if count < size else 0.0
        parts.append((size * size * spread / count * (1 - count / size), max(1, count - 1)))
    return parts


class Draw:
    """A random order of the members of a stratum, of which a sample is the beginning."""

    def __init__(self, size: int, seed: Sequence[int]) -> None:
        self._size, self._rng = size, np.random.default_rng(list(seed))
        self._order = self._rng.permutation(size).tolist() if size <= _LISTED else []
        self._seen = set(self._order)

    def first(self, count: int) -> list[int]:
        """The first members of the order."""
        while len(self._order) < count:
            member = int(self._rng.integers(self._size))
            if member not in self._seen:
                self._seen.add(member)
                self._order.append(member)
        return self._order[:count]


Measure = Callable[[list[tuple[int, list[int]]]], list[Float]]
Plan = Callable[[float, float], None]


@dataclass(frozen=True, eq=False)
class Population:
    """Strata whose total is sought.

    Attributes:
        sizes: members of each.
        costs: of measuring one member of each, in any unit.
        names: of each, distinct; they seed its order.
    """

    sizes: Int64
    costs: Float
    names: Sequence[Sequence[int]]


@dataclass(frozen=True)
class Found:
    """The outcome of a sequential sample.

    Attributes:
        interval: of the total.
        rounds: how often it was looked at.
        chosen: members of each stratum that were measured, in the order of their drawing.
        values: theirs.
    """

    interval: Interval
    rounds: int
    chosen: list[list[int]]
    values: list[Float]


def sample_total(
    population: Population, measure: Measure, rule: StopRule, seed: int, on_plan: Plan | None = None
) -> Found:
    """Measure members at random until the total is as precise as the rule wants it.

    The same seed draws the same members, whoever measures them.

    Args:
        population: the strata.
        measure: given (stratum, new members) pairs, returns the values of each, all rounds in the same order.
        rule: when to stop.
        seed: of the choice.
        on_plan: told before each round what the sample will have cost in all, and what it has cost so far.
    """
    draws = [Draw(int(size), [seed, *name]) for size, name in zip(population.sizes, population.names, strict=True)]
    values: list[Float] = [np.empty(0)] * len(draws)
    counts = np.minimum(population.sizes, max(_PILOT, math.ceil(_PILOT_IN_ALL / len(draws))))
    rounds = 0
    while True:
        done = np.array([len(v) for v in values])
        if on_plan is not None:
            on_plan(float(counts @ population.costs), float(done @ population.costs))
        new = [(h, draws[h].first(int(counts[h]))[done[h] :]) for h in range(len(draws)) if counts[h] > done[h]]
        for (h, _), fresh in zip(new, measure(new), strict=True):
            values[h] = np.concatenate([values[h], fresh])
        rounds += 1
        looked = interval(population.sizes, values, _at_look(rule.confidence, rounds))
        if looked.half_width <= rule.precision * abs(looked.total) or (counts == population.sizes).all():
            break
        counts = _next_counts(population, values, looked, rule, _at_look(rule.confidence, rounds + 1))
    chosen = [draw.first(int(count)) for draw, count in zip(draws, counts, strict=True)]
    return Found(looked, rounds, chosen, values)


def _at_look(confidence: float, look: int) -> float:
    """Confidence of one look's interval; the risks of all looks add up to no more than that of the rule."""
    share = (_PILOT_RISK, 1 - 2 * _PILOT_RISK)[look - 1] if look <= 2 else _PILOT_RISK * 0.5 ** (look - 2)
    return 1 - (1 - confidence) * share


def _next_counts(
    population: Population, values: list[Float], looked: Interval, rule: StopRule, confidence: float
) -> Int64:
    """Members of each stratum after a round whose interval has the given confidence."""
    have = np.array([len(v) for v in values])
    spreads = _spreads(population, values)
    quantile = _quantile(looked.degrees, confidence)
    wanted = (_AIM * rule.precision * abs(looked.total) / quantile) ** 2
    appetite = population.sizes * spreads / np.sqrt(population.costs)
    scale = _scale(population, spreads, appetite, have, wanted)
    counts = _counts(population, appetite, have, scale)
    if counts.sum() < _LEAST_GROWTH * have.sum():
        short = _LEAST_GROWTH * have.sum() / max(1.0, float(appetite.sum()))
        counts = np.maximum(counts, _counts(population, appetite, have, max(scale, short)))
    counts = np.maximum(counts, _doubted(population, values, looked, rule, confidence))
    # Rounding may leave a sample as it was.
    return counts if (counts > have).any() else np.minimum(population.sizes, have + 1)


def _doubted(population: Population, values: list[Float], looked: Interval, rule: StopRule, confidence: float) -> Int64:
    """Members of each stratum, several times as many where those so far are alike and what is unseen may matter."""
    have = np.array([len(v) for v in values])
    allowances = _allowances(population.sizes, values, confidence)
    bearable = _DOUBT * rule.precision * abs(looked.total) / max(1, int((allowances > 0).sum()))
    return np.where(allowances > bearable, np.minimum(population.sizes, _DOUBT_GROWTH * have), have)


def _spreads(population: Population, values: list[Float]) -> Float:
    """Standard deviation within each stratum: its own, leaning on the relative one that all have in common."""
    free = np.array([len(v) - 1 for v in values], dtype=np.float64)
    own = np.array([v.var(ddof=1) if len(v) > 1 else 0.0 for v in values])
    mean = np.array([v.mean() for v in values])
    weight = population.sizes * np.abs(mean) * (free > 0)
    relative = own / np.where(mean == 0, 1.0, mean) ** 2
    common = float(weight @ relative / weight.sum()) if weight.sum() else 0.0
    return np.asarray(np.sqrt((free * own + _PRIOR * common * mean**2) / (free + _PRIOR)))


def _counts(population: Population, appetite: Float, have: Int64, scale: float) -> Int64:
    return np.minimum(population.sizes, np.maximum(have, np.ceil(scale * appetite))).astype(np.int64)


def _scale(population: Population, spreads: Float, appetite: Float, have: Int64, wanted: float) -> float:
    """Members for each unit of appetite such that the variance of the total is `wanted`."""

    def variance(scale: float) -> float:
        counts = _counts(population, appetite, have, scale)
        return float(np.sum((population.sizes * spreads) ** 2 / counts * (1 - counts / population.sizes)))

    low, high = 0.0, float(np.max(population.sizes / np.where(appetite > 0, appetite, np.inf), initial=0.0))
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if variance(middle) > wanted else (low, middle)
    return high
