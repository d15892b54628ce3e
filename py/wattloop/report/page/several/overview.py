"""One line a run: what it is of, and its headline figures."""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl

from wattloop.report.inputs import StoredRun
from wattloop.report.page import summary
from wattloop.report.page.blocks import Grid, Section, section
from wattloop.report.page.several.between import Named
from wattloop.report.units import NONE


def table(runs: Sequence[Named]) -> Section | None:
    """The section that lists the runs; runs of one command share the columns of their figures."""
    kinds = dict.fromkeys(tuple(fact.name for fact in summary.head(run)[1]) for _, run in runs)
    blocks = []
    for kind in kinds:
        own = [pair for pair in runs if tuple(fact.name for fact in summary.head(pair[1])[1]) == kind]
        blocks.append(Grid("", pl.DataFrame([_line(*pair) for pair in own])))
    return section("runs", "The runs", blocks)


def _line(name: str, run: StoredRun) -> dict[str, str]:
    chosen, facts = summary.settings(run), run.provenance
    line = {
        "run": name,
        "command": str(facts.get("command", NONE)),
        "network": str(chosen.get("network", {}).get("model", NONE)),
        "data": str(chosen.get("network", {}).get("dataset", NONE)),
        "cell": str(facts.get("netlist", NONE)),
        "library": str(facts.get("library", NONE)),
    }
    for fact in summary.head(run)[1]:
        line[fact.name] = f"{fact.value} {fact.beside}".strip()
    return line
