"""What the schedule decides, and what its decisions rest on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from wattloop.compression.config import CompressConfig
from wattloop.power.oracle import LayerEnergy


@dataclass(frozen=True)
class Decision:
    """What a layer got; `ratio` and `size` are None where it was left as it was."""

    layer: str
    ratio: float | None
    size: int | None


def sum_fj(energies: Mapping[str, LayerEnergy]) -> float:
    """Dynamic energy of all layers, fJ per image."""
    return sum(energy.energy.dynamic_fj for energy in energies.values())


def shares_of(energies: Mapping[str, LayerEnergy]) -> dict[str, float]:
    """rho_l, each layer's share of the energy, descending; equal shares keep the order of `energies`."""
    whole = sum_fj(energies)
    shares = {layer: energy.energy.dynamic_fj / whole for layer, energy in energies.items()}
    return dict(sorted(shares.items(), key=lambda item: -item[1]))


def bounds_of(accuracy: float, shares: Mapping[str, float], config: CompressConfig) -> dict[str, float]:
    """Validation accuracy (fraction) that the network must keep when each layer of `shares` has had its turn."""
    bounds, spent = {}, 0.0
    for layer, share in shares.items():
        spent = min(spent + share, 1.0)
        granted = config.delta * (spent if config.delta_split == "by_energy" else 1.0)
        bounds[layer] = accuracy - granted / 100.0
    return bounds
