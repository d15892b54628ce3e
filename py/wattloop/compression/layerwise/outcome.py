"""What the schedule decides and what it ends with."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from wattloop.compression.config import CompressConfig
from wattloop.compression.journal import Event
from wattloop.compression.subject import Quality
from wattloop.power.oracle import LayerEnergy


@dataclass(frozen=True)
class Decision:
    """What a layer got; `ratio` and `size` are None where it was left as it was."""

    layer: str
    ratio: float | None
    size: int | None


@dataclass(frozen=True)
class Outcome:
    """The schedule's result; the subject is left in its best state.

    Attributes:
        shares: rho_l of every layer in scope, descending: the order in which they were taken.
        decisions: one a layer that was taken up, in that order.
        before: energy by layer of the int8 network, with its own profile.
        after: energy by layer of the compressed network, with its own profile.
        value_energy_before, value_energy_after: E_l(w) in fJ by layer, 256 values each, of the same two profiles.
        baseline: validation quality of the int8 network.
        final: validation quality of the compressed network.
    """

    shares: Mapping[str, float]
    decisions: Sequence[Decision]
    before: Mapping[str, LayerEnergy]
    after: Mapping[str, LayerEnergy]
    value_energy_before: Mapping[str, tuple[float, ...]]
    value_energy_after: Mapping[str, tuple[float, ...]]
    baseline: Quality
    final: Quality


@dataclass(frozen=True)
class Progress:
    """Where an interrupted run stood: after the last layer that was settled."""

    decisions: tuple[Decision, ...]
    events: tuple[Event, ...]
    stale: tuple[str, ...]
    snapshot: object


class Resume(Protocol):
    """Keeps the progress of a run, layer by layer."""

    def load(self) -> Progress | None:
        """The progress of an earlier run with the same inputs, if there is one."""

    def save(self, progress: Progress) -> None:
        """Keep `progress`; atomic."""


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
