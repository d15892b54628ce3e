"""Energy by layer before and after, stacked by origin; and how far tables are from simulated tiles."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from wattloop.report import tables
from wattloop.report.energies import figures, sources
from wattloop.report.inputs import Compression
from wattloop.report.page.blocks import Block, Grid, Section, Words, section
from wattloop.report.page.charts import BarChart, BarRow, Plots
from wattloop.report.page.stacked import LEGEND, Scale, stacked
from wattloop.report.units import ACCOUNTINGS

_SOURCES = {"table": "by table", "tiles": "by simulated tiles"}
_STAGES = ("int8", "compressed")


def before_and_after(compression: Compression) -> Section | None:
    """The section on the energy of the layers."""
    blocks: list[Block] = [Grid("All layers in scope", tables.totals(compression)), Words(_conventions(compression))]
    # What was simulated comes first: the table steered, the tiles decide.
    blocks += [_plot(compression, source) for source in reversed(sources(compression))]
    blocks.append(Grid("Layer by layer", tables.by_layer(compression)))
    compared = tables.table_against_tiles(compression)
    if compared is not None:
        blocks += [Grid("Table against simulated tiles", compared), Words(_COMPARED)]
    else:
        blocks.append(Words("No tiles were simulated: the energies are the table's estimate."))
    return section("energy", "Energy by layer", blocks)


_COMPARED = (
    "Dynamic energy of one MAC cycle of the active PEs. The table comes from training images, the tiles from test "
    "images, so the difference holds the sampling of both beside the table's own error."
)


def _plot(compression: Compression, source: str) -> Plots:
    found = {stage: figures(compression, source, stage) for stage in _STAGES}
    scale = Scale.of([row for rows in found.values() for row in rows.values()])
    bars = tuple(
        BarRow(layer, tuple(stacked(stage, found[stage][layer], scale) for stage in _STAGES))
        for layer in compression.layers
    )
    first = next(iter(found["int8"].values()))
    says = f"Energy of {len(bars)} layers {_SOURCES[source]}, int8 and compressed, by origin"
    return Plots(
        [BarChart(_title(source, first), says, bars)],
        "One image on the active PEs; the figure beside a bar is its dynamic part (switching, internal, registers), "
        "± and the whisker one standard error.",
        _rows(compression, source),
        LEGEND,
    )


def _title(source: str, row: Mapping[str, Any]) -> str:
    return f"{_SOURCES[source].capitalize()}: {row['origin']}, accounting {row['accounting']}"


def _rows(compression: Compression, source: str) -> Any:
    whole = tables.by_origin(compression)
    origin = next(iter(figures(compression, source, "int8").values()))["origin"]
    return whole.filter(origin=origin)


def _conventions(compression: Compression) -> str:
    names = compression.energies["accounting"].unique(maintain_order=True)
    known = [f"{name}: {ACCOUNTINGS.get(name, 'as named by its origin')}." for name in names]
    return " ".join(
        [
            "Dynamic energy of one image on the active PEs of the array, of the layers listed here only; ± is one "
            "standard error, and that of a saving takes the figures before and after as independent.",
            *known,
        ]
    )
