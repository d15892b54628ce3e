"""What a removal costs in accuracy, and the removal score S(w) (paper section 4.2.2)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from wattloop.compression.config import CompressConfig
from wattloop.compression.layerwise.bench import Bench
from wattloop.compression.subject import Quality


@dataclass(frozen=True)
class Removal:
    """A value that may leave the set.

    Attributes:
        value: the weight value.
        saving_fj: dE, fall of the layer's energy per image when its weights go to their nearest remaining values.
    """

    value: int
    saving_fj: float


@dataclass(frozen=True)
class ScoredRemoval:
    """A removal with its price.

    Attributes:
        value: the weight value.
        saving_fj: dE.
        drop_points: dAcc, never below 0.
        loss: validation loss after it (predicted rise, when `measured` is False).
        score: S = dE / (dAcc + epsilon), fJ per accuracy point.
        measured: by running the network, not by a proxy.
    """

    value: int
    saving_fj: float
    drop_points: float
    loss: float
    score: float
    measured: bool


class RemovalScoring(Protocol):
    """A way to find the best removal."""

    def rank(self, bench: Bench, removals: Sequence[Removal]) -> list[ScoredRemoval]:
        """Removals in the order in which they should be tried; at least the best of them."""


def _order(removal: ScoredRemoval) -> tuple[float, ...]:
    # A removal that saves nothing is wanted only to reach K: after all that save, the least harmful first. Its S
    # would rank the most harmful first.
    if removal.saving_fj > 0:
        return (0.0, -removal.score, removal.loss, -removal.saving_fj, removal.value)
    return (1.0, removal.drop_points, removal.loss, -removal.saving_fj, removal.value)


def ranked(removals: Sequence[ScoredRemoval]) -> list[ScoredRemoval]:
    """Best first: savings by S, ties by the paired loss; then those that save nothing, by harm."""
    return sorted(removals, key=_order)


@dataclass(frozen=True)
class MeasuredAccuracy:
    """The paper's: every removal is measured on the same `images` validation images, side by side."""

    images: int
    epsilon: float

    def rank(self, bench: Bench, removals: Sequence[Removal]) -> list[ScoredRemoval]:
        """All removals, each measured."""
        values = bench.constraint.values or ()
        sets = [set(values) - {removal.value} for removal in removals]
        before, *after = bench.measure_all([values, *sets], self.images)
        return ranked([self._scored(*pair, before.accuracy) for pair in zip(removals, after, strict=True)])

    def _scored(self, removal: Removal, after: Quality, accuracy: float) -> ScoredRemoval:
        drop = max(0.0, 100.0 * (accuracy - after.accuracy))
        score = removal.saving_fj / (drop + self.epsilon)
        return ScoredRemoval(removal.value, removal.saving_fj, drop, after.loss, score, measured=True)


@dataclass(frozen=True)
class PredictedLoss:
    """Diagonal Fisher information; costs no run of the network but the one behind the information.

    A rise of the loss by d nats lowers the mean probability of the right class by at most d; so 100 d stands for dAcc.
    """

    epsilon: float

    def rank(self, bench: Bench, removals: Sequence[Removal]) -> list[ScoredRemoval]:
        """All removals, none measured."""
        return ranked([self._predicted(bench, removal) for removal in removals])

    def _predicted(self, bench: Bench, removal: Removal) -> ScoredRemoval:
        rise = bench.predicted_loss(set(bench.constraint.values or ()) - {removal.value})
        score = removal.saving_fj / (100.0 * rise + self.epsilon)
        return ScoredRemoval(removal.value, removal.saving_fj, 100.0 * rise, rise, score, measured=False)


@dataclass(frozen=True)
class Shortlist:
    """A cheap scoring picks the `keep` best, a dear one decides among them."""

    cheap: RemovalScoring
    dear: RemovalScoring
    keep: int

    def rank(self, bench: Bench, removals: Sequence[Removal]) -> list[ScoredRemoval]:
        """The `keep` best removals."""
        by_value = {removal.value: removal for removal in removals}
        first = self.cheap.rank(bench, removals)[: self.keep]
        return self.dear.rank(bench, [by_value[removal.value] for removal in first])


def _accuracy(config: CompressConfig) -> RemovalScoring:
    return MeasuredAccuracy(config.scoring_images, config.epsilon)


def _fisher(config: CompressConfig) -> RemovalScoring:
    return Shortlist(PredictedLoss(config.epsilon), _accuracy(config), config.rescored)


SCORINGS: dict[str, Callable[[CompressConfig], RemovalScoring]] = {"fisher": _fisher, "accuracy": _accuracy}


def scoring_of(config: CompressConfig) -> RemovalScoring:
    """The scoring that `config` names."""
    return SCORINGS[config.scoring](config)
