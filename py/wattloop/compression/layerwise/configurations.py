"""Configurations (pruning ratio, set size) of a layer, in a total order by estimated energy (paper section 4.3)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from wattloop.compression.config import CompressConfig
from wattloop.compression.layerwise.candidates import legal_values, rank_values
from wattloop.compression.layerwise.scoring import ScoredRemoval, ranked
from wattloop.compression.pruning import magnitude_mask
from wattloop.compression.remap import GREATEST, LEAST, Int64, histogram, remap
from wattloop.compression.subject import Float, Float32
from wattloop.power.oracle import EnergyOracle

_WEIGHTS = np.arange(LEAST, GREATEST + 1)


@dataclass(frozen=True)
class Configuration:
    """A pruning ratio with the size of an allowed set, and the energy that they promise.

    Attributes:
        ratio: fraction of the weights pruned.
        size: values allowed, 0 included.
        estimate_fj: energy per image of the layer, before any fine-tuning, with a set of `size` values such as the
            elimination is likely to leave.
    """

    ratio: float
    size: int
    estimate_fj: float


def ordered(oracle: EnergyOracle, layer: str, latent: Float32, config: CompressConfig) -> tuple[Configuration, ...]:
    """All configurations of `layer`, the least energy (the most aggressive) first, capped as `config` says.

    Equal energies go to the higher ratio, then to the smaller set, so that the order is total.
    """
    price = oracle.value_energy_fj(layer)
    found = []
    for ratio in set(config.ratios):
        mask = magnitude_mask(latent, ratio)
        usage = histogram(remap(latent, legal_values(price))[mask])
        values = rank_values(usage, price, config.energy_weight, config.k_init)
        for size in sorted(set(config.set_sizes), reverse=True):
            values = shrunk(values, size, usage, price, config.epsilon)
            energy = oracle.energy(layer, remap(latent, values, mask)).energy
            found.append(Configuration(ratio, size, energy.dynamic_fj))
    found.sort(key=lambda c: (c.estimate_fj, -c.ratio, c.size))
    return tuple(found[: config.max_configurations or None])


def shrunk(values: tuple[int, ...], size: int, usage: Int64, price: Float, epsilon: float) -> tuple[int, ...]:
    """Backward elimination on the histogram alone: what a set of `size` values will be like.

    The accuracy drop is stood for by the remapping error, in per cent of the weights' power.
    """
    power = max(float(usage @ _WEIGHTS**2), 1.0)

    def cost(allowed: Iterable[int]) -> tuple[float, float]:
        table = remap(_WEIGHTS, allowed).astype(np.int64)
        error = float(usage @ (table - _WEIGHTS) ** 2)
        return float(usage @ price[table - LEAST]), 100.0 * error / power

    while len(values) > size:
        energy, error = cost(values)
        removals = []
        for value in values:
            if value:
                less, more = cost(set(values) - {value})
                saving, harm = energy - less, more - error
                score = saving / (harm + epsilon)
                removals.append(ScoredRemoval(value, saving, harm, harm, score, measured=False))
        best = ranked(removals)[0]
        values = tuple(value for value in values if value != best.value)
    return values
