"""The layer-wise schedule in descending energy under a global accuracy bound (paper section 4.3)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from typing import Any

from wattloop.compression.journal import ConfigurationTried, Finished, LayerDecided, LayerStarted, Started
from wattloop.compression.layerwise.configurations import Configuration, ordered
from wattloop.compression.layerwise.layer_search import LayerSearch, Reached
from wattloop.compression.layerwise.outcome import Decision, bounds_of, shares_of, sum_fj
from wattloop.compression.method import Lab, Point
from wattloop.compression.profiles import Profiles
from wattloop.compression.subject import Quality, better
from wattloop.power.oracle import EnergyOracle, LayerEnergy


class OutOfTimeError(Exception):
    """The budget is spent within a layer, whose search is given up."""


class LayerWise:
    """The paper's method; implements `wattloop.compression.method.Method`.

    Offers the network after every layer that was accepted.
    """

    def parts(self, lab: Lab) -> int:
        """Layers that get their turn."""
        return min(len(lab.scope), lab.config.max_layers or len(lab.scope))

    def points(self, lab: Lab) -> Iterator[Point]:
        """See `Method`; validation accuracy never falls below that of the start minus `delta`."""
        yield from Schedule(lab).run()


class Schedule:
    """Takes the layers in turn, the most energy first.

    Args:
        lab: with a trained int8 network without constraints.
    """

    def __init__(self, lab: Lab) -> None:
        self._lab, self._subject, self._config, self._on_event = lab, lab.subject, lab.config, lab.on_event
        self._profiles = Profiles(lab.subject, lab.tables, lab.config, lab.on_event)
        self._tunings = 0

    def run(self) -> Iterator[Point]:
        """Compress layer by layer."""
        baseline = self._subject.score()
        self._profiles.refresh(self._lab.scope)
        before = self._energies()
        shares = shares_of(before)
        bound = baseline.accuracy - self._config.delta / 100.0
        order = (tuple(shares), tuple(shares.values()))
        self._on_event(Started(baseline.accuracy, baseline.loss, bound, self._config.seed, *order))
        yield from self._take_all(bounds_of(baseline.accuracy, shares, self._config))
        self._profiles.refresh(self._lab.scope)
        final = self._subject.score()
        self._on_event(Finished(final.accuracy, final.loss, bound, sum_fj(before), sum_fj(self._energies())))

    def _take_all(self, bounds: Mapping[str, float]) -> Iterator[Point]:
        asked: dict[str, tuple[float, int]] = {}
        for index, layer in enumerate(list(bounds)[: self._config.max_layers or None]):
            if self._lab.out_of_time():
                return
            start = self._subject.snapshot()
            self._profiles.refresh([layer])
            try:
                decision = self._decided(index, layer, bounds[layer])
            except OutOfTimeError:
                self._subject.restore(start)
                return
            if decision.ratio is None or decision.size is None:
                continue
            self._profiles.age()
            asked[layer] = (decision.ratio, decision.size)
            setting = {"delta": self._config.delta, "layers": len(asked)}
            yield Point(setting, self._subject.snapshot(), self._subject.score(), asked=dict(asked))

    def _decided(self, index: int, layer: str, bound: float) -> Decision:
        """The decision on a layer: what it does in the network is a step, kept whatever happens to the run."""

        def work() -> dict[str, Any]:
            return asdict(self._take(index, layer, bound))

        return Decision(**self._lab.step(f"layerwise: layer {index}", work))

    def _energies(self) -> dict[str, LayerEnergy]:
        return {layer: self._profiles.energy(layer) for layer in self._lab.scope}

    def _take(self, index: int, layer: str, bound: float) -> Decision:
        """Settle one layer: the most aggressive configuration that holds, or none."""
        # Seeds follow from the layer's turn, so that a resumed run draws the same ones.
        self._tunings = 1000 * (index + 1)
        oracle = self._profiles.oracle(layer)
        start, before = self._subject.snapshot(), self._subject.weight(layer)
        traces = self._subject.trace(self._config.tile_images, [layer], "train")
        now = self._profiles.energy(layer).energy.dynamic_fj
        configurations = ordered(oracle, layer, self._subject.latent(layer), self._config)
        self._announce(layer, now, bound, configurations)
        search = LayerSearch(self._subject, oracle, layer, bound, self._config, self._tune, self._on_event)
        for configuration in configurations:
            reached = search.reach(configuration)
            if self._accept(layer, configuration, reached, bound, now):
                exact = self._lab.tiles(traces).energy(layer, before)
                return self._decide(layer, configuration, now, exact)
        self._subject.restore(start)
        return self._decide(layer, None, now, None)

    def _announce(self, layer: str, energy_fj: float, bound: float, found: Sequence[Configuration]) -> None:
        pairs = tuple((c.ratio, c.size) for c in found)
        self._on_event(LayerStarted(layer, energy_fj, bound, pairs, tuple(c.estimate_fj for c in found)))

    def _tune(self, epochs: int) -> None:
        self._tunings += 1
        if epochs:
            if self._lab.out_of_time():
                raise OutOfTimeError
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

    def _decide(
        self, layer: str, chosen: Configuration | None, energy_before_fj: float, exact: LayerEnergy | None
    ) -> Decision:
        """Tell what a layer got; `exact` is its energy before by real tiles, where it was changed."""
        energy_fj = self._profiles.energy(layer).energy.dynamic_fj
        accuracy = self._subject.score().accuracy
        if chosen is None or exact is None:
            told = (accuracy, energy_before_fj, energy_fj, self._profiles.stale)
            self._on_event(LayerDecided(layer, None, None, *told))
            return Decision(layer, None, None)
        after = self._by_tiles(layer)
        tiles = (exact.energy.dynamic_fj, after.energy.dynamic_fj, exact.standard_error_fj, after.standard_error_fj)
        told = (accuracy, energy_before_fj, energy_fj, self._profiles.age())
        self._on_event(LayerDecided(layer, chosen.ratio, chosen.size, *told, *tiles))
        return Decision(layer, chosen.ratio, chosen.size)

    def _by_tiles(self, layer: str) -> LayerEnergy:
        """Energy of a layer by real tiles of training images, as the network is now."""
        oracle: EnergyOracle = self._lab.tiles(self._subject.trace(self._config.tile_images, [layer], "train"))
        return oracle.energy(layer, self._subject.weight(layer))
