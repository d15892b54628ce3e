"""A row of the paper beside a measured one: how far they are apart, and what the measured figures say of the reason."""

from __future__ import annotations

from collections.abc import Sequence

from wattloop.compression.energies import ACCOUNTINGS
from wattloop.compression.rows import Row
from wattloop.report.reproduce.exhibit import Claim
from wattloop.report.reproduce.paper import PaperRow
from wattloop.report.reproduce.results import Result, named
from wattloop.report.reproduce.words import points, share

# Two figures agree if they are no further apart than this: the paper states no errors, one seed moves them so much.
CLOSE = 0.02


def stated(row: PaperRow, before: float | None = None) -> str:
    """A row of the paper in words.

    Args:
        row: of a compressed network.
        before: its accuracy before compression, where the paper gives it.
    """
    parts = [] if row.saving is None else [f"{share(row.saving)} saved"]
    if row.accuracy is not None:
        start = "" if before is None else f"{share(before)} to "
        parts.append(f"accuracy {start}{share(row.accuracy)}")
    return f"{row.network}, {row.method}, {row.values} values: {', '.join(parts)}"


def measured(row: Row) -> str:
    """A measured row in words."""
    return (
        f"{named(row)} on {row.mac}: {share(row.datapath_saving)} saved, accuracy"
        f" {share(row.accuracy_int8)} to {share(row.accuracy)}"
    )


def beside(row: PaperRow, found: Result | None, place: str, before: float | None = None) -> Claim:
    """A row of the paper and the network that answers to it.

    Args:
        row: of the paper.
        found: its counterpart; None where there is none.
        place: of the row in the paper.
        before: accuracy before compression by the paper.
    """
    if found is None:
        return Claim(stated(row, before), place, "not measured", None, f"no such network of {row.network} here")
    mine = found.row
    gaps = [] if row.saving is None else [mine.datapath_saving - row.saving]
    gaps += _accuracy_gap(row, mine, before)
    return Claim(
        stated(row, before), place, measured(mine), all(abs(gap) <= CLOSE for gap in gaps), _reasons(row, mine, before)
    )


def _accuracy_gap(row: PaperRow, mine: Row, before: float | None) -> list[float]:
    """Of what is lost where both know it, else of the accuracy itself."""
    if row.accuracy is None:
        return []
    if before is None:
        return [mine.accuracy - row.accuracy]
    return [(mine.accuracy - mine.accuracy_int8) - (row.accuracy - before)]


def _reasons(row: PaperRow, mine: Row, before: float | None) -> str:
    parts = []
    if row.saving is not None:
        parts += [f"{points(mine.datapath_saving - row.saving)} of saving", _accounting(row.saving, mine)]
    if row.accuracy is not None:
        gap = _accuracy_gap(row, mine, before)[0]
        parts.append(f"{points(gap)} of accuracy" + _start(before, mine))
    if mine.max_values_per_layer != row.values:
        parts.append(f"{mine.max_values_per_layer} values at most for the paper's {row.values}")
    if row.prune_ratio is not None:
        parts.append(f"{share(mine.sparsity)} of the weights are 0 for a ratio of {row.prune_ratio:g}")
    return "; ".join(parts)


def _start(before: float | None, mine: Row) -> str:
    if before is None:
        return ""
    return f" in the change from int8, which starts {points(mine.accuracy_int8 - before)} from the paper's"


def _accounting(saving: float, mine: Row) -> str:
    """Which accounting comes nearest to a figure whose accounting the paper does not tell, and what parts them."""
    found = {name: getattr(mine, f"{name}_saving") for name in ACCOUNTINGS}
    nearest = min(found, key=lambda name: abs(found[name] - saving))
    spread = max(found.values()) - min(found.values())
    told = ", ".join(f"{name} {share(value)}" for name, value in found.items())
    return f"nearest by {nearest} ({told}: what is counted moves it by {100 * spread:.1f} points)"


def against(results: Sequence[Result], rival: str, others: Sequence[str] = ()) -> list[str]:
    """By how much the best network ahead of each of a rival's is ahead of it, no less accurate, on the same cell.

    Who is as accurate is told by validation images, as every choice is.

    Args:
        results: all networks.
        rival: method.
        others: methods that do not count as competitors (the paper's own exhibits' variants).
    """
    sentences = []
    for one in (result for result in results if result.row.method == rival):
        able = [
            other
            for other in results
            if other.row.method not in (rival, "int8", *others)
            and (other.row.network, other.row.dataset, other.row.mac) == (one.row.network, one.row.dataset, one.row.mac)
            and other.row.validation >= one.row.validation
        ]
        ahead = max(able, key=lambda other: other.row.datapath_saving, default=None)
        name = f"{one.row.network} on {one.row.mac}: {named(one.row)}"
        if ahead is None:
            sentences.append(f"{name} ({share(one.row.datapath_saving)}): nothing measured here is as accurate.")
            continue
        gain = ahead.row.datapath_saving - one.row.datapath_saving
        sentences.append(
            f"{name} saves {share(one.row.datapath_saving)} at {share(one.row.accuracy)}; no less accurate on"
            f" validation images, {named(ahead.row)} saves {share(ahead.row.datapath_saving)} at"
            f" {share(ahead.row.accuracy)}: {points(gain)}."
        )
    return sentences
