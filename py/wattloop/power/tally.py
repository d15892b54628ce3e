"""What was counted of every weight and class of rows while its transitions are sampled, round by round."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

from wattloop.activity.result import Activity, Rates
from wattloop.power.energy_table import DYNAMIC, standard_error

Float = npt.NDArray[np.float64]
Int64 = npt.NDArray[np.int64]


class Tally:
    """Counts of sampled transitions; what they cost follows once prices are known."""

    def __init__(self, values: int, shares: Float, batches: int, nets: int) -> None:
        """Start at nothing.

        Args:
            values: weight values.
            shares: share of the layer's MACs in each class of rows.
            batches: parts of each weight's pairs.
            nets: nets of the cell.
        """
        shape = (values, len(shares))
        self.shares = shares
        self.moves = np.zeros((*shape, nets), np.int64)  # toggles, glitches among them
        self.toggles = np.zeros((values, nets), np.int64)
        self.high = np.zeros((*shape, nets), np.int64)
        self.pairs = np.zeros(shape, np.int64)
        self._spent_fj = np.zeros((*shape, batches))
        self._waiting: list[tuple[Int64, int, Int64]] = []
        self._price_fj: Float | None = None

    def add(self, which: Int64, row_class: int, activity: Activity) -> None:
        """Count one measurement: groups are the weights `which` times the batches, on rows of a class."""
        batches = self._spent_fj.shape[2]

        def by_batch(counts: Int64) -> Int64:
            return counts.reshape(len(which), batches, -1)

        toggles = by_batch(activity.toggles)
        moves = toggles if activity.glitches is None else toggles + by_batch(activity.glitches)
        self.moves[which, row_class] += moves.sum(axis=1)
        self.toggles[which] += toggles.sum(axis=1)
        self.high[which, row_class] += by_batch(activity.high).sum(axis=1)
        self.pairs[which, row_class] += activity.transitions * batches
        if self._price_fj is None:
            self._waiting.append((which, row_class, moves))
        else:
            self._spend(which, row_class, moves, self._price_fj)

    def _spend(self, which: Int64, row_class: int, moves: Int64, price_fj: Float) -> None:
        self._spent_fj[which, row_class] += moves @ price_fj

    def price(self, prices: Mapping[str, Float]) -> None:
        """From now on a toggle of each net costs so much; before, nothing was known of energies."""
        self._price_fj = np.asarray(sum(prices[name] for name in DYNAMIC))
        for waiting in self._waiting:
            self._spend(*waiting, self._price_fj)
        self._waiting = []

    @property
    def batch_fj(self) -> Float:
        """Dynamic energy per transition by batch, shape (values, classes, batches)."""
        return np.asarray(self._spent_fj / (self.pairs[:, :, None] / self._spent_fj.shape[2]))

    @property
    def energy_fj(self) -> Float:
        """Dynamic energy per transition of each weight, the mean over the classes, shape (values,)."""
        return np.asarray(self._batches_fj.mean(axis=1))

    @property
    def error_fj(self) -> Float:
        """Its standard error."""
        return standard_error(self._batches_fj)

    @property
    def _batches_fj(self) -> Float:
        return np.asarray(np.einsum("vcb,c->vb", self.batch_fj, self.shares))

    def class_columns(self, prices: Mapping[str, Float]) -> dict[str, Float]:
        """Dynamic energy per transition by origin, each of shape (values, classes)."""
        return {name: np.asarray(self.moves @ prices[name] / self.pairs) for name in DYNAMIC}

    def rates(self, activity: Activity, usage: Float, moving: float, rest: Float) -> tuple[Rates, Rates]:
        """Rates over all cycles, of which cells move in a share `moving` and rest in the others.

        Args:
            activity: any, for its nets.
            usage: weight of each value and class in the mean, shape (values, classes), adding up to 1.
            moving: share of the cycles.
            rest: values at rest of every net, shape (values, nets).

        Returns:
            those of each weight, and their mean by `usage`.
        """
        density = self.moves / self.pairs[:, :, None] * moving
        duty = self.high / self.pairs[:, :, None] * moving + rest[:, None] * (1 - moving)

        def of(density: Float, duty: Float) -> Rates:
            return Rates(activity.nets, activity.annotated, density, duty, float(self.pairs.sum()))

        by_weight = of(np.einsum("vcn,c->vn", density, self.shares), np.einsum("vcn,c->vn", duty, self.shares))
        mean = of(np.einsum("vcn,vc->n", density, usage)[None], np.einsum("vcn,vc->n", duty, usage)[None])
        return by_weight, mean
