"""Whether stored tables still speak of the network and the hardware at hand: of all that their provenance names."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from wattloop.arith.transitions import TransitionModel
from wattloop.errors import StaleTableError
from wattloop.power.energy_table import EnergyTable

OLDER = "made by an older version"


@dataclass(frozen=True)
class Staleness:
    """Why a table is stale.

    Attributes:
        layer: the layer that it is used for.
        reasons: what it rests on that is not what is at hand, such as "statistics", "netlist", "library", "clock_ps",
            or that its provenance does not say what it rests on.
    """

    layer: str
    reasons: tuple[str, ...]

    def __str__(self) -> str:
        return f"{self.layer} ({', '.join(self.reasons)})"


def stale_tables(
    tables: Mapping[str, EnergyTable], models: Mapping[str, TransitionModel], facts: Mapping[str, str]
) -> tuple[Staleness, ...]:
    """Tables that rest on something else than what is at hand.

    Args:
        tables: by layer.
        models: the statistics of the network as it is now, by layer, collected as the tables' were.
        facts: what the provenance of a table made now would say of all else that moves its figures, by name.
    """
    found = []
    for layer, table in tables.items():
        reasons = _reasons(table.provenance, {"statistics": models[layer].key} | dict(facts))
        if reasons:
            found.append(Staleness(layer, reasons))
    return tuple(found)


def _reasons(then: Mapping[str, str], now: Mapping[str, str]) -> tuple[str, ...]:
    changed = [name.removesuffix("_sha256") for name, value in now.items() if then.get(name, value) != value]
    # What an older version did not write down may have changed unseen.
    return (*changed, *([] if now.keys() <= then.keys() else [OLDER]))


def require_fresh(
    tables: Mapping[str, EnergyTable], models: Mapping[str, TransitionModel], facts: Mapping[str, str]
) -> None:
    """Refuse stale tables; takes what `stale_tables` takes.

    Raises:
        StaleTableError: names each of them and what changed.
    """
    stale = stale_tables(tables, models, facts)
    if stale:
        raise StaleTableError(
            f"{len(stale)} of {len(tables)} tables are stale: {'; '.join(map(str, stale))} changed since; "
            "characterise again"
        )
