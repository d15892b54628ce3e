"""One layer on the bench: what an allowed set would make of its weights, its energy and the network's quality."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from wattloop.compression.layerwise.candidates import legal_values
from wattloop.compression.remap import Bool, Int8, Int64, as_values, histogram, remap
from wattloop.compression.subject import Constraint, Float, Quality, Subject
from wattloop.power.oracle import EnergyOracle, LayerEnergy


class Bench:
    """A layer with its mask and its current allowed set.

    The latent weights and their sensitivity are read once and stand until `refresh`, which whoever fine-tunes the
    network calls.

    Attributes:
        subject: the network.
        layer: name of the layer.
        oracle: what its energy is asked from.
        constraint: the mask and the set in force.
    """

    def __init__(self, subject: Subject, oracle: EnergyOracle, layer: str, constraint: Constraint) -> None:
        self.subject = subject
        self.oracle = oracle
        self.layer = layer
        self.constraint = constraint
        self._legal = legal_values(oracle.value_energy_fj(layer))
        subject.constrain(layer, constraint)
        self.refresh()

    def refresh(self) -> None:
        """Forget what was read from the network."""
        self._latent = self.subject.latent(self.layer)
        self._sensitivity: Float | None = None
        self._measured: dict[tuple[tuple[int, ...], int | None], Quality] = {}

    @property
    def mask(self) -> Bool | None:
        """True where a weight is kept."""
        return self.constraint.mask

    def allow(self, values: Iterable[int]) -> None:
        """Put the set `values` in force."""
        self.constraint = Constraint(as_values(values), self.mask)
        self.subject.constrain(self.layer, self.constraint)

    def weights(self, values: Iterable[int] | None) -> Int8:
        """The layer's integer weights if `values` were allowed."""
        return remap(self._latent, self._legal if values is None else values, self.mask)

    def usage(self) -> Int64:
        """How often each value would be used without a set among the weights that the mask keeps, shape (256,)."""
        free = self.weights(None)
        return histogram(free if self.mask is None else free[self.mask])

    def energy(self, values: Iterable[int] | None) -> LayerEnergy:
        """The layer's energy per image if `values` were allowed."""
        return self.oracle.energy(self.layer, self.weights(values))

    def predicted_loss(self, values: Iterable[int]) -> float:
        """Rise of the loss, nats, that the diagonal Fisher information predicts for moving to `values`."""
        if self._sensitivity is None:
            self._sensitivity = self.subject.sensitivity(self.layer)
        steps = self.weights(values).astype(np.float64) - self.weights(self.constraint.values)
        return 0.5 * float((self._sensitivity * steps**2).sum())

    def measure(self, values: Iterable[int], images: int | None) -> Quality:
        """Quality of the network on so many validation images if `values` were allowed; the set in force stays.

        What was measured since the last `refresh` is not measured again.
        """
        return self.measure_all([values], images)[0]

    def measure_all(self, sets: Iterable[Iterable[int]], images: int | None) -> list[Quality]:
        """`measure` of many sets, side by side."""
        wanted = [as_values(values) for values in sets]
        new = [values for values in dict.fromkeys(wanted) if (values, images) not in self._measured]
        if new:
            found = self.subject.scores(self.layer, [Constraint(values, self.mask) for values in new], images)
            for values, quality in zip(new, found, strict=True):
                self._note(values, images, quality)
        return [self._measured[values, images] for values in wanted]

    def _note(self, values: tuple[int, ...], images: int | None, quality: Quality) -> None:
        self._measured[values, images] = quality
        if images is not None and quality.images < images:
            self._measured[values, None] = quality
