"""The rivals: what people would do without a layer-wise search.

PowerPruning-style selection, stage by stage (its full text and code are not available to us): power selection by one
table for all layers and a threshold on the power of a MAC, *documented*; how the threshold is found, here so that a
given number of values stays, *inferred*; whether it is applied to each sign apart, *inferred*: offered both ways, since
the cheapest values of an array multiplier are all positive and no network works with those; one set for all layers,
*documented*; straight-through training with the set, *documented*. With a delay bound (`compress.timing`) weights and
activations that keep to it are chosen among those (docs/powerpruning.md); without one they have no part in it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from operator import attrgetter

import numpy as np

from wattloop.compression.baselines.config import BaselinesConfig
from wattloop.compression.baselines.tuned import (
    Masks,
    Recipe,
    Refuse,
    Rival,
    Values,
    cheapest,
    held_values,
    pooled_prices,
    profiled,
    told,
)
from wattloop.compression.layerwise.candidates import legal_values, rank_values
from wattloop.compression.layerwise.configurations import shrunk
from wattloop.compression.method import Lab
from wattloop.compression.powerpruning.restriction import bounded_setting, restricted, selected
from wattloop.compression.remap import Int64, histogram, remap
from wattloop.compression.scales import least_squares_scale
from wattloop.compression.subject import Float
from wattloop.errors import ConfigError

POWERPRUNING, NAIVE, GLOBAL, PRUNE = "powerpruning", "naive", "global", "prune"
SET, INT8, POWER_OF_TWO, FOUR_BIT = "set", "int8", "power-of-two", "four-bit"


@dataclass(frozen=True, kw_only=True)
class Fixed(Recipe):
    """Values that no energy has a say in, as far as the cell holds them.

    Attributes:
        method: who asks.
        chosen: the values.
        own_scale: each layer's scale is that which serves these values best; otherwise it stays that of int8.
    """

    method: str
    chosen: tuple[int, ...]
    own_scale: bool

    def values(self, lab: Lab, masks: Masks) -> Values:
        """See `Recipe`."""
        return told(lab, self.method, lab.scope, _held(self.chosen, held_values(lab)), None)

    def scales(self, lab: Lab, values: Values) -> Mapping[str, float]:
        """See `Recipe`."""
        if not self.own_scale:
            return {}
        return {layer: least_squares_scale(lab.subject.latent(layer), held) for layer, held in values.items()}


@dataclass(frozen=True, kw_only=True)
class Cheapest(Recipe):
    """The cheapest values by one table for all layers.

    Attributes:
        method: who asks.
        count: how many values, 0 included.
        both_signs: half of them negative.
    """

    method: str
    count: int
    both_signs: bool

    def values(self, lab: Lab, masks: Masks) -> Values:
        """See `Recipe`."""
        prices = pooled_prices(lab)
        if not self.both_signs:
            return told(lab, self.method, lab.scope, cheapest(prices, self.count), prices)
        positive, negative = prices.copy(), prices.copy()
        positive[:128], negative[129:] = np.inf, np.inf
        chosen = (
            *cheapest(positive, (self.count - 1) // 2 + 1),
            *cheapest(negative, self.count // 2 + 1),
        )
        return told(lab, self.method, lab.scope, chosen, prices)


@dataclass(frozen=True, kw_only=True)
class UnderBound(Recipe):
    """Of another recipe's values, one set for all layers that keeps to the delay bound.

    The layers' inputs are held to the activation codes that were chosen with it.
    """

    recipe: Recipe

    def values(self, lab: Lab, masks: Masks) -> Values:
        """See `Recipe`."""
        choice = restricted(lab, self._candidates(lab, masks))
        return dict.fromkeys(lab.scope, choice.weights)

    def require_possible(self, lab: Lab) -> None:
        """See `Recipe`."""
        selected(lab, self._candidates(replace(lab, on_event=lambda event: None), {}))

    def _candidates(self, lab: Lab, masks: Masks) -> list[int]:
        return sorted({value for values in self.recipe.values(lab, masks).values() for value in values})


@dataclass(frozen=True, kw_only=True)
class OneForAll(Recipe):
    """The layer-wise choice of values made once, for all layers; `size` of them."""

    size: int

    def values(self, lab: Lab, masks: Masks) -> Values:
        """See `Recipe`."""
        prices = pooled_prices(lab)
        usage = sum(_usage(lab, layer, masks, prices) for layer in lab.scope)
        chosen = _searched(lab, np.asarray(usage), prices, self.size)
        return told(lab, GLOBAL, lab.scope, chosen, prices)


@dataclass(frozen=True, kw_only=True)
class Own(Recipe):
    """A set of `size` values for each layer, chosen as the layer-wise method does before any training."""

    size: int

    def values(self, lab: Lab, masks: Masks) -> Values:
        """See `Recipe`."""
        oracle = profiled(lab, lab.tables)
        found: dict[str, tuple[int, ...]] = {}
        for layer in lab.scope:
            prices = oracle.value_energy_fj(layer)
            chosen = _searched(lab, _usage(lab, layer, masks, prices), prices, self.size)
            found.update(told(lab, SET, (layer,), chosen, prices))
        return found


def _held(values: Sequence[int], legal: Sequence[int]) -> tuple[int, ...]:
    return tuple(sorted(set(values) & set(legal)))


def _refuse_values(method: str, values: Sequence[int]) -> Refuse:
    def refuse(config: BaselinesConfig, legal: Sequence[int]) -> None:
        if len(_held(values, legal)) < 2:
            raise ConfigError(f"{method}: the cell holds none of its values but 0; leave it out of compress.methods")

    return refuse


def _refuse_sizes(key: str, *, both_signs: bool) -> Refuse:
    def refuse(config: BaselinesConfig, legal: Sequence[int]) -> None:
        positive, negative = sum(value > 0 for value in legal), sum(value < 0 for value in legal)
        most = 1 + (min(2 * positive + 1, 2 * negative) if both_signs else positive + negative)
        beyond = [size for size in getattr(config, key) if size > most]
        if beyond:
            raise ConfigError(
                f"compress.baselines.{key} asks for {max(beyond)} values and the cell holds {len(legal)}: ask for"
                f" {most} at most"
            )

    return refuse


def _usage(lab: Lab, layer: str, masks: Masks, prices: Float) -> Int64:
    """How often each value would be used without a set among the weights that are kept, shape (256,)."""
    free = remap(lab.subject.latent(layer), legal_values(prices))
    return histogram(free[masks[layer]] if layer in masks else free)


def _searched(lab: Lab, usage: Int64, prices: Float, size: int) -> tuple[int, ...]:
    config = lab.config
    ranked = rank_values(usage, prices, config.energy_weight, max(config.k_init, size))
    return shrunk(ranked, size, usage, prices, config.epsilon)


def powerpruning() -> Rival:
    """PowerPruning-style: power selection, and timing selection if there is a delay bound."""

    def recipes(lab: Lab) -> Iterator[Recipe]:
        timing = lab.config.timing
        for count in lab.config.baselines.power_values:
            for threshold in lab.config.baselines.power_thresholds:
                both = threshold == "by sign"
                # The cheapest values of some cells have one sign: they are no candidates where both must be left.
                if timing.bound_ps and timing.least_each_sign and not both:
                    continue
                setting = {"values": count, "threshold": threshold}
                cheap = Cheapest(method=POWERPRUNING, count=count, both_signs=both, setting=setting)
                if timing.bound_ps:
                    yield UnderBound(recipe=cheap, setting=bounded_setting(setting, lab), ratio=cheap.ratio)
                else:
                    yield cheap

    return Rival(POWERPRUNING, recipes, _refuse_sizes("power_values", both_signs=True))


def naive() -> Rival:
    """The cheapest values (the paper's table 4)."""
    return Rival(
        NAIVE,
        lambda lab: (
            Cheapest(method=NAIVE, count=count, both_signs=False, setting={"values": count})
            for count in lab.config.baselines.naive_values
        ),
        _refuse_sizes("naive_values", both_signs=False),
    )


def global_choice() -> Rival:
    """One pruning ratio and one set for all layers (the paper's table 3)."""

    def recipes(lab: Lab) -> Iterator[Recipe]:
        chosen = lab.config.baselines
        for ratio, size in zip(chosen.global_ratios, chosen.global_values, strict=True):
            yield OneForAll(size=size, setting={"ratio": ratio, "values": size}, ratio=ratio)

    return Rival(GLOBAL, recipes)


def prune() -> Rival:
    """Pruning only."""
    ratios = attrgetter("config.baselines.prune_ratios")
    return Rival(PRUNE, lambda lab: (Recipe(setting={"ratio": ratio}, ratio=ratio) for ratio in ratios(lab)))


def set_only() -> Rival:
    """A set for each layer, nothing pruned."""
    sizes = attrgetter("config.baselines.set_values")
    return Rival(SET, lambda lab: (Own(size=size, setting={"values": size}) for size in sizes(lab)))


def int8() -> Rival:
    """Further training without any constraint."""
    return Rival(INT8, lambda lab: iter([Recipe(setting={})]))


def power_of_two() -> Rival:
    """0 and the powers of two of either sign."""
    powers = [1 << bit for bit in range(7)]
    values = (-128, *(-power for power in powers), 0, *powers)
    return _fixed(POWER_OF_TWO, values)


def four_bit() -> Rival:
    """Plain 4-bit weights, left-aligned in the byte: multiples of 16."""
    return _fixed(FOUR_BIT, tuple(range(-128, 128, 16)))


def _fixed(method: str, values: tuple[int, ...]) -> Rival:
    recipes = [
        Fixed(method=method, chosen=values, own_scale=own, setting={"values": len(values), "scale": name})
        for name, own in (("int8", False), ("own", True))
    ]
    return Rival(method, lambda lab: iter(recipes), _refuse_values(method, values))
