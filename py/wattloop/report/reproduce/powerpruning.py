"""PowerPruning's own claims: power selection, timing selection, and the supply that the slack allows."""

from __future__ import annotations

from collections.abc import Sequence

from wattloop.compression.rows import Row
from wattloop.report.bounded import CONVENTIONS as OF_BOUNDS
from wattloop.report.bounded import origins, table
from wattloop.report.reproduce import paper, table1
from wattloop.report.reproduce.comparing import CLOSE
from wattloop.report.reproduce.exhibit import Claim, Exhibit
from wattloop.report.reproduce.results import (
    CONVENTIONS,
    INT8,
    POWERPRUNING,
    Result,
    as_frame,
    as_rows,
    named,
    shown,
)
from wattloop.report.reproduce.shown_paper import paper_rows, paper_table
from wattloop.report.reproduce.words import points, share

NAME = "powerpruning"
_NONE_BOUNDED = "No network here keeps to a delay bound, so all are at the nominal supply."
_RIVALS = tuple(row for row in paper.TABLE1 if row.method == paper.RIVAL)


def exhibit(results: Sequence[Result]) -> Exhibit:
    """The networks without and with the voltage step, and what they say.

    Args:
        results: int8 networks and compressed ones, under a delay bound or not.
    """
    rows = [result.row for result in results]
    bounded = [row for row in rows if row.delay_bound_ps is not None]
    tables = {"Measured": shown(rows), "Under a delay bound": table(rows), "The paper's table 1": paper_table(_RIVALS)}
    return Exhibit(
        name=NAME,
        title="PowerPruning: power, timing, supply",
        place="arXiv 2303.13997, abstract; arXiv 2511.17123, table 1",
        data=as_frame(results),
        rows=as_rows(results),
        claims=[*(table1.claim(row, results) for row in _RIVALS), _headline(bounded)],
        findings=[*(_about(row) for row in bounded), *_combined(bounded), *origins(bounded)] or [_NONE_BOUNDED],
        tables={title: one for title, one in tables.items() if one.height},
        paper=paper_rows(_RIVALS),
        conventions=f"{CONVENTIONS} {OF_BOUNDS}" if bounded else CONVENTIONS,
    )


def _headline(bounded: Sequence[Row]) -> Claim:
    """The abstract's figure against the most that PowerPruning saves here."""
    says, place = paper.POWERPRUNING_SAVES.says, paper.POWERPRUNING_SAVES.place
    able = [row for row in bounded if row.method == POWERPRUNING and row.datapath_saving_at_supply is not None]
    if not able:
        return Claim(says, place, "not measured", None, "no network by powerpruning under a delay bound here")
    most = max(able, key=_at_supply)
    here = (
        f"{most.network}: {share(_at_supply(most))} of datapath at {most.supply_v:g} V"
        f" ({points(most.accuracy - most.accuracy_int8)} of accuracy)"
    )
    gap = _at_supply(most) - paper.POWERPRUNING_HEADLINE
    because = (
        f"{points(gap)}; {share(most.datapath_saving)} without the voltage step, total {share(most.total_saving)} and"
        f" {share(most.total_saving_at_supply or 0.0)}; the abstract names neither network nor accounting nor supplies"
    )
    return Claim(says, place, here, abs(gap) <= CLOSE, because)


def _at_supply(row: Row) -> float:
    return row.datapath_saving_at_supply or 0.0


def _about(row: Row) -> str:
    late = (
        "no tile was timed"
        if row.late_transitions is None
        else f"{row.late_transitions} transitions late in {row.timed_tiles} real tiles"
    )
    return (
        f"{row.network}, {named(row)}: {row.max_values_per_layer} values and {row.activation_codes} codes save"
        f" {share(row.datapath_saving)}, {share(_at_supply(row))} at {row.supply_v or 0.0:g} V"
        f" ({row.unselected_supply_v or 0.0:g} V needs no selection),"
        f" {points(row.accuracy - row.accuracy_int8)} of accuracy; {late}."
    )


def _combined(bounded: Sequence[Row]) -> list[str]:
    """Other methods under a bound against PowerPruning's most accurate network of the same kind."""
    sentences = []
    for kind in dict.fromkeys((row.network, row.dataset, row.mac) for row in bounded):
        mine = [row for row in bounded if (row.network, row.dataset, row.mac) == kind]
        rivals = [row for row in mine if row.method == POWERPRUNING]
        if not rivals:
            continue
        rival = max(rivals, key=lambda row: row.accuracy)
        for row in (row for row in mine if row.method not in (POWERPRUNING, INT8)):
            sentences.append(
                f"{row.network}, {named(row)} against {named(rival)}: {points(_at_supply(row) - _at_supply(rival))} of"
                f" saving at the supply, {points(row.accuracy - rival.accuracy)} of accuracy."
            )
    return sentences
