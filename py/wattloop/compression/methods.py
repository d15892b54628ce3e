"""All methods by name; imports no torch."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from wattloop.compression.baselines import rivals
from wattloop.compression.layerwise.schedule import LayerWise
from wattloop.compression.method import Method
from wattloop.compression.powerpruning.config import TimingConfig
from wattloop.compression.powerpruning.restriction import Bounded
from wattloop.compression.rate_distortion.method import RateDistortion
from wattloop.errors import ConfigError

LAYERWISE, RATE_DISTORTION = "layerwise", "rate-distortion"

METHODS: Mapping[str, Callable[[], Method]] = {
    LAYERWISE: LayerWise,
    RATE_DISTORTION: RateDistortion,
    rivals.POWERPRUNING: rivals.powerpruning,
    rivals.NAIVE: rivals.naive,
    rivals.GLOBAL: rivals.global_choice,
    rivals.PRUNE: rivals.prune,
    rivals.SET: rivals.set_only,
    rivals.INT8: rivals.int8,
    rivals.POWER_OF_TWO: rivals.power_of_two,
    rivals.FOUR_BIT: rivals.four_bit,
}


def under_bound(methods: Mapping[str, Method], timing: TimingConfig) -> dict[str, Method]:
    """The methods as they are without a delay bound; with one, each on what keeps to it.

    Raises:
        ConfigError: one of them cannot keep to a bound.
    """
    if not timing.bound_ps:
        return dict(methods)
    if RATE_DISTORTION in methods:
        # It negates filters, which would need the negatives of all values that the bound leaves.
        raise ConfigError(
            f"{RATE_DISTORTION} keeps to no delay bound: leave it out or set compress.timing.bound_ps = 0"
        )
    # PowerPruning has its power threshold before its timing.
    return {name: found if name == rivals.POWERPRUNING else Bounded(found) for name, found in methods.items()}


def chosen(names: Iterable[str]) -> dict[str, Method]:
    """The methods of these names, in their order.

    Raises:
        ConfigError: a name is unknown, or there is none.
    """
    wanted = list(dict.fromkeys(names))
    unknown = [name for name in wanted if name not in METHODS]
    if unknown or not wanted:
        raise ConfigError(f"unknown method {', '.join(unknown) or 'list'}; known: {', '.join(METHODS)}")
    return {name: METHODS[name]() for name in wanted}
