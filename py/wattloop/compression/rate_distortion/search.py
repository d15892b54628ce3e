"""The way to one target: assign, fine-tune, profile again, assign again, with real tiles to hold the target by."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from wattloop.compression.journal import OnEvent
from wattloop.compression.mapping.filters import cheaper_signs
from wattloop.compression.method import Lab
from wattloop.compression.rate_distortion.assignment import LayerProblem
from wattloop.compression.rate_distortion.budget import Assignment
from wattloop.compression.rate_distortion.events import AssignmentTried, FineTuned, SignsFlipped
from wattloop.compression.rate_distortion.gauge import Gauge
from wattloop.compression.rate_distortion.trials import Trials
from wattloop.compression.subject import Constraint, EnergyTerm, Quality, Subject
from wattloop.power.oracle import EnergyOracle


class OutOfTimeError(Exception):
    """The budget of time is spent."""


@dataclass(frozen=True)
class Place:
    """Where a search may return to: the network's state, and what it saves there."""

    state: object
    saving: float


class Search:
    """A network on its way down in energy.

    Attributes:
        saving: what it saves now, by real tiles.
    """

    def __init__(self, lab: Lab, gauge: Gauge) -> None:
        self.saving = 0.0
        self._lab = lab
        self._gauge = gauge
        self._config = lab.config.rate_distortion
        # What the last fine-tuning of a target made of its saving: aimed for in advance, the next time.
        self._drift = 0.0
        self._tunings = 0
        self._term: EnergyTerm | None = None

    @property
    def _subject(self) -> Subject:
        return self._lab.subject

    @property
    def _layers(self) -> Sequence[str]:
        return self._gauge.layers

    @property
    def _tell(self) -> OnEvent:
        return self._lab.on_event

    def choose_signs(self) -> None:
        """Negate filters that cost less so; for the int8 network alone, whose layers allow every negated weight."""
        oracle, flipped = self._profile(), {}
        for layer in self._layers:
            prices = oracle.weight_prices(layer)
            filters = cheaper_signs(self._subject.weight(layer), prices.value_fj, prices.class_of_weight)
            if filters.any() and self._subject.flip(layer, filters):
                flipped[layer] = int(filters.sum())
        if flipped:
            self.saving = self._gauge.saving()
            self._tell(SignsFlipped(tuple(flipped), tuple(flipped.values()), self.saving))

    def work_in(self, lab: Lab) -> None:
        """Go on in another lab of the same network: its cell may hold fewer weights, its layers read fewer codes."""
        if lab is not self._lab:
            self._lab, self.saving = lab, self._gauge.saving()

    def place(self) -> Place:
        """Where it stands."""
        return Place(self._subject.snapshot(), self.saving)

    def return_to(self, place: Place) -> None:
        """Stand there again; what fine-tuning makes of a saving stays known."""
        self._subject.restore(place.state)
        self.saving = place.saving

    def reach(self, target: float) -> Quality:
        """Bring the network to `target`; its quality there.

        Raises:
            OutOfTimeError: on the way; the network is somewhere between.
            ConfigError: no weights save so much.
        """
        config = self._config
        for goal in _between(self.saving, target, config.rounds)[:-1]:
            self._assign(target, goal)
            self._tune(target, config.round_epochs)
        self._aim(target, target - self._drift)
        quality = self._settle(target, config.final_epochs)
        for _ in range(config.corrections):
            if self.saving >= target - config.tolerance:
                break
            self._aim(target, 2.0 * target - self.saving)
            quality = self._settle(target, config.correction_epochs)
        return quality

    def _aim(self, target: float, goal: float) -> None:
        """Assign to what fine-tuning is expected to make the target of, but never half as near to nothing as that."""
        self._assign(target, min(goal, 0.5 + 0.5 * target))

    def _settle(self, target: float, epochs: int) -> Quality:
        """Fine-tune what was assigned for good, and learn what that makes of the saving."""
        self._hold_zeros(self._config.hold_zeros)
        assigned = self.saving
        quality = self._tune(target, epochs)
        self._drift = self.saving - assigned
        return quality

    def _assign(self, target: float, goal: float) -> None:
        """Move all weights to values such that real tiles save `goal`."""
        self._stop_in_time()
        self._hold_zeros(False)
        trials = Trials(self._problems(), goal, self.saving, self._config)
        found = trials.first({layer: self._subject.weight(layer) for layer in self._layers})
        while True:
            self._apply(found)
            self.saving = self._gauge.saving()
            trials.measured(found, self.saving)
            if trials.done:
                break
            self._tell(_tried(target, goal, found, self.saving, accepted=False))
            if len(trials.tried) == 1:
                # The first assignment is a long way; its own partial sums price the ones that end near it.
                trials.problems = self._repriced(trials.problems)
            found = trials.next()
        found, self.saving = trials.nearest
        self._apply(found)
        self._tell(_tried(target, goal, found, self.saving, accepted=True))
        self._term = self._objective(trials.problems, found)

    def _objective(self, problems: Mapping[str, LayerProblem], found: Assignment) -> EnergyTerm | None:
        """Energy in the objective of fine-tuning, at a share of the price that weights were assigned at."""
        weight = self._config.energy_share * found.multiplier * found.energy_fj
        if not weight:
            return None
        return EnergyTerm({layer: problem.curve_fj for layer, problem in problems.items()}, weight)

    def _problems(self) -> Mapping[str, LayerProblem]:
        """The layers as they are, with fresh prices and sensitivities."""
        oracle, subject, trust = self._profile(), self._subject, self._config.trust
        information = subject.sensitivities(self._layers)
        return {
            layer: LayerProblem(
                subject.latent(layer),
                trust * information[layer] + (1.0 - trust) * information[layer].mean(),
                oracle.weight_prices(layer),
            )
            for layer in self._layers
        }

    def _repriced(self, problems: Mapping[str, LayerProblem]) -> Mapping[str, LayerProblem]:
        """The same weights at the prices of the network as it is now."""
        oracle = self._profile()
        return {layer: replace(problem, prices=oracle.weight_prices(layer)) for layer, problem in problems.items()}

    def _profile(self) -> EnergyOracle:
        images = self._lab.config.profile_images
        return self._lab.tables(self._subject.trace(images, self._layers, "train"))

    def _apply(self, found: Assignment) -> None:
        for layer, weights in found.weights.items():
            self._subject.relocate(layer, weights.astype(np.float32))
            self._subject.constrain(layer, Constraint(found.values[layer]))

    def _hold_zeros(self, hold: bool) -> None:
        """Masks on the weights that are 0 now, or no masks."""
        for layer in self._layers:
            mask = self._subject.weight(layer) != 0 if hold else None
            self._subject.constrain(layer, Constraint(self._subject.allowed(layer), mask))

    def _tune(self, target: float, epochs: int) -> Quality:
        self._stop_in_time()
        before = self._subject.score()
        if not epochs:
            return before
        self._tunings += 1
        seed = self._lab.config.seed * 1_000_000 + self._tunings
        self._subject.tune(epochs, seed, learning_rate=self._config.learning_rate, energy=self._term)
        quality, self.saving = self._subject.score(), self._gauge.saving()
        self._tell(FineTuned(target, epochs, before.accuracy, quality.accuracy, quality.loss, self.saving))
        return quality

    def _stop_in_time(self) -> None:
        if self._lab.out_of_time():
            raise OutOfTimeError


def _between(saving: float, target: float, rounds: int) -> list[float]:
    """Goals from `saving` to `target` by equal factors of the energy that is left, the target the last."""
    left = np.geomspace(1.0 - saving, 1.0 - target, rounds + 1)[1:]
    return [float(goal) for goal in 1.0 - left]


def _tried(target: float, goal: float, found: Assignment, saving: float, *, accepted: bool) -> AssignmentTried:
    return AssignmentTried(
        target=target,
        goal=goal,
        multiplier=found.multiplier,
        predicted_loss=found.loss,
        saving=saving,
        layers=tuple(found.values),
        values=tuple(found.values.values()),
        sparsity=tuple(float((weights == 0).mean()) for weights in found.weights.values()),
        accepted=accepted,
    )
