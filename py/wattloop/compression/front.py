"""Which of many networks are worth having: the Pareto front, and the best within a drop of accuracy."""

from __future__ import annotations

from collections.abc import Sequence

from wattloop.compression.campaign import Offer


def front(offers: Sequence[Offer]) -> tuple[int, ...]:
    """Numbers of the offers that no other beats, the dearest first.

    One beats another that is no better in validation accuracy and in energy, and worse in one of them; of equals the
    first stays.
    """
    order = sorted(range(len(offers)), key=lambda k: (-offers[k].validation.accuracy, offers[k].energy_fj, k))
    kept: list[int] = []
    for number in order:
        if not kept or offers[number].energy_fj < offers[kept[-1]].energy_fj:
            kept.append(number)
    return tuple(kept)


def best_within(offers: Sequence[Offer], int8: Offer, drop_points: float) -> int | None:
    """Number of the offer of least energy whose validation accuracy fell by no more than `drop_points`.

    None where there is none that costs less than the int8 network.
    """
    bound = int8.validation.accuracy - drop_points / 100.0
    able = [k for k, o in enumerate(offers) if o.validation.accuracy >= bound and o.energy_fj < int8.energy_fj]
    return min(able, key=lambda k: (offers[k].energy_fj, -offers[k].validation.accuracy, k), default=None)
