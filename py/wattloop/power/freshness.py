"""Whether stored tables still speak of the network at hand: statistics, netlist and library that they rest on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from wattloop.arith.transitions import TransitionModel
from wattloop.errors import StaleTableError
from wattloop.gates.netlist import Netlist
from wattloop.power.energy_table import EnergyTable


@dataclass(frozen=True)
class Staleness:
    """Why a table is stale.

    Attributes:
        layer: the layer that it is used for.
        reasons: what it rests on that is not what is at hand: "statistics", "netlist", "library".
    """

    layer: str
    reasons: tuple[str, ...]

    def __str__(self) -> str:
        return f"{self.layer} ({', '.join(self.reasons)})"


def stale_tables(
    tables: Mapping[str, EnergyTable], models: Mapping[str, TransitionModel], netlist: Netlist
) -> tuple[Staleness, ...]:
    """Tables that rest on something else than what is at hand.

    Args:
        tables: by layer.
        models: the statistics of the network as it is now, by layer, collected as the tables' were.
        netlist: the cell's netlist.
    """
    found = []
    for layer, table in tables.items():
        now = {
            "statistics": models[layer].key,
            "netlist": netlist.digest,
            "library_sha256": netlist.library.sha256,
        }
        reasons = tuple(name.removesuffix("_sha256") for name, key in now.items() if table.provenance.get(name) != key)
        if reasons:
            found.append(Staleness(layer, reasons))
    return tuple(found)


def require_fresh(tables: Mapping[str, EnergyTable], models: Mapping[str, TransitionModel], netlist: Netlist) -> None:
    """Refuse stale tables.

    Raises:
        StaleTableError: names each of them and what changed.
    """
    stale = stale_tables(tables, models, netlist)
    if stale:
        raise StaleTableError(
            f"{len(stale)} of {len(tables)} tables are stale: {'; '.join(map(str, stale))} changed since; "
            "characterise again"
        )
