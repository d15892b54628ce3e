"""What a page is made of: sections, and in them words, figures, tables, plots and lists of decisions."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import polars as pl

from wattloop.report.page.charts import Plots


@dataclass(frozen=True)
class Words:
    """A paragraph."""

    text: str
    kind: str = field(default="words", init=False)


@dataclass(frozen=True)
class Fact:
    """A headline figure: what it is, its value, its error or unit, and a note."""

    name: str
    value: str
    beside: str = ""
    note: str = ""


@dataclass(frozen=True)
class Facts:
    """Headline figures; the first is the largest."""

    facts: tuple[Fact, ...]
    kind: str = field(default="facts", init=False)


@dataclass(frozen=True, eq=False)
class Grid:
    """A table of printable cells; `folded` where few will look at it."""

    caption: str
    frame: pl.DataFrame
    folded: bool = False
    kind: str = field(default="grid", init=False)


@dataclass(frozen=True)
class Picture:
    """A plot that another part of the run drew: what it shows, and a data URI."""

    title: str
    uri: str
    kind: str = field(default="picture", init=False)


@dataclass(frozen=True)
class Listing:
    """Text as it stands in a file."""

    title: str
    text: str
    kind: str = field(default="listing", init=False)


@dataclass(frozen=True)
class Step:
    """A decision: who or what it is about, what was decided, and how it went: "taken", "refused", "done" or ""."""

    about: str
    text: str
    mark: str = ""


@dataclass(frozen=True)
class Chapter:
    """Decisions that belong together, under a title; a long chapter is folded."""

    title: str
    steps: tuple[Step, ...]
    folded: bool = False


@dataclass(frozen=True)
class Timeline:
    """Decisions in the order in which they fell."""

    chapters: tuple[Chapter, ...]
    kind: str = field(default="timeline", init=False)


Block = Words | Facts | Grid | Picture | Listing | Timeline | Plots


@dataclass(frozen=True)
class Section:
    """A part of the page: its anchor, its title, its blocks."""

    anchor: str
    title: str
    blocks: tuple[Block, ...]


@dataclass(frozen=True)
class Page:
    """A page.

    Attributes:
        title: of the run, or of the comparison.
        above: what kind of page this is, above the title.
        lede: what it found, in a sentence or two.
        facts: the figures that it is opened for.
        sections: in order.
        foot: who made it.
    """

    title: str
    above: str
    lede: str
    facts: Facts | None
    sections: tuple[Section, ...]
    foot: str


def section(anchor: str, title: str, blocks: Iterable[Block | None]) -> Section | None:
    """A section; None where no block has anything to show."""
    found = tuple(block for block in blocks if block is not None and not _empty(block))
    return Section(anchor, title, found) if found else None


def _empty(block: Block) -> bool:
    parts: Sequence[object] | str = ()
    if isinstance(block, Words | Listing):
        parts = block.text
    elif isinstance(block, Grid):
        return block.frame.is_empty()
    elif isinstance(block, Timeline):
        parts = block.chapters
    elif isinstance(block, Facts):
        parts = block.facts
    elif isinstance(block, Picture):
        parts = block.uri
    else:
        parts = block.panels
    return not parts
