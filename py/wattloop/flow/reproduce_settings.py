"""Settings of `wattloop reproduce`."""

from __future__ import annotations

from dataclasses import dataclass

from wattloop.activity.backend import backend_names
from wattloop.checks import require, require_seed


@dataclass(frozen=True)
class ReproduceSettings:
    """How the paper's tables and figures are made.

    Attributes:
        models: folder of the committed checkpoints, with its `index.toml`.
        from_models: take the networks from there instead of training and compressing.
        layers: names of the layers of figures 1 and 3; none for the first two convolutions, as the paper.
        weights: held by the MAC in figure 2.
        transitions: random ones of figure 2, for each weight.
        simulator: who simulates for figure 1; see `characterize.simulator`. What tables measure is in `measure`.
        test_images: images of the test set that accuracies are of; None for all.
        seed: of the transitions.
    """

    models: str = "models"
    from_models: bool = False
    layers: tuple[str, ...] = ()
    weights: tuple[int, ...] = (0, 17, 64)
    transitions: int = 200_000
    simulator: str = "bitparallel-timed"
    test_images: int | None = None
    seed: int = 0

    def __post_init__(self) -> None:
        known = backend_names()
        require(self.simulator in known, "simulator", self.simulator, ", ".join(known))
        require(bool(self.weights), "weights", self.weights, "at least one")
        require(self.transitions >= 1000, "transitions", self.transitions, "1000 or more")
        require(self.test_images is None or self.test_images >= 1, "test_images", self.test_images, "1 or more")
        require_seed(self.seed)
