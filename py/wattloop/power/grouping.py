"""How much groups of partial-sum transitions tell of the energy of a MAC cycle (paper section 3.1.1, its figure 2)."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from wattloop.activity.bitparallel.engine import Engine
from wattloop.activity.sources import mac_pairs
from wattloop.arith.psum_groups import group_pair
from wattloop.arith.stability import stability
from wattloop.arith.transitions import Pairs, TransitionModel
from wattloop.gates.spec import MacSpec
from wattloop.power.energy import EnergyModel
from wattloop.power.energy_table import DYNAMIC

Float = npt.NDArray[np.float64]
Int64 = npt.NDArray[np.int64]

# Weights that a layer's transitions are tried with: 0, small, middling and large ones of both signs.
WEIGHTS = (-128, -64, -17, -3, 0, 3, 17, 64, 127)


@dataclass(frozen=True)
class GroupingQuality:
    """How well a grouping of a layer's partial-sum transitions separates their energies at one weight.

    Attributes:
        layer: the layer.
        grouping: "50 groups" (of raw patterns, the paper's), "by magnitude" (the same of absolute values), "Hamming"
            (by the number of bits that change).
        weight: held by the MAC.
        stability: variance of the cells' means / mean variance within cells.
        explained: share of the variance that the cells' means explain.
        cells: cells with enough transitions.
        mean_fj: mean energy of a transition.
    """

    layer: str
    grouping: str
    weight: int
    stability: float
    explained: float
    cells: int
    mean_fj: float


@dataclass(frozen=True)
class Probe:
    """Energies of single transitions, by the native engine.

    Attributes:
        engine: of the cell, with delays or without.
        mac: the cell.
        model: its energies.
    """

    engine: Engine
    mac: MacSpec
    model: EnergyModel

    def energies_fj(self, weight: int, pairs: Pairs) -> Float:
        """Dynamic energy of each transition, shape (count,), at the prices of their mean activity."""
        a_from, a_to, p_from, p_to = pairs
        stimulus = mac_pairs(self.mac, [weight], np.stack([a_from, a_to])[None], np.stack([p_from, p_to])[None])
        prices = self.model.prices_fj(self.engine.measure([stimulus]))
        price_fj = sum((prices[name] for name in DYNAMIC), np.zeros(len(self.engine.netlist.nets)))
        by_net = {net: float(price_fj[net]) for net in self.engine.circuit.driven}
        return np.asarray(self.engine.weighted_changes(stimulus, by_net)[0, 1], np.float64)


def _hamming(before: Int64, after: Int64, bits: int) -> Int64:
    changed = (before ^ after) & ((1 << bits) - 1)
    return np.asarray((changed[:, None] >> np.arange(bits) & 1).sum(axis=1))


def _magnitude(before: Int64, after: Int64, bits: int) -> Int64:
    return group_pair(np.abs(before), np.abs(after), bits)


GROUPINGS: dict[str, Callable[[Int64, Int64, int], Int64]] = {
    "50 groups": group_pair,
    "by magnitude": _magnitude,
    "Hamming": _hamming,
}


def grouping_quality(
    statistics: TransitionModel, probe: Probe, *, transitions: int = 50_000, seed: int = 0, min_samples: int = 10
) -> Iterator[GroupingQuality]:
    """Quality of every grouping on transitions of a layer, weight by weight.

    Args:
        statistics: the layer's transitions; joint ones, or what the groups leave open is not the layer's.
        probe: measures them.
        transitions: how many.
        seed: of their choice.
        min_samples: cells with fewer are left out.
    """
    a_from, a_to, p_from, p_to = statistics.sample(transitions, np.random.default_rng(seed))
    cells = {name: grouping(p_from, p_to, probe.mac.psum_bits) for name, grouping in GROUPINGS.items()}
    for weight in WEIGHTS:
        if weight not in probe.mac.weight_values:
            continue
        energy_fj = probe.energies_fj(weight, (a_from, a_to, p_from, p_to))
        for name, cell in cells.items():
            found = stability(cell, energy_fj, min_samples=min_samples)
            yield GroupingQuality(
                statistics.layer, name, weight, found.ratio, found.explained, found.cells, float(energy_fj.mean())
            )


@dataclass(frozen=True)
class BitCost:
    """Mean energy of random partial-sum transitions of one kind: the points of the paper's figure 2.

    Attributes:
        weight: held by the MAC.
        view: "Hamming distance" or "MSB".
        before, after: position of the highest bit (0 for 0) before and after; for a distance both are the distance.
        mean_fj: mean dynamic energy.
        spread_fj: standard deviation.
        transitions: how many.
    """

    weight: int
    view: str
    before: int
    after: int
    mean_fj: float
    spread_fj: float
    transitions: int


def bit_costs(
    statistics: TransitionModel,
    probe: Probe,
    *,
    weights: Sequence[int] = (0, 17, 64),
    count: int = 200_000,
    seed: int = 0,
) -> Iterator[BitCost]:
    """Energy of random partial-sum transitions by Hamming distance and by highest bits, as the paper's figure 2.

    Partial sums have every position of the highest bit equally often; activations are the layer's.
    """
    rng, bits = np.random.default_rng(seed), probe.mac.psum_bits
    a_from, a_to, _, _ = statistics.sample(count, rng)
    highest = rng.integers(0, bits + 1, (2, count))
    raw = np.where(
        highest > 0, (1 << highest >> 1) + (rng.random((2, count)) * (1 << highest >> 1)).astype(np.int64), 0
    )
    before, after = raw - ((raw >> (bits - 1)) << bits)
    distance = _hamming(before, after, bits)
    for weight in weights:
        energy_fj = probe.energies_fj(weight, (a_from, a_to, before, after))
        yield from _means(weight, "Hamming distance", distance, distance, energy_fj)
        yield from _means(weight, "MSB", highest[0], highest[1], energy_fj)


def _means(weight: int, view: str, before: Int64, after: Int64, energy_fj: Float) -> Iterator[BitCost]:
    cells, inverse, sizes = np.unique(before * 64 + after, return_inverse=True, return_counts=True)
    mean_fj = np.bincount(inverse, energy_fj) / sizes
    spread_fj = np.sqrt(np.bincount(inverse, (energy_fj - mean_fj[inverse]) ** 2) / sizes)
    for cell, mean, spread, size in zip(
        cells.tolist(), mean_fj.tolist(), spread_fj.tolist(), sizes.tolist(), strict=True
    ):
        yield BitCost(weight, view, cell // 64, cell % 64, mean, spread, size)
