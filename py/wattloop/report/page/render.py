"""Pages as self-contained HTML: Jinja templates with every text escaped, a style sheet in the page, no script."""

from __future__ import annotations

import functools
from pathlib import Path

import jinja2
import polars as pl

from wattloop.report.page.axes import Tick
from wattloop.report.page.blocks import Page
from wattloop.report.page.charts import BarChart, Chart, HeatMap
from wattloop.report.page.drawing import draw
from wattloop.report.units import MINUS
from wattloop.store import write_atomic

_NUMERIC = set("0123456789.,±%+-· " + MINUS)
# Below so many per cent of each other the names of ticks would touch on a narrow screen.
_CROWDED = 9.0


def html(page: Page) -> str:
    """A page as HTML."""
    return _templates().get_template("page.html.j2").render(page=page)


def write_page(page: Page, path: Path) -> Path:
    """Write a page.

    Raises:
        StorageError: the file cannot be written.
    """
    write_atomic(path, html(page))
    return path


@functools.cache
def _templates() -> jinja2.Environment:
    found = jinja2.Environment(
        loader=jinja2.PackageLoader("wattloop.report.page"),
        # Names of layers, runs and settings come from whoever made the run folder.
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    found.filters.update(draw=draw, numeric=numeric_columns, panel=_panel, sparse=sparse)
    return found


def _panel(part: object) -> str:
    """Which macro draws a panel."""
    return {Chart: "chart", HeatMap: "heat_map", BarChart: "bars"}[type(part)]


def numeric_columns(frame: pl.DataFrame) -> tuple[bool, ...]:
    """Which columns hold figures, and stand to the right."""
    return tuple(_numeric([str(cell) for cell in frame[name]]) for name in frame.columns)


def _numeric(cells: list[str]) -> bool:
    filled = [cell for cell in cells if cell not in ("", "-")]
    return bool(filled) and all(
        set(cell) <= _NUMERIC and any(map(str.isdigit, cell)) and ", " not in cell for cell in filled
    )


def sparse(ticks: tuple[Tick, ...], room: float = _CROWDED) -> tuple[Tick, ...]:
    """Ticks that do not crowd each other: as many as lie `room` per cent apart."""
    kept: list[Tick] = []
    for tick in sorted(ticks, key=lambda one: one.at):
        if not kept or tick.at - kept[-1].at >= room:
            kept.append(tick)
    return tuple(kept)
