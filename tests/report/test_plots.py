"""Plots: nothing overlaps, nothing leaves the picture, nothing is empty; with 2 layers and with 12."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from itertools import combinations, pairwise
from pathlib import Path

import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.text import Text

from wattloop.compress.result import CompressionResult
from wattloop.report import energy_plots, tradeoff_plot, weight_plots
from wattloop.report.inputs import Compression, read_run
from wattloop.report.value_curves import layer_curves


@pytest.fixture(params=[2, 12])
def compression(request: pytest.FixtureRequest, result: CompressionResult, tmp_path: Path) -> Compression:
    if request.param == 12:
        names = [f"stage{i // 6}.block{i // 2}.conv{i % 2}" for i in range(12)]
        layers = tuple(_renamed(result, i, name) for i, name in enumerate(names))
        result = dataclasses.replace(result, layers=layers)
    result.save(tmp_path / "compression")
    found = read_run(tmp_path).compression
    assert found is not None
    return found


def _renamed(result: CompressionResult, index: int, name: str) -> object:
    layer = result.layers[index % 2]
    energies = {
        field: dataclasses.replace(getattr(layer, field), layer=name)
        for field in ("table_before", "table_after", "tiles_before", "tiles_after")
    }
    return dataclasses.replace(layer, layer=name, **energies)


def _figures(compression: Compression) -> Iterator[tuple[str, Figure]]:
    yield "energy by layer", energy_plots.energy_by_layer(compression)
    yield "energy by value", energy_plots.energy_by_value(layer_curves(compression), "functional")
    yield "accuracy against energy", tradeoff_plot.accuracy_against_energy(compression)
    yield "histograms", weight_plots.weight_histograms(compression)
    yield "kept sets", weight_plots.kept_sets(compression)


def _texts(figure: Figure) -> list[Text]:
    """Visible texts whose place lies inside their axis: matplotlib keeps tick labels beyond the limits, undrawn."""
    found = [text for text in figure.findobj(Text) if text.get_visible() and text.get_text().strip()]
    undrawn = set()
    for axes in figure.axes:
        for axis, interval in ((axes.xaxis, axes.get_xlim()), (axes.yaxis, axes.get_ylim())):
            low, high = sorted(interval)
            shown = {id(tick) for tick in axis._update_ticks()}
            ticks = [*axis.get_major_ticks(), *axis.get_minor_ticks()]
            undrawn |= {id(tick.label1) for tick in ticks if id(tick) not in shown or not low <= tick.get_loc() <= high}
    return [text for text in found if id(text) not in undrawn]


def test_no_two_texts_overlap_and_none_leaves_the_picture(compression: Compression) -> None:
    for name, figure in _figures(compression):
        canvas = FigureCanvasAgg(figure)
        canvas.draw()
        width, height = canvas.get_width_height()
        boxes = [(text.get_text(), text.get_window_extent()) for text in _texts(figure)]
        assert boxes
        for text, box in boxes:
            inside = box.x0 >= -1 and box.y0 >= -1 and box.x1 <= width + 1 and box.y1 <= height + 1
            assert inside, f"{name}: {text!r} leaves the picture"
        for (one, a), (other, b) in combinations(boxes, 2):
            assert not (a.x0 < b.x1 and b.x0 < a.x1 and a.y0 < b.y1 and b.y0 < a.y1), f"{name}: {one!r} over {other!r}"


def test_bars_are_as_long_as_the_stored_energies(compression: Compression) -> None:
    figure = energy_plots.energy_by_layer(compression)
    by_table = figure.axes[0]
    ends = {round(bar.get_y(), 3): 0.0 for bar in by_table.patches}
    for bar in by_table.patches:
        ends[round(bar.get_y(), 3)] += bar.get_width()
    rows = compression.energies.filter(source="table")
    wanted = [
        sum(row[column] for column in energy_plots.ORIGINS) / 1e6
        for layer in compression.layers
        for row in rows.filter(layer=layer).to_dicts()
    ]
    assert [ends[place] for place in sorted(ends)] == pytest.approx(wanted)


def test_the_path_to_the_result_runs_towards_less_energy(compression: Compression) -> None:
    axes = tradeoff_plot.accuracy_against_energy(compression).axes[0]
    line = next(line for line in axes.lines if str(line.get_label()).startswith("after each layer"))
    energies = list(line.get_xdata())
    assert energies[0] == 100.0
    assert all(later < earlier for earlier, later in pairwise(energies))
