"""Settings of the rivals, checked when they are made; imports no torch."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

from wattloop.checks import within

Threshold = Literal["by sign", "one"]

_require = within("compress.baselines.")


@dataclass(frozen=True)
class BaselinesConfig:
    """What the rivals try; each offers one network a setting, and all train each network alike.

    Attributes:
        epochs: fine-tuning of each network, epochs; those that prune first spend half of them on it.
        power_values: values that PowerPruning-style selection leaves, 0 included.
        power_thresholds: each number of values is left by a threshold "by sign", half of them negative, by "one" for
            all, or both ways.
        naive_values: the same of the naive choice.
        global_ratios, global_values: pruning ratios, each with the size of its set, of one choice for all layers.
        prune_ratios: pruning ratios without a set.
        set_values: sizes of the sets of each layer without pruning.
    """

    epochs: int = 3
    power_values: tuple[int, ...] = (96, 64, 48, 32)
    power_thresholds: tuple[Threshold, ...] = ("by sign", "one")
    naive_values: tuple[int, ...] = (20, 16)
    global_ratios: tuple[float, ...] = (0.3, 0.5, 0.7)
    global_values: tuple[int, ...] = (32, 24, 16)
    prune_ratios: tuple[float, ...] = (0.3, 0.5, 0.7)
    set_values: tuple[int, ...] = (32, 24, 16)

    def __post_init__(self) -> None:
        _require(self.epochs >= 0, "epochs", self.epochs, "0 or more")
        for name in ("power_values", "naive_values", "global_values", "set_values"):
            for size in getattr(self, name):
                _require(2 <= size <= 256, name, size, "2 to 256 values, 0 included")
        known = set(get_args(Threshold))
        chosen = self.power_thresholds
        _require(bool(chosen) and set(chosen) <= known, "power_thresholds", chosen, "by sign, one")
        for name in ("global_ratios", "prune_ratios"):
            for ratio in getattr(self, name):
                _require(0 <= ratio < 1, name, ratio, "0 <= ratio < 1")
        matched = len(self.global_ratios) == len(self.global_values)
        _require(matched, "global_ratios", self.global_ratios, "as many as global_values")
