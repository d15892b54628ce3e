"""Where marks lie, and what pictures show, by hand."""

from __future__ import annotations

import base64
import io
from pathlib import Path

import numpy as np
import pytest
from matplotlib.image import imread
from tests.report import folders

from wattloop.report.page.axes import Axis, spanning
from wattloop.report.page.charts import Band, Chart, Dots, Line, Mark, Rule, Sticks
from wattloop.report.page.drawing import draw
from wattloop.report.page.raster import raster
from wattloop.report.page.render import sparse
from wattloop.report.seen import stored_statistics

X, Y = Axis("x", 0.0, 10.0), Axis("y", 0.0, 100.0)


def path(mark: Mark, x: Axis = X, y: Axis = Y) -> str:
    (found,) = draw(Chart("", "", x, y, [mark])).paths
    return found.data


def test_a_line_runs_from_the_lower_left_in_thousandths() -> None:
    assert path(Line("a", [0, 5, 10], [0, 50, 25])) == "M0 1000L500 500L1000 750"


def test_a_line_breaks_where_nothing_is_known() -> None:
    assert path(Line("a", [0, 1, 2, 3], [0.0, np.nan, 10.0, 20.0])) == "M0 1000M200 900L300 800"


def test_a_stair_is_level_around_each_point() -> None:
    assert path(Line("a", [1, 2], [10, 20], step=True)) == "M50 900L150 900L150 800L250 800"


def test_sticks_stand_on_the_axis_and_rules_cross_it() -> None:
    assert path(Sticks("a", [2], [30])) == "M200 1000V700"
    assert path(Rule("a", 25.0)) == "M0 750H1000"
    assert path(Rule("a", 4.0, upright=True)) == "M400 0V1000"


def test_a_band_is_closed() -> None:
    assert path(Band("a", [0, 10], [0, 0], [10, 20])) == "M0 1000L1000 1000L1000 800L0 900Z"


def test_points_are_in_per_cent_from_the_upper_left_with_whiskers() -> None:
    found = draw(Chart("", "", X, Y, [Dots("a", [5.0], [20.0], ["t"], x_errors=[1.0], y_errors=[10.0])]))
    assert [(point.left, point.top, point.text) for point in found.points] == [(50.0, 80.0, "t")]
    assert [part.data for part in found.paths] == ["M400 800H600M500 900V700"]


def test_logarithmic_and_backward_axes() -> None:
    decades = Axis("y", 0.01, 100.0, log=True)
    assert decades.places([0.01, 1.0, 100.0, 0.0]) == pytest.approx([0.0, 0.5, 1.0, 0.0])
    assert [tick.text for tick in decades.ticks] == ["0.01", "0.1", "1", "10", "100"]
    assert Axis("y", 0.0, 8.0, backwards=True).places([0.0, 2.0]) == pytest.approx([1.0, 0.75])


def test_values_are_within_an_axis_that_spans_them() -> None:
    axis = spanning("y", [3.0, float("nan"), 5.0])
    assert axis.low < 3.0 and axis.high > 5.0
    assert spanning("y", [3.0, 5.0], zero=True).low == 0.0
    assert spanning("y", [2.0]).low < spanning("y", [2.0]).high


def test_ticks_keep_apart() -> None:
    assert [tick.at for tick in sparse(X.ticks, 30.0)] == [0.0, 40.0, 80.0]


def test_a_raster_has_its_first_row_at_the_bottom_and_leaves_what_is_not_there() -> None:
    found = raster(np.array([[1.0, 0.0], [1e-3, 1e-6]]), 1e-6, 1.0, log=True)
    pixels = imread(io.BytesIO(base64.b64decode(found.uri.split(",")[1])))
    assert (found.width, found.height) == pixels.shape[1::-1] == (2, 2)
    assert pixels[1, 1, 3] == 0.0
    lightness = pixels[..., :3].sum(axis=2)
    assert lightness[1, 0] > lightness[0, 0] > lightness[0, 1]


def test_members_of_a_joint_model_count_as_many_transitions_as_they_stand_for(tmp_path: Path) -> None:
    folders.joint(tmp_path)
    (seen,) = stored_statistics(tmp_path, "")
    assert (seen.layer, seen.least, seen.transitions, seen.tiles) == ("conv2", 0, 40, 2)
    cells = {(int(a), int(b)): float(seen.activations[a, b]) for a, b in np.argwhere(seen.activations)}
    assert cells == pytest.approx({(0, 5): 0.25, (5, 0): 0.25, (0, 0): 0.25, (255, 1): 0.25})
    assert (seen.zero, seen.quiet) == pytest.approx((0.5, 0.25))
    # 0 is in group 0, 1 in group 1, 3 in group 3 and -1, all ones, in the last.
    groups = {(int(a), int(b)): float(seen.groups[a, b]) for a, b in np.argwhere(seen.groups)}
    assert groups == pytest.approx({(0, 1): 0.25, (1, 49): 0.25, (49, 0): 0.25, (3, 3): 0.25})
