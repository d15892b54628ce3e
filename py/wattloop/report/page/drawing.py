"""Marks as SVG paths in a square of `SPAN` units, and points as places in per cent."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from wattloop.report.page.axes import SPAN, Axis
from wattloop.report.page.charts import GREY, Band, Chart, Dots, Line, Mark, Rule, Sticks

Float = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Path:
    """A path: its class in the style sheet, its data, its text."""

    style: str
    data: str
    text: str


@dataclass(frozen=True)
class Point:
    """A point: place from the left and the top in per cent, colour, shape, text."""

    left: float
    top: float
    colour: str
    shape: int | str
    text: str
    size: str


@dataclass(frozen=True)
class Drawing:
    """What the template puts out for a chart.

    Attributes:
        paths, points: its marks, from back to front.
        legend: (class, shape or "", name) of its named marks.
    """

    paths: tuple[Path, ...]
    points: tuple[Point, ...]
    legend: tuple[tuple[str, str, str], ...] = field(default=())


def draw(chart: Chart) -> Drawing:
    """A chart's marks as paths and points."""
    paths: list[Path] = []
    points: list[Point] = []
    legend: dict[str, tuple[str, str, str]] = {}
    for mark in chart.marks:
        paths += _paths(mark, chart.x, chart.y)
        if isinstance(mark, Dots):
            points += _points(mark, chart.x, chart.y)
        if mark.name:
            legend.setdefault(mark.name, _key(mark))
    return Drawing(tuple(paths), tuple(points), tuple(legend.values()))


def _key(mark: Mark) -> tuple[str, str, str]:
    if isinstance(mark, Dots):
        return mark.colour, str(mark.shape), mark.name
    if isinstance(mark, Rule):
        return "rule", "", mark.name
    dashed = " dashed" if isinstance(mark, Line) and mark.dashed else ""
    kind = "band" if isinstance(mark, Band) else "line"
    return f"{kind} {mark.colour}{dashed}", "", mark.name


def _paths(mark: Mark, x: Axis, y: Axis) -> Iterator[Path]:
    if isinstance(mark, Line):
        style = f"line {mark.colour}{' dashed' if mark.dashed else ''}"
        yield Path(style, _line(*_placed(mark.x, mark.y, x, y, mark.step)), mark.name)
    elif isinstance(mark, Band):
        across, low = _placed(mark.x, mark.low, x, y, mark.step)
        _, high = _placed(mark.x, mark.high, x, y, mark.step)
        outline = _line(np.concatenate([across, across[::-1]]), np.concatenate([low, high[::-1]]))
        yield Path(f"band {mark.colour}", outline + "Z" if outline else "", mark.name)
    elif isinstance(mark, Sticks):
        across, up = _placed(mark.x, mark.y, x, y, False)
        data = "".join(f"M{_short(a)} {_short(SPAN)}V{_short(b)}" for a, b in zip(across, up, strict=True))
        yield Path(f"stick {mark.colour}", data, mark.name)
    elif isinstance(mark, Rule):
        at = _short(SPAN * float((x if mark.upright else y).places(mark.at) - (0 if mark.upright else 1)))
        yield Path("rule", f"M{at} 0V1000" if mark.upright else f"M0 {at.lstrip('-')}H1000", mark.name)
    else:
        yield from _errors(mark, x, y)


def _placed(x_values: npt.ArrayLike, y_values: npt.ArrayLike, x: Axis, y: Axis, step: bool) -> tuple[Float, Float]:
    """Places of points; of a stair, both ends of each tread."""
    across, up = np.asarray(x_values, np.float64), np.asarray(y_values, np.float64)
    if step and len(across) > 1:
        half = np.diff(across, append=2 * across[-1] - across[-2]) / 2
        across, up = np.stack([across - half, across + half], axis=1).ravel(), np.repeat(up, 2)
    heights = np.where(np.isfinite(up), SPAN * (1 - y.places(np.nan_to_num(up))), np.nan)
    return SPAN * x.places(across), heights


def _line(across: Float, down: Float) -> str:
    parts, pen = [], "M"
    for a, b in zip(across, down, strict=True):
        if np.isfinite(b):
            parts.append(f"{pen}{_short(a)} {_short(b)}")
            pen = "L"
        else:
            pen = "M"
    return "".join(parts)


def _points(mark: Dots, x: Axis, y: Axis) -> Iterator[Point]:
    lefts, ups = 100 * x.places(mark.x), 100 * y.places(mark.y)
    for left, up, text in zip(lefts, ups, mark.texts, strict=True):
        yield Point(float(left), float(100 - up), mark.colour, mark.shape, text, mark.size)


def _errors(mark: Dots, x: Axis, y: Axis) -> Iterator[Path]:
    xs, ys = np.asarray(mark.x, np.float64), np.asarray(mark.y, np.float64)
    data = ""
    if len(mark.x_errors):
        ends = [SPAN * x.places(xs + sign * np.asarray(mark.x_errors)) for sign in (-1, 1)]
        tops = SPAN * (1 - y.places(ys))
        data += "".join(f"M{_short(a)} {_short(b)}H{_short(c)}" for a, c, b in zip(*ends, tops, strict=True))
    if len(mark.y_errors):
        ends = [SPAN * (1 - y.places(ys + sign * np.asarray(mark.y_errors))) for sign in (-1, 1)]
        lefts = SPAN * x.places(xs)
        data += "".join(f"M{_short(a)} {_short(b)}V{_short(c)}" for b, c, a in zip(*ends, lefts, strict=True))
    if data:
        yield Path(f"whisker {mark.colour if mark.colour != GREY else GREY}", data, "")


def _short(value: float) -> str:
    return f"{value:.1f}".removesuffix(".0")
