"""Networks under a delay bound: what they keep, what the slack is worth, and whether real tiles are in time."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import polars as pl

from wattloop.compression.energies import ACCOUNTINGS
from wattloop.compression.rows import Row
from wattloop.report.inputs import Compression
from wattloop.report.tables import markdown
from wattloop.report.units import NONE, percent

_MOST_SHOWN = 10

CONVENTIONS = (
    "`settled by`: the latest that the array may settle with what the layers in scope hold, after the clock edge, for"
    " all partial sums, idle cells and loading included; `needed`: that with the set-up time, raised by what static"
    " timing finds beyond it. Savings `at the supply` have the convolutions at that supply, dynamic energy by its"
    " square, leakage by the law, against the int8 network at the nominal one; the other savings are at the nominal"
    " supply. Layers out of scope are promised nothing and stay at the nominal supply. `unselected`: the supply that"
    " the same law allows the cell with all weights and codes: what no selection is needed for. `late`: transitions of"
    " real tiles of test images that settle after the bound."
)


def is_bounded(rows: Sequence[Row]) -> bool:
    """Whether any of the networks was held to a delay bound."""
    return any(row.delay_bound_ps is not None for row in rows)


def columns(row: Row) -> dict[str, str]:
    """What tables of networks say of a row where any is under a bound."""
    return {
        "codes": str(row.activation_codes),
        "bound, ps": _number(row.delay_bound_ps),
        "supply, V": _number(row.supply_v),
        "datapath at it": percent(row.datapath_saving_at_supply),
        "late": NONE if row.late_transitions is None else str(row.late_transitions),
    }


def origins(rows: Sequence[Row]) -> list[str]:
    """What each supply rests on, once each."""
    return list(dict.fromkeys(f"{_number(r.supply_v)} V: {r.supply_origin}." for r in rows if r.supply_v is not None))


def table(rows: Sequence[Row]) -> pl.DataFrame:
    """A line a network under a bound: the savings without and with the voltage step."""
    return pl.DataFrame([_line(number, row) for number, row in enumerate(rows) if row.delay_bound_ps is not None])


def _line(number: int, row: Row) -> dict[str, str]:
    tiles = "not timed" if row.late_transitions is None else f"{row.late_transitions} in {row.timed_tiles} tiles"
    return {
        "": str(number),
        "network": f"{row.method} {row.setting}{' (laid out)' * row.mapped}",
        "codes": str(row.activation_codes),
        "bound, ps": _number(row.delay_bound_ps),
        "settled by, ps": _number(row.settling_ps),
        "needed, ps": NONE if row.needed_ps is None else f"{row.needed_ps:.1f}",
        "supply, V": _number(row.supply_v),
        "unselected, V": _number(row.unselected_supply_v),
        **{f"{name} saved, at the supply": _both(row, name) for name in ACCOUNTINGS},
        "late": tiles,
    }


def _both(row: Row, accounting: str) -> str:
    before, after = (getattr(row, f"{accounting}_saving{where}") for where in ("", "_at_supply"))
    return f"{percent(before)}, {percent(after)}"


def _number(value: float | None) -> str:
    return NONE if value is None else f"{value:g}"


def sections(compression: Compression) -> Iterator[str]:
    """The report's part on the delay bound; none without one."""
    rows = compression.rows
    if not is_bounded(rows):
        return
    yield "## Delay bound and supply"
    yield markdown(table(rows))
    yield CONVENTIONS
    yield from origins(rows)
    yield from _late(compression)


def _late(compression: Compression) -> Iterator[str]:
    by_pe, late = compression.late_by_pe, compression.late
    if by_pe is None or late is None:
        return
    if by_pe.is_empty():
        yield "No transition of the timed tiles settles after the bound."
        return
    yield "### Late transitions"
    worst = by_pe.sort("late", descending=True, maintain_order=True).head(_MOST_SHOWN)
    yield f"PEs with the most of them, of {by_pe.height} that have any:"
    yield markdown(worst.cast(pl.String))
    yield f"The latest, of {by_pe['late'].sum()}; all that are listed: `compression/late_transitions.parquet`."
    latest = late.sort("settling_ps", descending=True, maintain_order=True).head(_MOST_SHOWN)
    yield markdown(latest.cast(pl.String))
