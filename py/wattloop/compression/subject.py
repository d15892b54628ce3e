"""The network under compression, as the loop sees it: one protocol, no torch in its signature."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

import numpy as np
import numpy.typing as npt

from wattloop.arith.layer import LayerTrace

Int8 = npt.NDArray[np.int8]
Bool = npt.NDArray[np.bool_]
Float = npt.NDArray[np.float64]
Float32 = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Quality:
    """How well the network does on some images.

    Attributes:
        accuracy: fraction of the images classified correctly.
        loss: mean cross-entropy, nats.
        images: how many there were.
    """

    accuracy: float
    loss: float
    images: int


def better(a: Quality, b: Quality) -> bool:
    """`a` beats `b`: by accuracy, equal accuracies by loss."""
    return (a.accuracy, -a.loss) > (b.accuracy, -b.loss)


@dataclass(frozen=True)
class Constraint:
    """What a layer's weights may be.

    Attributes:
        values: the allowed set in ascending order, 0 included; None allows all 256, as far as the hardware holds them.
        mask: shape (out_channels, reduction), True where a weight is kept; None keeps all.
    """

    values: tuple[int, ...] | None = None
    mask: Bool | None = None


FREE = Constraint()


@dataclass(frozen=True, eq=False)
class EnergyTerm:
    """Energy as part of what training minimises.

    Attributes:
        curves_fj: by layer, energy that a weight of each value -128..127 costs per image, shape (256,); see
            `EnergyOracle.value_energy_fj`. Layers that are not named cost nothing.
        weight: nats that all of the energy at the start of the training weighs; twice the energy weighs twice as much.
    """

    curves_fj: Mapping[str, Float]
    weight: float


class Subject(Protocol):
    """A network whose layers can be constrained, fine-tuned, scored and rolled back."""

    @property
    def kinds(self) -> Mapping[str, str]:
        """Kind ("conv" or "linear") of every layer by name, in the order of execution."""

    @property
    def epochs(self) -> int:
        """Fine-tuning that the network in this state has seen, epochs; what was restored away does not count."""

    def weight(self, layer: str) -> Int8:
        """The integer weights that `layer` computes with, shape (out_channels, reduction)."""

    def latent(self, layer: str) -> Float32:
        """The real weights of `layer` below its constraint, in steps of its scale, same shape."""

    def constrain(self, layer: str, constraint: Constraint) -> None:
        """Replace the constraint of `layer`."""

    def limit(self, values: tuple[int, ...] | None) -> None:
        """What a constraint without values allows from now on; None for all that the hardware holds.

        Constraints that are in force stay as they are.
        """

    def constrain_inputs(self, layer: str, codes: tuple[int, ...] | None) -> None:
        """Hold the activations that `layer` reads to these codes, 0 among them; None for all codes."""

    def input_codes(self, layer: str) -> tuple[int, ...] | None:
        """The codes that `layer` may read, ascending; None for all."""

    def allowed(self, layer: str) -> tuple[int, ...] | None:
        """The set in force on `layer`, ascending; None where all values that the hardware holds are allowed."""

    def sensitivity(self, layer: str) -> Float:
        """Diagonal Fisher information per squared integer step of each weight, same shape, on training images."""

    def sensitivities(self, layers: Collection[str]) -> Mapping[str, Float]:
        """`sensitivity` of many layers at once, in about the time of one."""

    def relocate(self, layer: str, latent: Float32) -> None:
        """Replace the real weights of `layer` below its constraint; `latent` is in steps of its scale."""

    def flip(self, layer: str, filters: Bool) -> bool:
        """Negate filters and what follows them, so that the network computes the same as long as the layer is free.

        Args:
            layer: its name.
            filters: which, shape (out_channels,).

        Returns:
            False, and nothing is changed, where what follows cannot take the sign back.
        """

    def rescale(self, layer: str, factor: float) -> None:
        """Multiply the scale of `layer`, the real value of one step, by `factor`; its real weights stay.

        `latent` is divided by as much: a set of few values then reaches less far and is finer, or the other way round.
        """

    def tune(
        self, epochs: int, seed: int, *, learning_rate: float | None = None, energy: EnergyTerm | None = None
    ) -> None:
        """Fine-tune the whole network under its constraints.

        Args:
            epochs: passes over the training images.
            seed: of shuffling and augmentation.
            learning_rate: at the start; None for that of the settings.
            energy: part of the objective; None leaves energy out of it.
        """

    def score(self, images: int | None = None) -> Quality:
        """Quality on the first `images` validation images (all for None)."""

    def scores(self, layer: str, constraints: Sequence[Constraint], images: int | None = None) -> Sequence[Quality]:
        """`score` under each constraint of `layer` in turn; the one in force stays, and so does all else."""

    def test(self) -> Quality:
        """Quality on the test images; called at the very end only."""

    def trace(self, images: int, layers: Collection[str], split: Literal["train", "test"]) -> Sequence[LayerTrace]:
        """Integer traces of `layers` on the first `images` images of `split`."""

    def snapshot(self) -> object:
        """The whole state: weights, normalisation, scales, constraints of weights and of inputs; not the limit."""

    def restore(self, snapshot: object) -> None:
        """Back to a state that `snapshot` returned."""
