"""A table or figure of the paper, measured here, beside the paper's own."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import polars as pl

from wattloop.report import tables
from wattloop.report.page.blocks import Block, Chapter, Grid, Picture, Section, Step, Timeline, Words, section
from wattloop.report.page.raster import data_uri


def exhibit(found: Mapping[str, Any], pictures: Mapping[str, bytes]) -> Section | None:
    """A table or figure of the paper, beside the paper's own."""
    return section("exhibit", str(found["title"]), _exhibit(found, pictures))


def _exhibit(found: Mapping[str, Any], pictures: Mapping[str, bytes]) -> Iterator[Block | None]:
    yield Words(f"The paper: {found['place']}.")
    for name, png in pictures.items():
        yield Picture(name.replace("_", " "), data_uri(png))
    for title, table in found.get("tables", {}).items():
        yield Grid(title, pl.DataFrame(table["rows"], schema=table["columns"], orient="row"))
    yield Words(str(found.get("conventions", "")))
    claims = [
        Step(
            {True: "agrees", False: "differs", None: "not judged"}[claim["agrees"]],
            f"{claim['says']} ({claim['place']}). Here: {claim['measured']}. {claim['because']}",
            {True: "taken", False: "refused", None: ""}[claim["agrees"]],
        )
        for claim in found["claims"]
    ]
    sentences = [Step("", sentence) for sentence in found["findings"]]
    chapters = [
        Chapter(title, tuple(steps)) for title, steps in (("Beside the paper", claims), ("Findings", sentences))
    ]
    yield Timeline(tuple(chapter for chapter in chapters if chapter.steps))
    if not found.get("tables") and found["rows"]:
        yield Grid("Figures", tables.figures_of(found["rows"]))
