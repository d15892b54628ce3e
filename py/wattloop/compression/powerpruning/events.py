"""What selection under a delay bound writes into the journal."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class ValuesTimed:
    """Weights and activation codes were chosen that keep some layers to a delay bound.

    `conflicts` counts weights times unordered pairs of codes that are late among the candidates; `gain` is what the
    choice is worth, of at most `worth`.
    """

    layers: tuple[str, ...]
    bound_ps: float
    candidates: int
    conflicts: int
    weights: tuple[int, ...]
    codes: tuple[int, ...]
    gain: float
    worth: float
