"""The price of energy at which all layers together meet an energy budget: one multiplier, found by bisection."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from wattloop.compression.rate_distortion.assignment import LayerProblem
from wattloop.errors import ConfigError

Int8 = npt.NDArray[np.int8]

# The bracket of the multiplier grows by this factor a step, and is then halved (in its logarithm) so often.
_GROWTH = 16.0
_GROWTHS = 40
_HALVINGS = 24
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


def least_energy_fj(problems: Mapping[str, LayerProblem]) -> float:
    """Energy per image with every weight at the cheapest of all values, by the prices."""
    return sum(problem.least_energy_fj for problem in problems.values())


def within(problems: Mapping[str, LayerProblem], budget_fj: float, most: int, *, precision: float = 1e-3) -> Assignment:
    """The assignment of least predicted loss whose energy keeps to a budget.

    Args:
        problems: by layer.
        budget_fj: energy of all layers per image.
        most: values a layer may use.
        precision: stop within this fraction of the budget below it.

    Raises:
        ConfigError: no assignment keeps to the budget.
    """
    low = assigned(problems, 0.0, most)
    if low.energy_fj <= budget_fj:
        return low
    fits = _fitting(problems, budget_fj, most)
    floor = fits.multiplier / _GROWTH
    for _ in range(_HALVINGS):
        if fits.energy_fj >= (1.0 - precision) * budget_fj:
            break
        middle = assigned(problems, math.sqrt(floor * fits.multiplier), most)
        if middle.energy_fj <= budget_fj:
            fits = middle
        else:
            floor = middle.multiplier
    return fits


def _fitting(problems: Mapping[str, LayerProblem], budget_fj: float, most: int) -> Assignment:
    """An assignment within the budget, at less than `_GROWTH` times the multiplier that it takes."""
    multiplier = _scale(problems)
    for _ in range(_GROWTHS):
        found = assigned(problems, multiplier, most)
        if found.energy_fj <= budget_fj:
            return found
        multiplier *= _GROWTH
    raise ConfigError(
        f"an energy of {budget_fj:.4g} fJ per image is out of reach: the cheapest weights take"
        f" {least_energy_fj(problems):.4g} fJ"
    )


def _scale(problems: Mapping[str, LayerProblem]) -> float:
    """A multiplier that is likely too small: what removing all weights costs, by what it saves, by a thousand."""
    nothing = {layer: np.zeros(problem.latent.shape, np.int8) for layer, problem in problems.items()}
    loss = sum(problem.loss(nothing[layer]) for layer, problem in problems.items())
    saved = sum(problem.dearest_energy_fj - problem.energy_fj(nothing[layer]) for layer, problem in problems.items())
    return max(loss, _TINY) / max(saved, _TINY) / 1000.0
