"""What differs between runs: settings, and what their figures rest on."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import polars as pl

from wattloop.report.page import summary
from wattloop.report.page.blocks import Grid, Section, Words, section
from wattloop.report.page.several.between import Named
from wattloop.report.units import NONE

# What every run has of its own.
_OWN = ("title", "started", "seconds")


def section_of(runs: Sequence[Named]) -> Section | None:
    """The section on differences; says so where there are none."""
    settings = {name: dict(_flat(summary.settings(run))) for name, run in runs}
    facts = {name: {k: str(v) for k, v in run.provenance.items() if k not in _OWN} for name, run in runs}
    tables = [
        Grid("Settings that differ", _differing(settings)),
        Grid("Hardware, seeds, hashes and versions that differ", _differing(facts)),
    ]
    if all(table.frame.is_empty() for table in tables):
        return section("differences", "What differs", [Words("Neither settings nor provenance differ.")])
    return section("differences", "What differs", tables)


def _flat(settings: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, str]]:
    """Settings by their whole key."""
    for name, value in settings.items():
        if isinstance(value, Mapping):
            yield from _flat(value, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", str(value)


def _differing(found: Mapping[str, Mapping[str, str]]) -> pl.DataFrame:
    names = list(dict.fromkeys(key for values in found.values() for key in values))
    rows = [{"what": key} | {run: values.get(key, NONE) for run, values in found.items()} for key in names]
    return pl.DataFrame([row for row in rows if len(set(list(row.values())[1:])) > 1])
