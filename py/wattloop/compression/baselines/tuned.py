"""What all rivals share: constrain the int8 network, train it, offer it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from wattloop.compression.baselines.config import BaselinesConfig
from wattloop.compression.journal import ValuesChosen
from wattloop.compression.layerwise.candidates import legal_values
from wattloop.compression.method import Lab, Point, Setting
from wattloop.compression.pruning import magnitude_mask
from wattloop.compression.remap import GREATEST, LEAST, as_values
from wattloop.compression.subject import Bool, Constraint, Float, Quality
from wattloop.power.oracle import EnergyOracle, Profiler

Values = Mapping[str, tuple[int, ...]]
Masks = Mapping[str, Bool]
Refuse = Callable[[BaselinesConfig, Sequence[int]], None]


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """One network of a rival.

    Attributes:
        setting: what tells it from the rival's others.
        ratio: pruning ratio of every layer; None prunes nothing.
    """

    setting: Setting
    ratio: float | None = None

    def values(self, lab: Lab, masks: Masks) -> Values:
        """Allowed set by layer, asked for after pruning and its fine-tuning; none for a layer that keeps all values.

        Args:
            lab: with the pruned network.
            masks: by layer; none where nothing was pruned.
        """
        return {}

    def scales(self, lab: Lab, values: Values) -> Mapping[str, float]:
        """By layer what its scale is multiplied by before it is held to `values`; none where it stays."""
        return {}

    def require_possible(self, lab: Lab) -> None:
        """Refuse what cannot be, before anything slow begins.

        Args:
            lab: with the int8 network, which is left alone.

        Raises:
            ConfigError: the recipe finds no values.
        """


class Rival:
    """A method that makes each of its networks by one recipe; implements `wattloop.compression.method.Method`.

    Every network starts from the same int8 state and is trained for `compress.baselines.epochs` epochs in all.

    Args:
        name: of the method.
        recipes: its networks.
        refuse: given settings and the values that the cell holds, raises `ConfigError` where they do not go together;
            None for a method that every cell can serve.
    """

    def __init__(self, name: str, recipes: Callable[[Lab], Iterator[Recipe]], refuse: Refuse | None = None) -> None:
        self.name = name
        self._recipes, self._refuse = recipes, refuse

    def require_possible(self, lab: Lab) -> None:
        """See `wattloop.compression.method.Choosy`."""
        if self._refuse is not None:
            self._refuse(lab.config.baselines, held_values(lab))
        for recipe in self._recipes(lab):
            recipe.require_possible(lab)

    def parts(self, lab: Lab) -> int:
        """Its networks."""
        return sum(1 for _ in self._recipes(lab))

    def points(self, lab: Lab) -> Iterator[Point]:
        """See `Method`."""
        start = lab.subject.snapshot()
        for number, recipe in enumerate(self._recipes(lab)):
            if lab.out_of_time():
                return
            lab.subject.restore(start)
            made = Maker(lab, recipe, lab.config.seed * 1_000_000 + 1000 * number)
            found = lab.step(f"{self.name}: {dict(recipe.setting)}", made.work)
            asked = {layer: (ratio, size) for layer, (ratio, size) in found["asked"].items()}
            yield Point(recipe.setting, lab.subject.snapshot(), Quality(**found["quality"]), asked=asked)


class Maker:
    """Makes one network.

    Args:
        lab: with the int8 network.
        recipe: what it becomes.
        seed: of its training.
    """

    def __init__(self, lab: Lab, recipe: Recipe, seed: int) -> None:
        self._lab, self._recipe, self._seed = lab, recipe, seed

    def work(self) -> dict[str, Any]:
        """Prune, choose values, train; see `Lab.step`."""
        epochs = self._lab.config.baselines.epochs
        masks = self._pruned()
        if masks:
            self._tune(epochs // 2, 1)
            epochs -= epochs // 2
        values = self._recipe.values(self._lab, masks)
        for layer, factor in self._recipe.scales(self._lab, values).items():
            self._lab.subject.rescale(layer, factor)
        for layer in self._lab.scope:
            self._lab.subject.constrain(layer, Constraint(values.get(layer), masks.get(layer)))
        self._tune(epochs, 2)
        ratio = self._recipe.ratio or 0.0
        asked = {layer: (ratio, len(values.get(layer, range(256)))) for layer in self._lab.scope}
        return {"quality": asdict(self._lab.subject.score()), "asked": asked}

    def _pruned(self) -> Masks:
        ratio, subject = self._recipe.ratio, self._lab.subject
        if ratio is None:
            return {}
        masks = {layer: magnitude_mask(subject.latent(layer), ratio) for layer in self._lab.scope}
        for layer, mask in masks.items():
            subject.constrain(layer, Constraint(None, mask))
        return masks

    def _tune(self, epochs: int, turn: int) -> None:
        if epochs:
            self._lab.subject.tune(epochs, self._seed + turn)


def profiled(lab: Lab, profiler: Profiler) -> EnergyOracle:
    """An oracle of the layers in scope as they are, from training images."""
    return profiler(lab.subject.trace(lab.config.profile_images, lab.scope, "train"))


def pooled_prices(lab: Lab) -> Float:
    """One E(w) for all layers, fJ of a MAC cycle, shape (256,): from pooled statistics, or the mean of the layers'."""
    oracle = profiled(lab, lab.pooled or lab.tables)
    return np.asarray(np.mean([oracle.value_energy_fj(layer) for layer in lab.scope], axis=0))


def held_values(lab: Lab) -> tuple[int, ...]:
    """The values that the cell holds, ascending."""
    return tuple(legal_values(pooled_prices(lab)) or range(LEAST, GREATEST + 1))


def told(lab: Lab, method: str, layers: tuple[str, ...], values: tuple[int, ...], prices: Float | None) -> Values:
    """The same set for several layers, noted in the journal.

    Args:
        lab: gets the note.
        method: who chose.
        layers: whose set it is.
        values: the set.
        prices: E(w) that it was chosen by, if it was.
    """
    chosen = as_values(values)
    most = None if prices is None else float(max(prices[value + 128] for value in chosen))
    lab.on_event(ValuesChosen(method, layers, chosen, most))
    return dict.fromkeys(layers, chosen)


def cheapest(prices: Float, count: int) -> tuple[int, ...]:
    """The values of least energy, 0 among them; of equal ones the smaller magnitude, then the positive one."""
    legal = legal_values(prices) or list(range(LEAST, GREATEST + 1))
    others = sorted((value for value in legal if value), key=lambda v: (prices[v + 128], abs(v), v < 0))
    return as_values([0, *others[: count - 1]])
