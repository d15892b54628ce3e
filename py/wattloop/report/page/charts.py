"""Plots of the page as data: marks on two axes, bars in rows, heat maps. `drawing` turns marks into paths."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy.typing as npt
import polars as pl

from wattloop.report.page.axes import Axis
from wattloop.report.page.raster import Raster

# Classes of the style sheet, which gives each a colour in either theme; told apart by the colour-blind.
COLOURS = ("c1", "c2", "c3", "c4", "c5", "c6")
GREY = "grey"
SHAPES = 8
RING = "ring"


@dataclass(frozen=True, eq=False)
class Line:
    """A line through points, or a stair (`step`) around them; gaps where values are not finite."""

    name: str
    x: npt.ArrayLike
    y: npt.ArrayLike
    colour: str = COLOURS[0]
    step: bool = False
    dashed: bool = False


@dataclass(frozen=True, eq=False)
class Band:
    """The area between two lines; `step` for stairs."""

    name: str
    x: npt.ArrayLike
    low: npt.ArrayLike
    high: npt.ArrayLike
    colour: str = COLOURS[0]
    step: bool = False


@dataclass(frozen=True, eq=False)
class Sticks:
    """An upright line from the axis to each point."""

    name: str
    x: npt.ArrayLike
    y: npt.ArrayLike
    colour: str = COLOURS[0]


@dataclass(frozen=True, eq=False)
class Dots:
    """Points with standard errors and a text each, which shows when it is pointed at; `size` is "small" or ""."""

    name: str
    x: Sequence[float]
    y: Sequence[float]
    texts: Sequence[str]
    colour: str = COLOURS[0]
    shape: int | str = 0
    x_errors: Sequence[float] = ()
    y_errors: Sequence[float] = ()
    size: str = ""


@dataclass(frozen=True, eq=False)
class Rule:
    """A straight line across the plot at one value of an axis."""

    name: str
    at: float
    upright: bool = False


Mark = Line | Band | Sticks | Dots | Rule


@dataclass(frozen=True, eq=False)
class Chart:
    """A plot on two axes.

    Attributes:
        title: above it; empty where the caption says it all.
        says: what a reader who does not see it is told.
        x, y: its axes.
        marks: from back to front.
    """

    title: str
    says: str
    x: Axis
    y: Axis
    marks: Sequence[Mark]


@dataclass(frozen=True)
class Segment:
    """A part of a bar: its share of the longest bar's room, in per cent, and its text."""

    start: float
    width: float
    colour: str
    text: str


@dataclass(frozen=True)
class Bar:
    """A stacked bar.

    Attributes:
        name: beside it; empty where its row has but one.
        segments: from its start.
        ends: what stands behind it.
        error: start and width of its error bar, per cent; None without.
    """

    name: str
    segments: tuple[Segment, ...]
    ends: str
    error: tuple[float, float] | None = None


@dataclass(frozen=True)
class BarRow:
    """A name and its bars, one below the other."""

    name: str
    bars: tuple[Bar, ...]


@dataclass(frozen=True)
class BarChart:
    """Bars in rows.

    Attributes:
        title: above them.
        says: what a reader who does not see them is told.
        rows: from top to bottom.
        wide: the names of the bars take more room than one word's.
    """

    title: str
    says: str
    rows: tuple[BarRow, ...]
    wide: bool = False


@dataclass(frozen=True, eq=False)
class HeatMap:
    """A picture of a matrix with the names of its edges."""

    title: str
    says: str
    raster: Raster
    across: Axis
    down: Axis


@dataclass(frozen=True, eq=False)
class Plots:
    """Plots side by side, under one caption.

    Attributes:
        panels: of one kind.
        caption: what they show and how to read it.
        legend: (colour, shape or None, name) of what several panels share.
        table: the same figures for those who cannot see them.
        tall: give each panel more room.
        scale: (low, high, label, CSS gradient) of heat maps.
    """

    panels: Sequence[Chart | HeatMap | BarChart]
    caption: str
    table: pl.DataFrame
    legend: Sequence[tuple[str, str, str]] = ()
    tall: bool = False
    scale: tuple[str, str, str, str] | None = None
    kind: str = field(default="plots", init=False)
