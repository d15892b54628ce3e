"""The rivals: what people would do without a layer-wise search.

PowerPruning-style selection, stage by stage (its full text and code are not available to us): power selection by one
table for all layers and a threshold on the power of a MAC, *documented*; how the threshold is found, here so that a
given number of values stays, *inferred*; whether it is applied to each sign apart, *inferred*: offered both ways, since
the cheapest values of an array multiplier are all positive and no network works with those; one set for all layers,
*documented*; straight-through training with the set, *documented*. Timing, activations and supply are not in it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

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
from wattloop.compression.method import Lab, Setting
from wattloop.compression.remap import Int64, histogram, remap
from wattloop.compression.subject import Float
from wattloop.errors import ConfigError

POWERPRUNING, NAIVE, GLOBAL, PRUNE = "powerpruning", "naive", "global", "prune"
SET, INT8, POWER_OF_TWO, FOUR_BIT = "set", "int8", "power-of-two", "four-bit"


@dataclass(frozen=True)
class Free:
    """All values, pruned or not: implements `Recipe`."""

    setting: Setting
    ratio: float | None = None

    def values(self, lab: Lab, masks: Masks) -> Values:
        """See `Recipe`."""
        return {}


@dataclass(frozen=True)
class Fixed:
    """Values that no energy has a say in, as far as the cell holds them: implements `Recipe`."""

    method: str
    chosen: tuple[int, ...]
    setting: Setting
    ratio: float | None = None

    def values(self, lab: Lab, masks: Masks) -> Values:
        """See `Recipe`."""
        return told(lab, self.method, lab.scope, _held(self.chosen, held_values(lab)), None)


@dataclass(frozen=True)
class Cheapest:
    """The cheapest values by one table for all layers: implements `Recipe`.

    Attributes:
        method: who asks.
        count: how many values, 0 included.
        both_signs: half of them negative.
    """

    method: str
    count: int
    both_signs: bool
    setting: Setting
    ratio: float | None = None

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


@dataclass(frozen=True)
class OneForAll:
    """The layer-wise choice of values made once, for all layers: implements `Recipe`."""

    size: int
    setting: Setting
    ratio: float | None = None

    def values(self, lab: Lab, masks: Masks) -> Values:
        """See `Recipe`."""
        prices = pooled_prices(lab)
        usage = sum(_usage(lab, layer, masks, prices) for layer in lab.scope)
        chosen = _searched(lab, np.asarray(usage), prices, self.size)
        return told(lab, GLOBAL, lab.scope, chosen, prices)


@dataclass(frozen=True)
class Own:
    """A set for each layer, chosen as the layer-wise method does before any training: implements `Recipe`."""

    size: int
    setting: Setting
    ratio: float | None = None

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
    """PowerPruning-style: power selection alone."""

    def recipes(lab: Lab) -> Iterator[Recipe]:
        for count in lab.config.baselines.power_values:
            for both in (True, False):
                setting = {"values": count, "threshold": "by sign" if both else "one"}
                yield Cheapest(POWERPRUNING, count, both, setting)

    return Rival(POWERPRUNING, recipes, _refuse_sizes("power_values", both_signs=True))


def naive() -> Rival:
    """The cheapest values (the paper's table 4)."""
    return Rival(
        NAIVE,
        lambda lab: (Cheapest(NAIVE, k, False, {"values": k}) for k in lab.config.baselines.naive_values),
        _refuse_sizes("naive_values", both_signs=False),
    )


def global_choice() -> Rival:
    """One pruning ratio and one set for all layers (the paper's table 3)."""

    def recipes(lab: Lab) -> Iterator[Recipe]:
        chosen = lab.config.baselines
        for ratio, size in zip(chosen.global_ratios, chosen.global_values, strict=True):
            yield OneForAll(size, {"ratio": ratio, "values": size}, ratio)

    return Rival(GLOBAL, recipes)


def prune() -> Rival:
    """Pruning only."""
    return Rival(PRUNE, lambda lab: (Free({"ratio": ratio}, ratio) for ratio in lab.config.baselines.prune_ratios))


def set_only() -> Rival:
    """A set for each layer, nothing pruned."""
    return Rival(SET, lambda lab: (Own(size, {"values": size}) for size in lab.config.baselines.set_values))


def int8() -> Rival:
    """Further training without any constraint."""
    return Rival(INT8, lambda lab: iter([Free({})]))


def power_of_two() -> Rival:
    """0 and the powers of two of either sign."""
    powers = [1 << bit for bit in range(7)]
    values = (-128, *(-power for power in powers), 0, *powers)
    return _fixed(POWER_OF_TWO, values)


def four_bit() -> Rival:
    """Plain 4-bit weights, left-aligned in the byte: multiples of 16."""
    return _fixed(FOUR_BIT, tuple(range(-128, 128, 16)))


def _fixed(method: str, values: tuple[int, ...]) -> Rival:
    recipe = Fixed(method, values, {"values": len(values)})
    return Rival(method, lambda lab: iter([recipe]), _refuse_values(method, values))
