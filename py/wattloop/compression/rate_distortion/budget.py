"""The price of energy at which all layers together meet a budget: one multiplier, bracketed and closed in on."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from wattloop.compression.rate_distortion.assignment import LayerProblem
from wattloop.errors import ConfigError

Int8 = npt.NDArray[np.int8]

# Steps of the multiplier until it brackets the budget, how many at most, and how many into the bracket.
_GROWTH = 4.0
_GROWTHS = 60
_STEPS = 30
_TINY = 1e-30


@dataclass(frozen=True, eq=False)
class Assignment:
    """Values and weights of all layers at one price of energy.

    Attributes:
        multiplier: lambda, nats per fJ per image.
        values: allowed set by layer, ascending.
        weights: by layer, shape (out_channels, reduction).
        energy_fj: of all layers per image, by the prices.
        loss: rise of the loss, nats, that the Fisher information predicts.
    """

    multiplier: float
    values: Mapping[str, tuple[int, ...]]
    weights: Mapping[str, Int8]
    energy_fj: float
    loss: float


def assigned(problems: Mapping[str, LayerProblem], multiplier: float, most: int) -> Assignment:
    """The best values and weights of each layer at `multiplier`, at most `most` values a layer."""
    values = {layer: problem.values(multiplier, most) for layer, problem in problems.items()}
    weights = {layer: problem.assign(values[layer], multiplier) for layer, problem in problems.items()}
    return Assignment(
        multiplier,
        values,
        weights,
        sum(problem.energy_fj(weights[layer]) for layer, problem in problems.items()),
        sum(problem.loss(weights[layer]) for layer, problem in problems.items()),
    )


def least_energy_fj(problems: Mapping[str, LayerProblem], most: int) -> float:
    """The least energy per image that an assignment of at most `most` values a layer can have, by the prices."""
    return assigned(problems, price_of_removal(problems) * _GROWTH**_GROWTHS, most).energy_fj


def price_of_removal(problems: Mapping[str, LayerProblem]) -> float:
    """The order of multipliers that remove weights: what removing all costs in loss by what it saves, by ten."""
    nothing = {layer: np.zeros(problem.latent.shape, np.int8) for layer, problem in problems.items()}
    loss = sum(problem.loss(nothing[layer]) for layer, problem in problems.items())
    saved = sum(problem.dearest_energy_fj - problem.energy_fj(nothing[layer]) for layer, problem in problems.items())
    return max(loss, _TINY) / max(saved, _TINY) / 10.0


def within(
    problems: Mapping[str, LayerProblem],
    budget_fj: float,
    most: int,
    *,
    precision: float = 1e-3,
) -> Assignment:
    """The assignment of least predicted loss whose energy keeps to a budget.

    Args:
        problems: by layer.
        budget_fj: energy of all layers per image.
        most: values a layer may use.
        precision: stop within this fraction of the budget below it.

    Raises:
        ConfigError: no assignment keeps to the budget.
    """
    free = assigned(problems, 0.0, most)
    if free.energy_fj <= budget_fj:
        return free
    short, fits = _bracket(problems, budget_fj, most, price_of_removal(problems))
    for step in range(0 if short is fits else _STEPS):
        if fits.energy_fj >= (1.0 - precision) * budget_fj:
            break
        middle = assigned(problems, _between(short, fits, budget_fj, halve=step % 3 == 2), most)
        if middle.energy_fj <= budget_fj:
            fits = middle
        else:
            short = middle
    return fits


def _bracket(
    problems: Mapping[str, LayerProblem], budget_fj: float, most: int, start: float
) -> tuple[Assignment, Assignment]:
    """An assignment beyond the budget and one within it, at multipliers a factor apart.

    Twice the same where even the least price of energy keeps to the budget: weights that no loss depends on move to
    cheaper values at any price, and energy falls in one step.
    """
    found = assigned(problems, start, most)
    up = found.energy_fj > budget_fj
    for _ in range(_GROWTHS):
        other = assigned(problems, found.multiplier * (_GROWTH if up else 1.0 / _GROWTH), most)
        if (other.energy_fj > budget_fj) != up:
            return (found, other) if up else (other, found)
        found = other
    if not up:
        return found, found
    raise ConfigError(
        f"an energy of {budget_fj:.4g} fJ per image is out of reach: the cheapest weights take"
        f" {least_energy_fj(problems, most):.4g} fJ"
    )


def _between(short: Assignment, fits: Assignment, budget_fj: float, *, halve: bool) -> float:
    """A multiplier between two, where energy would meet the budget if it were a power of the multiplier."""
    falls = math.log(short.energy_fj / fits.energy_fj)
    share = 0.5 if halve or falls <= 0 else math.log(short.energy_fj / budget_fj) / falls
    share = min(max(share, 0.05), 0.95)
    return math.exp((1.0 - share) * math.log(short.multiplier) + share * math.log(fits.multiplier))
