"""Ablations: every network in the same columns, and what each part is worth."""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl

from wattloop.compression.rows import Row
from wattloop.report.reproduce.exhibit import Exhibit
from wattloop.report.reproduce.results import CONVENTIONS, INT8, Result, as_frame, as_rows, shown
from wattloop.report.reproduce.words import points, share

NAME = "ablations"


def exhibit(results: Sequence[Result]) -> Exhibit:
    """All networks, each against the first compressed one of its kind.

    Args:
        results: int8 networks and compressed ones; of each network and seed the first compressed one is the yardstick.
    """
    compared = [(row, first) for row, first in _firsts(results) if row is not first]
    return Exhibit(
        name=NAME,
        title="What each part is worth",
        place="sections 5.3.1 to 5.3.3, and beyond the paper",
        data=as_frame(results),
        rows=as_rows(results),
        findings=[_about(row, first) for row, first in compared],
        tables={"Networks": shown([result.row for result in results])}
        | ({"Against the first": differences(compared)} if compared else {}),
        conventions=CONVENTIONS,
    )


def _firsts(results: Sequence[Result]) -> list[tuple[Row, Row]]:
    first: dict[tuple[str, str, int], Row] = {}
    found = []
    for row in (result.row for result in results if result.row.method != INT8):
        yardstick = first.setdefault((row.network, row.dataset, row.seed), row)
        found.append((row, yardstick))
    return found


def differences(pairs: Sequence[tuple[Row, Row]]) -> pl.DataFrame:
    """Each row less its yardstick, in points."""
    return pl.DataFrame(
        [
            {
                "network": row.network,
                "with": _name(row),
                "against": _name(first),
                "accuracy": points(row.accuracy - first.accuracy),
                **{
                    name: points(getattr(row, f"{name}_saving") - getattr(first, f"{name}_saving"))
                    for name in ("datapath", "total", "functional", "array")
                },
                "energy": share(row.datapath_fj / first.datapath_fj),
            }
            for row, first in pairs
        ]
    )


def _name(row: Row) -> str:
    return f"{row.method} {row.setting}".strip() + f" on {row.mac}" + (", mapped" if row.mapped else "")


def _about(row: Row, first: Row) -> str:
    energy = row.datapath_fj / first.datapath_fj - 1
    return (
        f"{row.network}: {_name(row)} takes {abs(energy):.1%} {'more' if energy > 0 else 'less'} datapath energy than"
        f" {_name(first)}, at {points(row.accuracy - first.accuracy)} of accuracy."
    )
