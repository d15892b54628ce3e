"""Sections of the other commands: training, mappings, cells side by side, verdicts on tables, exhibits."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import polars as pl

from wattloop.power.exploration import Exploration, pareto
from wattloop.power.verdict import LayerVerdict
from wattloop.report import exploration, verdict
from wattloop.report.page.axes import Axis, spanning
from wattloop.report.page.blocks import Block, Grid, Section, Step, Timeline, Chapter, Words, section
from wattloop.report.page.charts import COLOURS, BarChart, BarRow, Chart, Dots, Line, Mark, Plots
from wattloop.report.page.stacked import plain
from wattloop.report.units import NONE, percent

Row = Mapping[str, Any]


def training(history: Sequence[Row]) -> Section | None:
    """How training went, an epoch at a time."""
    epochs = list(range(1, len(history) + 1))
    stages = list(dict.fromkeys(str(row["stage"]) for row in history))
    accuracies, losses = list[Mark](), list[Mark]()
    for k, stage in enumerate(stages):
        at = [epoch for epoch, row in zip(epochs, history, strict=True) if row["stage"] == stage]
        own = [row for row in history if row["stage"] == stage]
        for name, dashed in (("training", True), ("validation", False)):
            shares = [_per_cent(row.get(f"{name}_accuracy")) for row in own]
            accuracies.append(Line(f"{stage}, {name}", at, shares, COLOURS[k % len(COLOURS)], dashed=dashed))
        losses.append(Line(stage, at, [_number(row.get("loss")) for row in own], COLOURS[k % len(COLOURS)]))
    x = Axis("epoch", 0.5, len(epochs) + 0.5)
    panels = [
        Chart("Accuracy", "Accuracy by epoch", x, _axis("accuracy, %", accuracies), accuracies),
        Chart("Loss", "Training loss by epoch", x, _axis("loss, nats", losses), losses),
    ]
    shown = [{name.replace("_", " "): _cell(value) for name, value in row.items()} for row in history]
    plots = Plots(panels, "Training epoch by epoch; one stage follows the other.", pl.DataFrame(shown), tall=True)
    return section("training", "Training", [plots])


def _per_cent(share: float | None) -> float:
    return float("nan") if share is None else 100 * share


def _number(value: float | None) -> float:
    return float("nan") if value is None else float(value)


def _axis(label: str, marks: Sequence[Mark]) -> Axis:
    values = [float(y) for mark in marks if isinstance(mark, Line) for y in mark.y]  # type: ignore[union-attr]
    return spanning(label, values)


def _cell(value: object) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)


ACCOUNTINGS = ("datapath", "total", "functional", "array")


def mappings(rows: Sequence[Row]) -> Section | None:
    """What layers laid onto the array at less cost save, option by option."""
    whole = [row for row in rows if row["layer"] == "all"]
    most = max(row[f"{name}_saving"] for row in whole for name in ACCOUNTINGS)
    charts = tuple(
        BarRow(
            row["option"],
            tuple(
                plain(name, row[f"{name}_saving"], most, percent(row[f"{name}_saving"]), COLOURS[k])
                for k, name in enumerate(ACCOUNTINGS)
            ),
        )
        for row in whole
    )
    says = "Savings of all convolutions by how they are laid onto the array, in four accountings"
    plots = Plots(
        [BarChart("", says, charts)],
        "Saved against the layers as they are, all convolutions; no output changes. Registers that hold offsets stand "
        "beside the array and are in none of the savings.",
        pl.DataFrame(),
    )
    return section("mappings", "Layers laid onto the array", [plots, Grid("Layer by layer", _mapping_lines(rows))])


def _mapping_lines(rows: Sequence[Row]) -> pl.DataFrame:
    return pl.DataFrame(
        [
            {"mapping": row["option"], "layer": row["layer"]}
            | {f"{name} saved": percent(row[f"{name}_saving"]) for name in ACCOUNTINGS}
            | {"datapath, nJ": f"{row['datapath_fj'] * 1e-6:.4g}", "offset registers, nJ": f"{row['preload_fj'] * 1e-6:.3g}"}
            for row in rows
        ]
    )


def cells_side_by_side(found: Exploration) -> Section | None:
    """Cells compared: energy against area and against the critical path, and every table."""
    sizes = [("area of the cell, µm²", "area_um2"), ("critical path, ps", "critical_path_ps")]
    panels = [_pareto(found, label, attribute) for label, attribute in sizes]
    caption = (
        "Datapath energy a multiply-accumulate, before and after compression; the stairs join the cells that no other "
        "beats. Squares compute another network (they change weights or inputs) and are on no front."
    )
    blocks: list[Block | None] = [Plots(panels, caption, pl.DataFrame(), tall=True)]
    blocks += [Grid(title, table) for title, table in exploration.tables(found).items()]
    return section("exploration", "Cells side by side", [*blocks, Words(exploration.ACCOUNTINGS)])


def _pareto(found: Exploration, label: str, attribute: str) -> Chart:
    marks: list[Mark] = []
    for stage, colour in (("int8", COLOURS[0]), ("compressed", COLOURS[3])):
        points = [(cell, energy) for cell in found.templates if (energy := found.per_mac(cell.name, stage)) is not None]
        same = [(getattr(cell, attribute), energy.datapath_fj) for cell, energy in points if cell.same_network]
        front = [same[k] for k in pareto(same)]
        if front:
            marks.append(Line(f"{stage}, front", [x for x, _ in front], [y for _, y in front], colour))
        for shape, name, alike in ((0, stage, True), (1, f"{stage}, another network", False)):
            own = [(getattr(c, attribute), e.datapath_fj, c.name) for c, e in points if c.same_network == alike]
            if own:
                x, y, texts = zip(*own, strict=True)
                marks.append(Dots(name, x, y, [f"{t}, {stage}: {fj:.1f} fJ" for t, fj in zip(texts, y, strict=True)], colour, shape))
    every = [mark for mark in marks if isinstance(mark, Dots)]
    across = spanning(label, [x for mark in every for x in mark.x], margin=0.08)
    up = spanning("datapath, fJ per MAC", [y for mark in every for y in mark.y], zero=True, margin=0.1)
    return Chart("", f"Datapath energy against {label}", across, up, marks)


def verdicts(rows: Sequence[LayerVerdict]) -> Section | None:
    """Tables against exact simulation."""
    stages = list(dict.fromkeys(row.stage for row in rows))
    panels = [_errors([row for row in rows if row.stage == stage], stage) for stage in stages]
    caption = "Absolute error of every layer's energy by each statistical model, logarithmic; a point a layer."
    blocks: list[Block | None] = [
        Words(" ".join(verdict.in_words(rows))),
        Grid("All convolutions", verdict.by_network(rows)),
        Plots(panels, caption, pl.DataFrame(), tall=True),
        Grid("Layer by layer", verdict.by_layer(rows)),
        Words(verdict.CONVENTIONS),
    ]
    return section("verdict", "Tables against exact simulation", blocks)


def _errors(rows: Sequence[LayerVerdict], stage: str) -> Chart:
    models = list(dict.fromkeys(row.statistics for row in rows))
    marks: list[Mark] = []
    for place, model in enumerate(models):
        own = [row for row in rows if row.statistics == model]
        step = 0.5 / max(1, len(own) - 1)
        at = [place - 0.25 + step * k if len(own) > 1 else float(place) for k in range(len(own))]
        errors = [max(100 * abs(row.error), 1e-3) for row in own]
        texts = [f"{row.layer}, {model}: {100 * row.error:+.2f} %" for row in own]
        marks.append(Dots("", at, errors, texts, COLOURS[place % len(COLOURS)], place % 8))
    high = max(y for mark in marks if isinstance(mark, Dots) for y in mark.y)
    x = Axis("statistical model", -0.5, len(models) - 0.5, names=tuple(models))
    y = Axis("error of a layer's energy, %", 1e-3, max(10.0, high * 1.5), log=True)
    return Chart(stage, f"Errors of layers by model, {stage}", x, y, marks)


def exhibit(found: Mapping[str, Any]) -> Section | None:
    """A table or figure of the paper, beside the paper's own."""
    return section("exhibit", str(found["title"]), _exhibit(found))


def _exhibit(found: Mapping[str, Any]) -> Iterator[Block | None]:
    yield Words(f"The paper: {found['place']}.")
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
    chapters = [Chapter(title, tuple(steps)) for title, steps in (("Beside the paper", claims), ("Findings", sentences))]
    yield Timeline(tuple(chapter for chapter in chapters if chapter.steps))
    if not found.get("tables") and found["rows"]:
        yield Grid("Figures", _lines(found["rows"]))


def _lines(rows: Sequence[Row]) -> pl.DataFrame:
    names = list(dict.fromkeys(name for row in rows for name in row))
    return pl.DataFrame([{name: _cell(row.get(name, NONE)) for name in names} for row in rows])
