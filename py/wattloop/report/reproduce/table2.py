"""The paper's table 2: what each block of ResNet-20 saves, and how much of the energy it holds."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import polars as pl

from wattloop.report.reproduce import paper
from wattloop.report.reproduce.blocks import Block, blocks, number_of
from wattloop.report.reproduce.comparing import CLOSE
from wattloop.report.reproduce.exhibit import Claim, Exhibit
from wattloop.report.reproduce.paper import PaperRow
from wattloop.report.reproduce.results import CONVENTIONS, INT8, Result, shown
from wattloop.report.reproduce.shown_paper import paper_rows, paper_table
from wattloop.report.reproduce.words import points, ranks_agree, share

NAME = "table2"
PLACE = "table 2"


def exhibit(results: Sequence[Result]) -> Exhibit:
    """The table of every compressed network, block by block.

    Args:
        results: int8 networks and compressed ones.
    """
    compressed = [result for result in results if result.row.method != INT8]
    rows = [_row(result, block) for result in compressed for block in blocks(result.layers)]
    return Exhibit(
        name=NAME,
        title="Savings block by block",
        place=f"{PLACE}, section 5.2",
        data=pl.DataFrame(rows),
        rows=rows,
        claims=[claim for result in compressed for claim in _claims(result)],
        findings=[*(sentence for result in compressed for sentence in _about(result)), _rest_of_the_paper()],
        tables={_name(result): _shown(result) for result in compressed}
        | {"Networks": shown([result.row for result in results]), "The paper's": paper_table(paper.TABLE2)},
        paper=paper_rows(paper.TABLE2),
        conventions=CONVENTIONS + " Share: of the int8 network's datapath energy. Points: share times saving.",
    )


def _name(result: Result) -> str:
    row = result.row
    return f"{row.network}, {row.method} {row.setting} on {row.mac}, seed {row.seed}"


def _row(result: Result, block: Block) -> dict[str, Any]:
    names = ("network", "dataset", "method", "setting", "mac", "seed")
    figures = ("number", "title", "sparsity", "values", "saving", "share", "share_of_macs", "points")
    return {name: getattr(result.row, name) for name in names} | {name: getattr(block, name) for name in figures}


def _shown(result: Result) -> pl.DataFrame:
    return pl.DataFrame(
        [
            {
                "block": block.title,
                "zeros": share(block.sparsity),
                "values": str(block.values),
                "saving": share(block.saving),
                "share of energy": share(block.share),
                "share of MACs": share(block.share_of_macs),
                "points of the network's saving": f"{100 * block.points:.1f}",
            }
            for block in blocks(result.layers)
        ]
    )


def _claims(result: Result) -> list[Claim]:
    mine = {block.number: block for block in blocks(result.layers)}
    wanted = [row for row in paper.TABLE2 if (row.network, row.dataset) == (result.row.network, result.row.dataset)]
    found = ((row, mine.get(number_of(row.layers) or -1)) for row in wanted)
    return [_claim(row, block, result) for row, block in found if block is not None]


def _claim(row: PaperRow, block: Block, result: Result) -> Claim:
    saving, part = row.saving or 0.0, row.share or 0.0
    says = f"{row.layers}: {share(saving)} saved, {share(part)} of the energy, ratio {row.prune_ratio}, K {row.values}"
    here = (
        f"{result.row.method} {result.row.setting}: {share(block.saving)} saved, {share(block.share)} of the energy,"
        f" {share(block.sparsity)} zeros, {block.values} values"
    )
    because = (
        f"{points(block.saving - saving)} of saving, {points(block.share - part)} of share; the block does"
        f" {share(block.share_of_macs)} of the multiply-accumulates, so its MACs cost"
        f" {block.share / block.share_of_macs:.2f} times the mean here and {part / block.share_of_macs:.2f} times in"
        " the paper, if its network is the same"
    )
    agrees = max(abs(block.saving - saving), abs(block.share - part)) <= CLOSE
    return Claim(says, PLACE, here, agrees, because)


def _about(result: Result) -> list[str]:
    parts = blocks(result.layers)
    if len(parts) < 2:
        return []
    order = sorted(parts, key=lambda block: -block.share)
    pairs = {k: (block.share, block.saving) for k, block in enumerate(parts)}
    rank = ranks_agree({k: a for k, (a, _) in pairs.items()}, {k: b for k, (_, b) in pairs.items()})
    trend = "more" if rank > 0.3 else "less" if rank < -0.3 else "neither more nor less"
    return [
        f"{_name(result)}: the dearest block is {order[0].title} with {share(order[0].share)} of the energy, the"
        f" cheapest {order[-1].title} with {share(order[-1].share)}; blocks with more of the energy save {trend}"
        f" (rank correlation {rank:.2f})."
    ]


def _rest_of_the_paper() -> str:
    """What the paper's own figures say of the blocks that it does not show."""
    held = sum(row.share or 0.0 for row in paper.TABLE2)
    gained = sum((row.share or 0.0) * (row.saving or 0.0) for row in paper.TABLE2)
    whole = next(r.saving or 0.0 for r in paper.TABLE1 if (r.network, r.method) == ("resnet20", paper.OURS))
    return (
        f"The paper's {len(paper.TABLE2)} blocks hold {share(held)} of the energy and bring {100 * gained:.1f} points;"
        f" for the {share(whole)} of its table 1 the other layers must save {share((whole - gained) / (1 - held))}."
    )
