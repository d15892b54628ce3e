"""The paper's table 4: the cheapest values against chosen ones."""

from __future__ import annotations

from collections.abc import Sequence

from wattloop.report.reproduce import paper
from wattloop.report.reproduce.comparing import beside
from wattloop.report.reproduce.exhibit import Claim, Exhibit
from wattloop.report.reproduce.paper import PaperRow
from wattloop.report.reproduce.results import (
    CONVENTIONS,
    DEFAULT_MAC,
    INT8,
    LAYERWISE,
    NAIVE,
    Result,
    as_frame,
    as_rows,
    shown,
)
from wattloop.report.reproduce.shown_paper import paper_rows, paper_table
from wattloop.report.reproduce.words import points, share

NAME = "table4"
PLACE = "table 4"
_HERE = {"naive": NAIVE, "optimised": LAYERWISE}


def exhibit(results: Sequence[Result]) -> Exhibit:
    """The table, its rows, and what they say.

    Args:
        results: int8 networks and compressed ones.
    """
    return Exhibit(
        name=NAME,
        title="The cheapest values against chosen ones",
        place=f"{PLACE}, section 5.3.3",
        data=as_frame(results),
        rows=as_rows(results),
        claims=[_claim(row, results) for row in paper.TABLE4],
        findings=_about(results),
        tables={"Measured": shown([result.row for result in results]), "The paper's": paper_table(paper.TABLE4)},
        paper=paper_rows(paper.TABLE4),
        conventions=CONVENTIONS,
    )


def _claim(row: PaperRow, results: Sequence[Result]) -> Claim:
    able = [
        result
        for result in results
        if (result.row.network, result.row.dataset) == (row.network, row.dataset)
        and (result.row.method, result.row.max_values_per_layer) == (_HERE[row.method], row.values)
        and (result.row.mac, result.row.mapped) == (DEFAULT_MAC, False)
    ]
    return beside(row, able[0] if able else None, PLACE)


def _about(results: Sequence[Result]) -> list[str]:
    """Each naive network against the most accurate chosen one of the same network."""
    chosen = [result.row for result in results if result.row.method not in (NAIVE, INT8)]
    sentences = []
    for row in (result.row for result in results if result.row.method == NAIVE):
        rivals = [other for other in chosen if (other.network, other.mac) == (row.network, row.mac)]
        lost = row.accuracy - row.accuracy_int8
        sentence = (
            f"{row.network}: the {row.max_values_per_layer} cheapest values save {share(row.datapath_saving)} and"
            f" change the accuracy by {points(lost)}"
        )
        if rivals:
            other = max(rivals, key=lambda r: r.accuracy)
            sentence += (
                f"; {other.method} {other.setting} saves {points(other.datapath_saving - row.datapath_saving)} more at"
                f" {points(other.accuracy - row.accuracy)} of accuracy"
            )
        sentences.append(f"{sentence}.")
    return sentences
