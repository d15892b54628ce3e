"""The search of one layer: prune, find a safe set, eliminate, fine-tune; nested configurations share their work."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from wattloop.compression.config import CompressConfig
from wattloop.compression.journal import OnEvent, Pruned, SafeSet
from wattloop.compression.layerwise.bench import Bench
from wattloop.compression.layerwise.candidates import rank_values
from wattloop.compression.layerwise.configurations import Configuration
from wattloop.compression.layerwise.elimination import Elimination
from wattloop.compression.layerwise.scoring import scoring_of
from wattloop.compression.pruning import magnitude_mask
from wattloop.compression.subject import Constraint, Subject
from wattloop.power.oracle import EnergyOracle


@dataclass(frozen=True)
class Reached:
    """A state of the network in which the layer has its mask and its set, not yet fine-tuned with them."""

    values: tuple[int, ...]
    snapshot: object


@dataclass
class RatioPath:
    """What one pruning ratio has led to: the states reached so far, from the safe set down.

    Attributes:
        elimination: to be carried on from the newest state.
        reached: states by set size.
        newest: the smallest set so far.
        stuck: no further value can go.
    """

    elimination: Elimination
    newest: Reached
    stuck: bool = False
    reached: dict[int, Reached] = field(default_factory=dict)


@dataclass
class LayerSearch:
    """Reaches configurations of one layer, each from the same starting state of the network.

    Attributes:
        subject: the network.
        oracle: fresh oracle of the layer.
        layer: its name.
        bound: validation accuracy, fraction, that must hold.
        config: settings.
        tune: fine-tunes the network for so many epochs, with a seed of its own each time.
        on_event: the journal.
    """

    subject: Subject
    oracle: EnergyOracle
    layer: str
    bound: float
    config: CompressConfig
    tune: Callable[[int], None]
    on_event: OnEvent

    def __post_init__(self) -> None:
        self._start = self.subject.snapshot()
        self._paths: dict[float, RatioPath | None] = {}

    def reach(self, configuration: Configuration) -> Reached | None:
        """The state with this ratio and set size; None if pruning, safe set or elimination miss the bound."""
        if configuration.ratio not in self._paths:
            self.subject.restore(self._start)
            self._paths[configuration.ratio] = self._open(configuration.ratio)
        path = self._paths[configuration.ratio]
        if path is None:
            return None
        for size in sorted({*self.config.set_sizes, configuration.size}, reverse=True):
            if size >= configuration.size and size not in path.reached and not path.stuck:
                self._carry_on(path, size)
        return path.reached.get(configuration.size)

    def _carry_on(self, path: RatioPath, size: int) -> None:
        self.subject.restore(path.newest.snapshot)
        path.stuck = not path.elimination.run(size)
        path.newest = Reached(path.elimination.values, self.subject.snapshot())
        if not path.stuck:
            path.reached[size] = path.newest

    def _open(self, ratio: float) -> RatioPath | None:
        pruned = self._prune(ratio)
        if pruned is None:
            return None
        bench, accuracy = pruned
        if not self._find_safe_set(bench, ratio, accuracy):
            return None
        elimination = Elimination(
            bench,
            scoring_of(self.config),
            self.bound,
            lambda: self.tune(self.config.set_epochs),
            self.config.recoveries,
            self.on_event,
        )
        return RatioPath(elimination, Reached(elimination.values, self.subject.snapshot()))

    def _prune(self, ratio: float) -> tuple[Bench, float] | None:
        mask = magnitude_mask(self.subject.latent(self.layer), ratio)
        bench = Bench(self.subject, self.oracle, self.layer, Constraint(None, mask))
        before = self.subject.score()
        self.tune(self.config.prune_epochs)
        bench.refresh()
        after = self.subject.score()
        feasible = after.accuracy >= self.bound
        sparsity = 1.0 - float(mask.mean())
        self.on_event(Pruned(self.layer, ratio, sparsity, before.accuracy, after.accuracy, feasible))
        return (bench, after.accuracy) if feasible else None

    def _find_safe_set(self, bench: Bench, ratio: float, accuracy: float) -> bool:
        """Grow the ranked set from `k_init` until it holds; leaves it in force."""
        config = self.config
        needed = max(self.bound, accuracy - config.tolerance / 100.0)
        pruned = self.subject.snapshot()
        prices = self.oracle.value_energy_fj(self.layer)
        ranking = rank_values(bench.usage(), prices, config.energy_weight, config.k_limit)
        size = config.k_init
        while True:
            self.subject.restore(pruned)
            bench.allow(ranking[:size])
            bench.refresh()
            if self._holds(bench, ratio, needed):
                return True
            if size >= len(ranking):
                return False
            size = min(size + config.k_growth, config.k_limit)

    def _holds(self, bench: Bench, ratio: float, needed: float) -> bool:
        for tuned in (False, True):
            if tuned:
                self.tune(self.config.set_epochs)
                bench.refresh()
            accuracy = self.subject.score().accuracy
            holds = accuracy >= needed
            values = bench.constraint.values or ()
            self.on_event(SafeSet(self.layer, ratio, values, accuracy, tuned, holds))
            if holds:
                return True
        return False
