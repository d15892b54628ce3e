"""Which campaigns an exhibit takes, as changes of the user's settings."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from wattloop.compression.config import CompressConfig
from wattloop.report.reproduce import paper
from wattloop.report.reproduce.results import GLOBAL, LAYERWISE, NAIVE, POWERPRUNING, PRUNE, RATE_DISTORTION, SET

Change = Callable[[CompressConfig], CompressConfig]


@dataclass(frozen=True)
class Task:
    """One campaign.

    Attributes:
        change: of the settings that the user gave.
        setting: what its rows are called, so that they can be matched; "" for what the methods call them.
    """

    change: Change
    setting: str = ""


def _by(*methods: str) -> Task:
    return Task(lambda config: replace(config, methods=methods))


def _matched(ratio: float, size: int) -> Task:
    """One choice for all layers and one for each, at the same pruning ratio and number of values."""

    def change(config: CompressConfig) -> CompressConfig:
        rivals = replace(config.baselines, global_ratios=(ratio,), global_values=(size,))
        return replace(config, methods=(GLOBAL, LAYERWISE), ratios=(ratio,), set_sizes=(size,), baselines=rivals)

    return Task(change, f"ratio={ratio:g} values={size}")


def _naive(config: CompressConfig) -> CompressConfig:
    sizes = tuple(row.values for row in paper.TABLE4 if row.method == "naive")
    return replace(config, methods=(NAIVE, LAYERWISE), baselines=replace(config.baselines, naive_values=sizes))


# Of the 178 ps that the default cell may take this leaves 58 values, 13 of them negative.
_BOUND_PS = 168.0


def _within(config: CompressConfig) -> CompressConfig:
    """PowerPruning, the layer-wise method and ours under the user's delay bound, or the usual one."""
    timing = replace(config.timing, bound_ps=config.timing.bound_ps or _BOUND_PS)
    return replace(config, methods=(POWERPRUNING, LAYERWISE, RATE_DISTORTION), timing=timing)


def _free(config: CompressConfig) -> CompressConfig:
    """PowerPruning's power selection alone."""
    return replace(config, methods=(POWERPRUNING,), timing=replace(config.timing, bound_ps=0.0))


_PAIRS = tuple(dict.fromkeys((row.prune_ratio or 0.0, row.values) for row in paper.TABLE3))


def _variant(change: Change, setting: str) -> Task:
    """Rate and distortion at its first target, with one part of it changed."""

    def changed(config: CompressConfig) -> CompressConfig:
        own = replace(config.rate_distortion, targets=config.rate_distortion.targets[:1])
        return change(replace(config, methods=(RATE_DISTORTION,), rate_distortion=own))

    return Task(changed, setting)


def _part(**parts: Any) -> Change:
    """Settings of the rate-distortion method in place of those that are there."""
    return lambda config: replace(config, rate_distortion=replace(config.rate_distortion, **parts))


def _others(config: CompressConfig) -> CompressConfig:
    """The user's methods but the one whose parts were tried."""
    return replace(config, methods=tuple(name for name in config.methods if name != RATE_DISTORTION))


# The whole first: what lacks a part, or has one more, is held against it.
_PARTS = (
    _variant(lambda config: config, "whole"),
    _variant(lambda config: replace(config, distill_weight=0.0), "without distillation"),
    _variant(_part(hold_zeros=False), "zeros free to come back"),
    _variant(_part(signs=False), "signs as trained"),
    _variant(_part(trust=0.0), "one sensitivity for a layer"),
    _variant(_part(energy_share=0.0), "no energy in the objective"),
    _variant(_part(rounds=2), "in two rounds"),
)
# The methods of table 1 are the user's, and so are those that the ablations end with.
TASKS: Mapping[str, Sequence[Task]] = {
    "table1": (Task(lambda config: config),),
    "table2": (_by(LAYERWISE),),
    "table3": tuple(_matched(ratio, size) for ratio, size in _PAIRS),
    "table4": (Task(_naive),),
    "figure4": (_by(PRUNE, SET, LAYERWISE),),
    "powerpruning": (Task(_free), Task(_within)),
    "ablations": (*_PARTS, Task(_others)),
}
