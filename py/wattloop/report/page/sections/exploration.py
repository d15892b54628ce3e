"""Cells side by side: energy against area and against the critical path."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import polars as pl

from wattloop.power.exploration import Exploration, PerMac, TemplateHardware, pareto
from wattloop.report import exploration
from wattloop.report.page.axes import spanning
from wattloop.report.page.blocks import Block, Grid, Section, Words, section
from wattloop.report.page.charts import COLOURS, Chart, Dots, Line, Mark, Plots


def cells_side_by_side(found: Exploration) -> Section | None:
    """Cells compared: energy against area and against the critical path, and every table."""
    sizes = [("area of the cell, µm²", "area_um2"), ("critical path, ps", "critical_path_ps")]
    panels = [_pareto(found, label, attribute) for label, attribute in sizes]
    caption = (
        "Datapath energy a multiply-accumulate, before and after compression; the lines join the cells that no other "
        "beats. Squares compute another network (they change weights or inputs) and are on no front."
    )
    blocks: list[Block | None] = [Plots(panels, caption, pl.DataFrame(), tall=True)]
    blocks += [Grid(title, table) for title, table in exploration.tables(found).items()]
    return section("exploration", "Cells side by side", [*blocks, Words(exploration.ACCOUNTINGS)])


def _pareto(found: Exploration, label: str, attribute: str) -> Chart:
    marks: list[Mark] = []
    for stage, colour in (("int8", COLOURS[0]), ("compressed", COLOURS[3])):
        points = [(cell, energy) for cell in found.templates if (energy := found.per_mac(cell.name, stage)) is not None]
        marks += _stage(points, stage, colour, attribute)
    every = [mark for mark in marks if isinstance(mark, Dots)]
    across = spanning(label, [x for mark in every for x in mark.x], margin=0.08)
    up = spanning("datapath, fJ per MAC", [y for mark in every for y in mark.y], zero=True, margin=0.1)
    return Chart("", f"Datapath energy against {label}", across, up, marks)


def _stage(
    points: Sequence[tuple[TemplateHardware, PerMac]], stage: str, colour: str, attribute: str
) -> Iterator[Line | Dots]:
    """The front of a stage, the cells that compute the network, and those that compute another."""
    same = [(getattr(cell, attribute), energy.datapath_fj) for cell, energy in points if cell.same_network]
    front = [same[k] for k in pareto(same)]
    if front:
        yield Line(f"{stage}, front", [x for x, _ in front], [y for _, y in front], colour)
    for shape, name, alike in ((0, stage, True), (1, f"{stage}, another network", False)):
        own = [(cell, energy) for cell, energy in points if cell.same_network == alike]
        if own:
            energies = [energy.datapath_fj for _, energy in own]
            texts = [f"{cell.name}, {stage}: {energy.datapath_fj:.1f} fJ" for cell, energy in own]
            yield Dots(name, [getattr(cell, attribute) for cell, _ in own], energies, texts, colour, shape)
