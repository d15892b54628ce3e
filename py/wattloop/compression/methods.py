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

# PowerPruning has its power threshold before its timing; rate and distortion turns the int8 filters before.
_KEEP_TO_BOUNDS = (rivals.POWERPRUNING, RATE_DISTORTION)


def under_bound(methods: Mapping[str, Method], timing: TimingConfig) -> dict[str, Method]:
    """The methods as they are without a delay bound; with one, each on what keeps to it."""
    if not timing.bound_ps:
        return dict(methods)
    return {name: found if name in _KEEP_TO_BOUNDS else Bounded(found) for name, found in methods.items()}


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
