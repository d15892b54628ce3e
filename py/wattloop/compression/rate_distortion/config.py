"""Settings of the rate-distortion method, checked when they are made; imports no torch."""

from __future__ import annotations

from dataclasses import dataclass

from wattloop.checks import within

_require = within("compress.rate_distortion.")


@dataclass(frozen=True)
class RateDistortionConfig:
    """Which energies are aimed at, and how long the way to them is.

    Attributes:
        targets: shares of the int8 network's dynamic energy to save, as real tiles measure it on training images. They
            ascend, and give a front.
        values: weight values that a layer may use, 0 included.
        rounds: assignments on the way from one target to the next, each followed by fine-tuning.
        round_epochs: fine-tuning after each of them but the last, epochs.
        final_epochs: fine-tuning after the last, epochs.
        corrections: further assignments with `correction_epochs` each, where fine-tuning has left the target.
        correction_epochs: fine-tuning after each of them, epochs.
        tolerance: share of the int8 energy by which a point may miss its target.
        learning_rate: of all fine-tuning, at the start of each.
        energy_share: how much of the price of energy that weights were assigned at stands in the objective of
            fine-tuning too; 0 leaves energy out of it.
        hold_zeros: keep weights at 0 in the last fine-tuning of each target that were assigned to 0; otherwise they may
            come back, and energy with them.
        trust: weight of each weight's own Fisher information against the mean of its layer, 0 to 1.
        signs: negate filters whose negatives cost less; no result moves.
        each_from_start: bring the int8 network to each target, whose epochs then are its own; otherwise each target is
            the start of the next.
        measured_images: training images whose tiles are simulated to hold the target.
        trials: assignments that are simulated to meet a target, at most.
    """

    targets: tuple[float, ...] = (0.45, 0.55, 0.60, 0.65, 0.70)
    values: int = 16
    rounds: int = 1
    round_epochs: int = 1
    final_epochs: int = 4
    corrections: int = 0
    correction_epochs: int = 1
    tolerance: float = 0.005
    learning_rate: float = 0.01
    energy_share: float = 5.0
    hold_zeros: bool = True
    trust: float = 0.5
    signs: bool = True
    each_from_start: bool = True
    measured_images: int = 1
    trials: int = 6

    def __post_init__(self) -> None:
        ascending = all(a < b for a, b in zip(self.targets, self.targets[1:], strict=False))
        _require(bool(self.targets) and ascending, "targets", self.targets, "at least one, ascending")
        for target in self.targets:
            _require(0 < target < 1, "targets", self.targets, "shares above 0 and below 1")
        _require(2 <= self.values <= 256, "values", self.values, "2 to 256, 0 included")
        for name in ("rounds", "measured_images", "trials"):
            _require(getattr(self, name) >= 1, name, getattr(self, name), "1 or more")
        for name in ("round_epochs", "final_epochs", "corrections", "correction_epochs"):
            _require(getattr(self, name) >= 0, name, getattr(self, name), "0 or more")
        _require(0 < self.tolerance < 1, "tolerance", self.tolerance, "above 0 and below 1")
        _require(0 < self.learning_rate < 10, "learning_rate", self.learning_rate, "more than 0, less than 10")
        _require(0 <= self.energy_share <= 100, "energy_share", self.energy_share, "0 to 100")
        _require(0 <= self.trust <= 1, "trust", self.trust, "0 to 1")
