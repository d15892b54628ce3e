"""What the rate-distortion method writes into the journal. Energies in fJ per image, accuracies and savings fractions.

A saving is against the int8 network, dynamic energy, on the training images that are measured.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class SearchStarted:
    """The search begins: validation quality and measured energy of the int8 network, and what can be saved at most.

    `bound_saving` is what weights of 0 alone would save.
    """

    accuracy: float
    loss: float
    energy_fj: float
    bound_saving: float
    targets: tuple[float, ...]
    seed: int


@dataclass(frozen=True)
class SignsFlipped:
    """Filters were negated because their negatives cost less: how many by layer, and what that saves."""

    layers: tuple[str, ...]
    filters: tuple[int, ...]
    saving: float


@dataclass(frozen=True)
class AssignmentTried:
    """All weights went to values at one price of energy, and the tiles were simulated.

    `multiplier` is the price, nats per fJ per image; `predicted_loss` is by the Fisher information; `values` and
    `sparsity` (share of 0) are by layer. Of those tried on the way to a goal the accepted one comes last, again.
    """

    target: float
    goal: float
    multiplier: float
    predicted_loss: float
    saving: float
    layers: tuple[str, ...]
    values: tuple[tuple[int, ...], ...]
    sparsity: tuple[float, ...]
    accepted: bool


@dataclass(frozen=True)
class FineTuned:
    """The network was fine-tuned: quality on all validation images before and after, and what it saves now."""

    target: float
    epochs: int
    accuracy_before: float
    accuracy: float
    loss: float
    saving: float


@dataclass(frozen=True)
class TargetReached:
    """A point of the front is done: validation quality and measured saving."""

    target: float
    accuracy: float
    loss: float
    saving: float


RateDistortionEvent = SearchStarted | SignsFlipped | AssignmentTried | FineTuned | TargetReached
