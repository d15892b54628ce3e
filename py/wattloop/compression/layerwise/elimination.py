"""Greedy backward elimination of weight values (paper section 4.2.2)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from wattloop.compression.journal import OnEvent, RemovalTried
from wattloop.compression.layerwise.bench import Bench
from wattloop.compression.layerwise.scoring import Removal, RemovalScoring, ScoredRemoval
from wattloop.compression.subject import Quality


@dataclass
class Elimination:
    """The elimination of one layer at one pruning ratio; it can be carried on to smaller and smaller sets.

    Attributes:
        bench: the layer; its set in force is the current one.
        scoring: which removal is best.
        bound: validation accuracy (fraction) that no accepted removal undercuts.
        recover: fine-tunes the network.
        recoveries: times that `recover` may still be spent on a removal that misses the bound.
        on_event: told of every removal tried.
        essential: values that are not tried again; 0 always.
    """

    bench: Bench
    scoring: RemovalScoring
    bound: float
    recover: Callable[[], None]
    recoveries: int
    on_event: OnEvent
    essential: set[int] = field(default_factory=lambda: {0})

    @property
    def values(self) -> tuple[int, ...]:
        """The current set."""
        return self.bench.constraint.values or ()

    def run(self, target: int) -> bool:
        """Remove values until `target` are left; False if the bound does not let it get there."""
        while len(self.values) > target:
            removals = self._removals()
            if not removals:
                return False
            self._try(self.scoring.rank(self.bench, removals)[0])
        return True

    def _removals(self) -> list[Removal]:
        now = self.bench.energy(self.values).energy.dynamic_fj
        return [
            Removal(value, now - self.bench.energy(set(self.values) - {value}).energy.dynamic_fj)
            for value in self.values
            if value not in self.essential
        ]

    def _try(self, best: ScoredRemoval) -> None:
        before = self.values
        quality = self.bench.measure(set(before) - {best.value}, None)
        self.bench.allow(set(before) - {best.value})
        recovered = False
        if quality.accuracy < self.bound and self.recoveries > 0:
            quality, recovered = self._recovered(before, best.value, quality)
        accepted = quality.accuracy >= self.bound
        if not accepted:
            self.essential.add(best.value)
            self.bench.allow(before)
        self._tell(best, quality, recovered, accepted)

    def _recovered(self, before: tuple[int, ...], value: int, missed: Quality) -> tuple[Quality, bool]:
        self.recoveries -= 1
        self.bench.allow(before)
        snapshot = self.bench.subject.snapshot()
        self.bench.allow(set(before) - {value})
        self.recover()
        quality = self.bench.subject.score()
        if quality.accuracy >= self.bound:
            self.bench.refresh()
            return quality, True
        self.bench.subject.restore(snapshot)
        self.bench.allow(set(before) - {value})
        return missed, False

    def _tell(self, best: ScoredRemoval, quality: Quality, recovered: bool, accepted: bool) -> None:
        self.on_event(
            RemovalTried(
                layer=self.bench.layer,
                value=best.value,
                saving_fj=best.saving_fj,
                drop_points=best.drop_points,
                score=best.score,
                accuracy=quality.accuracy,
                loss=quality.loss,
                recovered=recovered,
                accepted=accepted,
                size=len(self.values),
            )
        )
