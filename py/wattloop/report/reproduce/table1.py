"""The paper's table 1: networks before and after, by this project's methods and its rivals'."""

from __future__ import annotations

from collections.abc import Sequence

from wattloop.report.reproduce import paper
from wattloop.report.reproduce.comparing import against, beside
from wattloop.report.reproduce.exhibit import Claim, Exhibit
from wattloop.report.reproduce.paper import PaperRow
from wattloop.report.reproduce.results import (
    CONVENTIONS,
    DEFAULT_MAC,
    LAYERWISE,
    POWERPRUNING,
    Result,
    as_frame,
    as_rows,
    best,
    by_seeds,
    shown,
)
from wattloop.report.reproduce.shown_paper import paper_rows, paper_table
from wattloop.report.reproduce.words import points, share

NAME = "table1"
PLACE = "table 1"
# Losses of accuracy at which networks are compared.
LOSSES = (0.01, 0.03)
# Methods of the paper, as they are re-implemented here.
_HERE = {paper.RIVAL: POWERPRUNING, paper.OURS: LAYERWISE}


def exhibit(results: Sequence[Result]) -> Exhibit:
    """The table, its rows, and what they say.

    Args:
        results: int8 networks and compressed ones.
    """
    return Exhibit(
        name=NAME,
        title="Networks, methods, savings",
        place=f"{PLACE}, section 5.1",
        data=as_frame(results),
        rows=as_rows(results),
        claims=[claim(row, results) for row in paper.TABLE1 if row.method in _HERE],
        findings=[*_bests(results), *against(results, LAYERWISE), *against(results, POWERPRUNING)],
        tables={"Measured": shown([result.row for result in results]), "The paper's": paper_table(paper.TABLE1)},
        paper=paper_rows(paper.TABLE1),
        conventions=CONVENTIONS,
    )


def claim(row: PaperRow, results: Sequence[Result]) -> Claim:
    """A row of a compressed network and what answers to it: no network under a delay bound, which the paper lacks."""
    origin = next(o for o in paper.TABLE1 if (o.network, o.method) == (row.network, paper.ORIGIN))
    alike = [
        result
        for result in results
        if (result.row.network, result.row.dataset) == (row.network, row.dataset)
        and (result.row.method, result.row.mac, result.row.mapped) == (_HERE[row.method], DEFAULT_MAC, False)
        and result.row.delay_bound_ps is None
    ]
    return beside(row, _nearest(row, alike), PLACE, origin.accuracy)


def _nearest(row: PaperRow, results: Sequence[Result]) -> Result | None:
    """Of several settings the one whose values and saving are nearest to the paper's."""
    saving = row.saving or 0.0
    return min(
        results,
        key=lambda r: (abs(r.row.max_values_per_layer - row.values), abs(r.row.datapath_saving - saving)),
        default=None,
    )


def _bests(results: Sequence[Result]) -> list[str]:
    sentences = []
    kinds = dict.fromkeys((result.row.network, result.row.dataset) for result in results)
    for network, dataset in kinds:
        mine = [result for result in results if (result.row.network, result.row.dataset) == (network, dataset)]
        sentences += [_best(network, mine, lost) for lost in LOSSES]
    return sentences


def _best(network: str, results: Sequence[Result], lost: float) -> str:
    what = f"{network} on the {DEFAULT_MAC} cell at no more than {100 * lost:.1f} points lost on validation images"
    found = best(results, lost, DEFAULT_MAC)
    if found is None:
        sentence = f"{what}: nothing measured here."
    else:
        saving = share(found.mean("datapath_saving"))
        sentence = f"{what}: {found.name} saves {saving} ({points(found.change)} on test images{found.spread()})."
    return sentence + _anywhere(results, lost)


def _anywhere(results: Sequence[Result], lost: float) -> str:
    """The same with the choice of the cell."""
    over = [r for r in results if r.row.datapath_saving_over_array is not None and r.row.mac != DEFAULT_MAC]
    able = [seeds for seeds in by_seeds(over) if seeds.loses_at_most(lost)]
    found = max(able, key=lambda seeds: seeds.mean("datapath_saving_over_array"), default=None)
    if found is None:
        return ""
    return (
        f" With the choice of the cell, {found.name} on {found.rows[0].mac} takes"
        f" {share(found.mean('datapath_saving_over_array'))} less than int8 on the {DEFAULT_MAC} cell"
        f" ({points(found.change)} on test images{found.spread('datapath_saving_over_array')})."
    )
