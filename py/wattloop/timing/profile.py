"""Delay profiles: when the cell has settled after each transition of its activation, weight by weight."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal, get_args

import numpy as np
import numpy.typing as npt

from wattloop.arith.archive import load_arrays, save_arrays
from wattloop.errors import ConfigError

Bool = npt.NDArray[np.bool_]
Float = npt.NDArray[np.float64]
Int64 = npt.NDArray[np.int64]
UInt16 = npt.NDArray[np.uint16]

Method = Literal["multiplier", "sampled", "worst"]
METHODS: tuple[Method, ...] = get_args(Method)


@dataclass(frozen=True, eq=False)
class DelayProfile:
    """Settling times of a MAC cell that holds a weight, by transition of its activation (as PowerPruning times them).

    Times count from the clock edge and are rounded up to whole ps.

    Attributes:
        method: "multiplier": of the product, plus the adder's longest path (documented); "sampled": of the whole cell,
            the latest over sampled transitions of the partial sum; "worst": a bound over all transitions of the
            partial sum (both ours).
        netlist: digest of the netlist.
        weights: weight values, ascending, shape (weights,).
        activations: activation values, ascending, shape (activations,).
        settling_ps: shape (weights, from, to).
        held_ps: longest path over the same delays while the cell holds each weight, shape (weights,): no settling time
            of that weight exceeds it.
        static_ps: longest path over the same delays, weight and all moving.
        psum_ps: what partial sums alone take on the longest path, shape (weights,): no method that allows for all of
            them is below; 0 for "sampled".
        step_ps: grid of the delays.
        samples: transitions of the partial sum behind each settling time; 0 where they are not simulated.
    """

    method: Method
    netlist: str
    weights: Int64
    activations: Int64
    settling_ps: UInt16
    held_ps: Float
    static_ps: float
    psum_ps: Float
    step_ps: float
    samples: int = 0

    @property
    def transitions(self) -> int:
        """Simulated transitions."""
        return self.settling_ps.size * max(1, self.samples)

    @property
    def latest_ps(self) -> int:
        """The latest of all settling times."""
        return int(self.settling_ps.max())

    def of(self, weight: int) -> UInt16:
        """Settling times of one weight, shape (from, to).

        Raises:
            ConfigError: the cell does not hold that weight.
        """
        place = np.flatnonzero(self.weights == weight)
        if not place.size:
            raise ConfigError(f"weight {weight} is not in the profile: choose one of those that the cell holds")
        found: UInt16 = self.settling_ps[place[0]]
        return found

    def exceeding(self, bound_ps: float) -> Bool:
        """Which (weight, from, to) settle later than `bound_ps`, shape (weights, from, to)."""
        return np.asarray(self.settling_ps > bound_ps)

    def spread(self) -> Float:
        """Minimum, median and maximum over the transitions of each weight, in ps, shape (weights, 3)."""
        flat = self.settling_ps.reshape(len(self.weights), -1)
        return np.stack([flat.min(axis=1), np.median(flat, axis=1), flat.max(axis=1)], axis=1)

    def histogram(self, bin_ps: int = 5) -> tuple[Int64, Int64]:
        """Transitions of each weight by settling time.

        Args:
            bin_ps: width of a bin; a bin holds times from its lower edge up to, but without, the next.

        Returns:
            lower edges in ps, shape (bins,), and counts, shape (weights, bins).
        """
        bins = self.latest_ps // bin_ps + 1
        flat = (self.settling_ps // bin_ps).reshape(len(self.weights), -1)
        counts = np.stack([np.bincount(row, minlength=bins) for row in flat])
        return np.arange(bins, dtype=np.int64) * bin_ps, counts.astype(np.int64)

    def restricted(self, weights: Int64, activations: Int64) -> DelayProfile:
        """The part of some weights and activations, both in ascending order.

        Raises:
            ConfigError: one is not in the profile.
        """
        rows, columns = _places(self.weights, weights, "weight"), _places(self.activations, activations, "activation")
        part = self.settling_ps[np.ix_(rows, columns, columns)]
        return replace(
            self,
            weights=self.weights[rows],
            activations=self.activations[columns],
            settling_ps=part,
            held_ps=self.held_ps[rows],
            psum_ps=self.psum_ps[rows],
        )

    def save(self, path: Path) -> None:
        """Write an .npz file, whole or not at all."""
        save_arrays(self, path)

    @classmethod
    def load(cls, path: Path) -> DelayProfile:
        """Read what `save` wrote.

        Raises:
            StorageError: missing or damaged.
        """
        return load_arrays(cls, path)


def _places(known: Int64, wanted: Int64, name: str) -> Int64:
    missing = np.setdiff1d(wanted, known)
    if missing.size:
        raise ConfigError(f"{name} {missing[0]} is not in the profile: choose among {known[0]} to {known[-1]}")
    return np.flatnonzero(np.isin(known, wanted)).astype(np.int64)
