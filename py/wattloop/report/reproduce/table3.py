"""The paper's table 3: one choice for all layers against a choice for each, at the same ratio and number of values."""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl

from wattloop.report.reproduce import paper
from wattloop.report.reproduce.blocks import blocks, number_of
from wattloop.report.reproduce.exhibit import Claim, Exhibit
from wattloop.report.reproduce.paper import PaperRow
from wattloop.report.reproduce.results import (
    CONVENTIONS,
    DEFAULT_MAC,
    GLOBAL,
    INT8,
    LAYERWISE,
    Result,
    as_frame,
    as_rows,
    shown,
)
from wattloop.report.reproduce.shown_paper import paper_rows, paper_table
from wattloop.report.reproduce.words import points, share

NAME = "table3"
PLACE = "table 3"
_METHODS = {"global": GLOBAL, "layer-wise": LAYERWISE}

Matched = tuple[Result, Result]


def exhibit(results: Sequence[Result]) -> Exhibit:
    """The table, pair by pair.

    Args:
        results: int8 networks, and compressed ones whose settings name "ratio" and "values".
    """
    pairs = _pairs(results)
    return Exhibit(
        name=NAME,
        title="One choice for all layers against one for each",
        place=f"{PLACE}, section 5.3.1",
        data=as_frame(results),
        rows=as_rows(results),
        claims=[_claim(one, other, pairs) for one, other in _paper_pairs()],
        findings=[_about(pair) for pair in pairs] or ["No two networks here have the same ratio and values."],
        tables={
            "Measured": shown([result.row for result in results]),
            "Blocks that the paper names": _named_blocks(results),
            "The paper's": paper_table(paper.TABLE3),
        },
        paper=paper_rows(paper.TABLE3),
        conventions=CONVENTIONS + " The paper does not say whether its savings are the network's or the block's.",
    )


def _key(result: Result) -> tuple[str, str, str, bool, int, float, float]:
    row, asked = result.row, result.setting
    return (
        row.network,
        row.dataset,
        row.mac,
        row.mapped,
        row.seed,
        float(asked.get("ratio", "nan")),
        float(asked.get("values", "nan")),
    )


def _pairs(results: Sequence[Result]) -> list[Matched]:
    """Global and layer-wise networks of equal settings."""
    layerwise = {_key(result): result for result in results if result.row.method == LAYERWISE}
    return [
        (result, layerwise[_key(result)])
        for result in results
        if result.row.method == GLOBAL and _key(result) in layerwise
    ]


def _paper_pairs() -> list[tuple[PaperRow, PaperRow]]:
    return list(zip(paper.TABLE3[::2], paper.TABLE3[1::2], strict=True))


def _claim(one: PaperRow, other: PaperRow, pairs: Sequence[Matched]) -> Claim:
    told = [points((getattr(other, name) or 0.0) - (getattr(one, name) or 0.0)) for name in ("saving", "accuracy")]
    says = f"{one.layers}, ratio {one.prune_ratio}, K {one.values}: layer-wise saves {told[0]}, accuracy {told[1]}"
    wanted = (float(one.prune_ratio or 0), float(one.values))
    same = [
        pair
        for pair in pairs
        if (pair[0].row.network, pair[0].row.dataset, pair[0].row.mac) == (one.network, one.dataset, DEFAULT_MAC)
    ]
    found = next((pair for pair in same if _key(pair[0])[-2:] == wanted), None)
    if found is None:
        return Claim(says, PLACE, "not measured", None, "no pair of this ratio and number of values")
    saving, accuracy = _gain(found)
    agrees = saving > 0 and accuracy > 0
    because = (
        "layer-wise is ahead in both"
        if agrees
        else f"layer-wise is {'ahead' if saving > 0 else 'behind'} in saving and"
        f" {'ahead' if accuracy > 0 else 'not ahead'} in accuracy"
    )
    named = _block_saving(found, number_of(one.layers))
    here = f"saves {points(saving)}, accuracy {points(accuracy)}{named}"
    return Claim(says, PLACE, here, agrees, because + _zeros(found))


def _gain(pair: Matched) -> tuple[float, float]:
    one, other = pair[0].row, pair[1].row
    return other.datapath_saving - one.datapath_saving, other.accuracy - one.accuracy


def _zeros(pair: Matched) -> str:
    one, other = pair[0].row, pair[1].row
    return (
        f"; zeros {share(one.sparsity)} global and {share(other.sparsity)} layer-wise, values at most"
        f" {one.max_values_per_layer} and {other.max_values_per_layer}"
    )


def _block_saving(pair: Matched, number: int | None) -> str:
    found = [next((b for b in blocks(result.layers) if b.number == number), None) for result in pair]
    one, other = found
    if one is None or other is None:
        return ""
    return f"; block {number} alone {share(one.saving)} global, {share(other.saving)} layer-wise"


def _about(pair: Matched) -> str:
    saving, accuracy = _gain(pair)
    row = pair[0].row
    return (
        f"{row.network}, {row.setting}: a choice for each layer saves {points(saving)} against one for all, at"
        f" {points(accuracy)} of accuracy."
    )


def _named_blocks(results: Sequence[Result]) -> pl.DataFrame:
    numbers = sorted({number_of(row.layers) or 0 for row in paper.TABLE3})
    rows = [
        {
            "network": result.row.network,
            "method": f"{result.row.method} {result.row.setting}",
            **{
                f"block {block.number} saves": share(block.saving)
                for block in blocks(result.layers)
                if block.number in numbers
            },
        }
        for result in results
        if result.row.method != INT8
    ]
    return pl.DataFrame(rows, infer_schema_length=None)
