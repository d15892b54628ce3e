"""One layer's weights between accuracy and energy: each to the value of least predicted loss plus priced energy."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from wattloop.compression.rate_distortion.clustering import best_values
from wattloop.compression.remap import GREATEST, LEAST
from wattloop.power.oracle import WeightPrices

Float = npt.NDArray[np.float64]
Float32 = npt.NDArray[np.float32]
Int8 = npt.NDArray[np.int8]
Int64 = npt.NDArray[np.int64]

_LEVELS = GREATEST - LEAST + 1


@dataclass(frozen=True, eq=False)
class LayerProblem:
    """The weights of one layer, what moving them costs in loss and what values cost in energy.

    A weight w that goes to a value v adds 1/2 F (w - v)^2 to the predicted loss (diagonal Fisher information) and
    E(v) of its row's class to the energy.

    Attributes:
        latent: real weights in integer steps, shape (out_channels, reduction).
        information: F, nats per squared step, 0 or more, same shape.
        prices: E.
    """

    latent: Float32
    information: Float
    prices: WeightPrices

    @cached_property
    def legal(self) -> Int64:
        """Values that the hardware can hold, ascending."""
        return np.flatnonzero(np.isfinite(self.prices.value_fj).all(axis=1)) + LEAST

    @cached_property
    def _classes(self) -> Int64:
        return np.broadcast_to(self.prices.class_of_weight, self.latent.shape)

    @property
    def least_energy_fj(self) -> float:
        """Energy with every weight at the value that is cheapest on its row."""
        return self._every(self.prices.value_fj[self.legal - LEAST].min(axis=0))

    @property
    def dearest_energy_fj(self) -> float:
        """Energy with every weight at the value that is dearest on its row."""
        return self._every(self.prices.value_fj[self.legal - LEAST].max(axis=0))

    def _every(self, price_fj: Float) -> float:
        return float(price_fj[self._classes].sum())

    def energy_fj(self, weights: Int8) -> float:
        """Energy of `weights` per image by the prices."""
        return float(self.prices.value_fj[weights.astype(np.int64) - LEAST, self._classes].sum())

    @property
    def curve_fj(self) -> Float:
        """Energy of a weight per image by its value, the mean over the rows, shape (256,); infinite where illegal."""
        shares = np.bincount(self._classes.ravel(), minlength=self.prices.value_fj.shape[1]) / self._classes.size
        curve = np.full(_LEVELS, np.inf)
        curve[self.legal - LEAST] = self.prices.value_fj[self.legal - LEAST] @ shares
        return curve

    def loss(self, weights: Int8) -> float:
        """Rise of the loss, nats, that the Fisher information predicts for `weights`."""
        return 0.5 * float((self.information * (weights - self.latent.astype(np.float64)) ** 2).sum())

    def values(self, multiplier: float, most: int) -> tuple[int, ...]:
        """The at most `most` values, 0 among them, of least predicted loss + `multiplier` x energy.

        Exact where all weights share one F and one class of rows; see `clustering`.

        Args:
            multiplier: lambda, nats per fJ per image.
            most: values allowed.
        """
        priced = self._count_by_level @ self.prices.value_fj[self.legal - LEAST].T
        return best_values(self._loss_by_level + multiplier * priced, self.legal.tolist(), most)

    @cached_property
    def _level(self) -> Int64:
        return np.rint(self.latent).clip(LEAST, GREATEST).astype(np.int64).ravel() - LEAST

    @cached_property
    def _count_by_level(self) -> Float:
        """How many weights lie on each level and class of rows, shape (levels, classes)."""
        classes = self.prices.value_fj.shape[1]
        joint = self._level * classes + self._classes.ravel()
        return np.bincount(joint, minlength=_LEVELS * classes).reshape(_LEVELS, classes).astype(np.float64)

    @cached_property
    def _loss_by_level(self) -> Float:
        """Predicted loss of giving all weights of a level to a legal value, shape (levels, legal values)."""
        information, latent = self.information.ravel(), self.latent.ravel().astype(np.float64)
        moments = (
            np.bincount(self._level, information * latent**power, minlength=_LEVELS)[:, None] for power in (0, 1, 2)
        )
        zeroth, first, second = moments
        return np.asarray(0.5 * (second - 2.0 * self.legal * first + self.legal**2 * zeroth))

    def assign(self, values: Sequence[int], multiplier: float) -> Int8:
        """Each weight at its best of `values`; of equals at the one of least magnitude, of these at the positive.

        Args:
            values: legal values.
            multiplier: lambda, nats per fJ per image.
        """
        best = np.full(self.latent.shape, np.inf)
        chosen = np.zeros(self.latent.shape, np.int8)
        half, latent = 0.5 * self.information, self.latent.astype(np.float64)
        for value in sorted(values, key=lambda v: (abs(v), -v)):
            price = multiplier * self.prices.value_fj[value - LEAST]
            cost = half * (latent - value) ** 2 + price[self._classes]
            better = cost < best
            best[better], chosen[better] = cost[better], value
        return chosen
