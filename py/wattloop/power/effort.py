"""How much is sampled, and when it is enough."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from wattloop.errors import ConfigError

if TYPE_CHECKING:
    from wattloop.power.tally import Tally

Float = npt.NDArray[np.float64]
Int64 = npt.NDArray[np.int64]

# Of the precision of the weights: that of the layers' energy.
_LAYER = 0.25
# Of the precision asked for: sampling stops where the estimated error happens to be low, and eight batches leave it so
# uncertain that the error left would be up to 3 % above the one asked for.
_AIM = 0.9
# Weights that a layer does not use count a little for the prices: their nets need some, too.
UNUSED = 1e-3


@dataclass(frozen=True)
class Effort:
    """How much is sampled.

    Attributes:
        pairs: transitions a weight, rounded up to a multiple of `batches` in every class of rows; the default fills the
            64 lanes that the native engine gives a batch of one class of eight.
        batches: independent parts of the pairs, whose spread gives the standard error; at least 2.
        precision: pairs are doubled until the relative standard error of a weight's energy is not above this, nor that
            of the energy of the layers at hand above a quarter of it; None samples `pairs` and no more. The estimated
            error has to reach nine tenths of it.
        quantile: share of the weights that have to reach it.
        most_pairs: where doubling ends in any case.
        seed: of the sampling.

    Raises:
        ConfigError: fewer than 2 batches or 1 pair, or a precision or quantile that cannot be.
    """

    pairs: int = 4096
    batches: int = 8
    precision: float | None = None
    quantile: float = 1.0
    most_pairs: int = 1 << 19
    seed: int = 0

    def __post_init__(self) -> None:
        if self.batches < 2 or self.pairs < 1:
            raise ConfigError(
                f"pairs = {self.pairs}, batches = {self.batches}: at least 1 pair and 2 batches are needed"
            )
        if (self.precision is not None and not 0 < self.precision < 1) or not 0 < self.quantile <= 1:
            raise ConfigError(
                f"precision = {self.precision}, quantile = {self.quantile}: give shares such as 0.01 and 1"
            )

    def pending(self, tally: Tally, usage: Float) -> Int64:
        """Indices of the weights that need more pairs, given how often the layers use each."""
        if self.precision is None:
            return np.zeros(0, np.int64)
        energy_fj, error_fj = tally.energy_fj, tally.error_fj
        aim = _AIM * self.precision
        late = error_fj > aim * energy_fj
        if np.mean(late) <= 1 - self.quantile:
            late[:] = False
        # Each weight in use may bring an equal share of the variance of the layers' energy.
        used = usage > UNUSED / len(usage)
        allowed_fj = aim * _LAYER * float(usage @ energy_fj) / np.sqrt(max(1, int(used.sum())))
        return np.flatnonzero(late | (used & (usage * error_fj > allowed_fj)))

    def rounds(self) -> Iterator[int]:
        """New pairs of each round, so that the total doubles from round to round."""
        total = self.pairs
        yield total
        while self.precision is not None and 2 * total <= self.most_pairs:
            yield total
            total *= 2
