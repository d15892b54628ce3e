"""What differs between runs: settings, and what their figures rest on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import polars as pl

from wattloop.report.differing import differing, flat, lasting
from wattloop.report.page import summary
from wattloop.report.page.blocks import Grid, Section, Words, section
from wattloop.report.page.several.between import Named
from wattloop.report.units import NONE


def section_of(runs: Sequence[Named]) -> Section | None:
    """The section on differences; says so where there are none."""
    settings = {name: {k: str(v) for k, v in flat(summary.settings(run))} for name, run in runs}
    facts = {name: {k: str(v) for k, v in lasting(run.provenance).items()} for name, run in runs}
    tables = [
        Grid("Settings that differ", _differing(settings)),
        Grid("Hardware, seeds, hashes and versions that differ", _differing(facts)),
    ]
    if all(table.frame.is_empty() for table in tables):
        return section("differences", "What differs", [Words("Neither settings nor provenance differ.")])
    return section("differences", "What differs", tables)


def _differing(found: Mapping[str, Mapping[str, str]]) -> pl.DataFrame:
    rows = differing(found, NONE)
    return pl.DataFrame([{"what": name} | dict(zip(found, values, strict=True)) for name, values in rows])
