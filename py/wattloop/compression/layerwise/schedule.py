"""The layer-wise schedule in descending energy under a global accuracy bound (paper section 4.3)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from wattloop.compression.config import CompressConfig
from wattloop.compression.journal import (
    ConfigurationTried,
    Event,
    Finished,
    LayerDecided,
    LayerStarted,
    OnEvent,
    Started,
)
from wattloop.compression.layerwise.configurations import Configuration, ordered
from wattloop.compression.layerwise.layer_search import LayerSearch, Reached
from wattloop.compression.layerwise.outcome import Decision, Outcome, Progress, Resume, bounds_of, shares_of, sum_fj
from wattloop.compression.profiles import Profiles
from wattloop.compression.subject import Quality, Subject, better
from wattloop.power.oracle import LayerEnergy, Profiler


class Schedule:
    """Takes the layers of `subject` in turn, the most energy first.

    Args:
        subject: a trained int8 network without constraints.
        profiler: builds energy oracles from traces.
        config: settings.
        on_event: told of every decision as it falls.
        resume: keeps the progress after every layer; a run that finds some goes on from there.

    Attributes:
        journal: every event so far, those of a resumed run included.
    """

    def __init__(
        self,
        subject: Subject,
        profiler: Profiler,
        config: CompressConfig,
        on_event: OnEvent,
        resume: Resume | None = None,
    ) -> None:
        self.journal: list[Event] = []
        self._subject = subject
        self._config = config
        self._report = on_event
        self._resume = resume
        self._profiles = Profiles(subject, profiler, config, self._on_event)
        self._scope = [n for n, kind in subject.kinds.items() if config.scope == "all" or kind == "conv"]
        self._tunings = 0

    def _on_event(self, event: Event) -> None:
        self.journal.append(event)
        self._report(event)

    def run(self) -> Outcome:
        """Compress; validation accuracy never ends below that of the start minus `delta`."""
        baseline = self._subject.score()
        self._profiles.refresh(self._scope)
        before, curves_before = self._energies()
        shares = shares_of(before)
        self._start(baseline, shares)
        decisions = self._take_all(baseline, shares)
        self._profiles.refresh(self._scope)
        after, curves_after = self._energies()
        final = self._subject.score()
        self._finish(baseline, final, before, after)
        return Outcome(shares, decisions, before, after, curves_before, curves_after, baseline, final)

    def _start(self, baseline: Quality, shares: Mapping[str, float]) -> None:
        bound = baseline.accuracy - self._config.delta / 100.0
        layers, values = tuple(shares), tuple(shares.values())
        self._on_event(Started(baseline.accuracy, baseline.loss, bound, self._config.seed, layers, values))

    def _take_all(self, baseline: Quality, shares: Mapping[str, float]) -> list[Decision]:
        order = list(shares)[: self._config.max_layers or None]
        bounds = bounds_of(baseline.accuracy, shares, self._config)
        decisions = self._resumed()
        for index in range(len(decisions), len(order)):
            decisions.append(self._take(index, order[index], bounds[order[index]]))
            if self._resume is not None:
                stale = self._profiles.stale
                snapshot = self._subject.snapshot()
                self._resume.save(Progress(tuple(decisions), tuple(self.journal), stale, snapshot))
        return decisions

    def _resumed(self) -> list[Decision]:
        progress = self._resume.load() if self._resume is not None else None
        if progress is None:
            return []
        self.journal[:] = progress.events
        self._subject.restore(progress.snapshot)
        self._profiles.resume(progress.stale)
        return list(progress.decisions)

    def _energies(self) -> tuple[dict[str, LayerEnergy], dict[str, tuple[float, ...]]]:
        energies = {layer: self._profiles.energy(layer) for layer in self._scope}
        curves = {layer: self._profiles.oracle(layer).value_energy_fj(layer) for layer in self._scope}
        return energies, {layer: tuple(float(v) for v in curve) for layer, curve in curves.items()}

    def _finish(
        self, baseline: Quality, final: Quality, before: Mapping[str, LayerEnergy], after: Mapping[str, LayerEnergy]
    ) -> None:
        bound = baseline.accuracy - self._config.delta / 100.0
        self._on_event(Finished(final.accuracy, final.loss, bound, sum_fj(before), sum_fj(after)))

    def _take(self, index: int, layer: str, bound: float) -> Decision:
        """Settle one layer: the most aggressive configuration that holds, or none."""
        # Seeds follow from the layer's turn, so that a resumed run draws the same ones.
        self._tunings = 1000 * (index + 1)
        self._profiles.refresh([layer])
        oracle = self._profiles.oracle(layer)
        start = self._subject.snapshot()
        now = self._profiles.energy(layer).energy.dynamic_fj
        configurations = ordered(oracle, layer, self._subject.latent(layer), self._config)
        self._announce(layer, now, bound, configurations)
        search = LayerSearch(self._subject, oracle, layer, bound, self._config, self._tune, self._on_event)
        for configuration in configurations:
            reached = search.reach(configuration)
            if self._accept(layer, configuration, reached, bound, now):
                return self._decide(layer, configuration, now)
        self._subject.restore(start)
        return self._decide(layer, None, now)

    def _announce(self, layer: str, energy_fj: float, bound: float, found: Sequence[Configuration]) -> None:
        pairs = tuple((c.ratio, c.size) for c in found)
        self._on_event(LayerStarted(layer, energy_fj, bound, pairs, tuple(c.estimate_fj for c in found)))

    def _tune(self, epochs: int) -> None:
        self._tunings += 1
        if epochs:
            self._subject.tune(epochs, self._config.seed * 1_000_000 + self._tunings)

    def _accept(
        self, layer: str, configuration: Configuration, reached: Reached | None, bound: float, energy_fj: float
    ) -> bool:
        """Fine-tune a reached configuration and test it; the subject is left in the state that was tested."""
        if reached is None:
            self._tell(layer, configuration, (), None, "no such set holds the bound")
            return False
        quality = self._tuned(reached)
        if quality.accuracy < bound:
            verdict = "accuracy below the bound"
        elif self._profiles.energy(layer).energy.dynamic_fj >= energy_fj:
            verdict = "saves no energy"
        else:
            verdict = "accepted"
        self._tell(layer, configuration, reached.values, quality, verdict)
        return verdict == "accepted"

    def _tuned(self, reached: Reached) -> Quality:
        """The better of the state as it was reached and after fine-tuning, by validation."""
        self._subject.restore(reached.snapshot)
        untuned = self._subject.score()
        if not self._config.tune_epochs:
            return untuned
        self._tune(self._config.tune_epochs)
        tuned = self._subject.score()
        if better(tuned, untuned):
            return tuned
        self._subject.restore(reached.snapshot)
        return untuned

    def _tell(
        self, layer: str, tried: Configuration, values: tuple[int, ...], quality: Quality | None, verdict: str
    ) -> None:
        energy_fj = self._profiles.energy(layer).energy.dynamic_fj if quality else tried.estimate_fj
        accuracy, loss = (quality.accuracy, quality.loss) if quality else (None, None)
        self._on_event(ConfigurationTried(layer, tried.ratio, tried.size, values, energy_fj, accuracy, loss, verdict))

    def _decide(self, layer: str, chosen: Configuration | None, energy_before_fj: float) -> Decision:
        energy_fj = self._profiles.energy(layer).energy.dynamic_fj
        stale = self._profiles.age() if chosen else self._profiles.stale
        ratio, size = (chosen.ratio, chosen.size) if chosen else (None, None)
        accuracy = self._subject.score().accuracy
        self._on_event(LayerDecided(layer, ratio, size, accuracy, energy_before_fj, energy_fj, stale))
        return Decision(layer, ratio, size)
