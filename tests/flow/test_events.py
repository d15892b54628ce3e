from __future__ import annotations

from collections.abc import Sequence

from wattloop.compression.journal import (
    CampaignStarted,
    ConfigurationTried,
    Event,
    Finished,
    LayerDecided,
    LayerStarted,
    MethodStarted,
    PointFound,
    Pruned,
    RemovalTried,
    Started,
    TimeSpent,
    ValuesChosen,
)
from wattloop.compression.powerpruning.events import ValuesTimed
from wattloop.flow.events import Watch
from wattloop.flow.progress import Silent

STARTED = Started(0.95, 0.2, 0.94, 7, ("b", "a"), (0.7, 0.3))


class Notebook(Silent):
    def __init__(self) -> None:
        self.lines: list[str] = []

    def tell(self, text: str) -> None:
        self.lines.append(text)


def told(*events: Event, times: Sequence[float] = ()) -> tuple[list[str], list[tuple[float, float, str]]]:
    """Lines and steps of events, the clock at `times` when each falls."""
    notebook, steps, clock = Notebook(), [], [0.0]
    watch = Watch(notebook, lambda done, total, note="": steps.append((done, total, note)), lambda: clock[0])
    for event, now in zip(events, times or [0.0] * len(events), strict=True):
        clock[0] = now
        watch(event)
    return notebook.lines, steps


def campaign(*methods: str) -> CampaignStarted:
    return CampaignStarted(methods, 0.95, 0.2, 1e6, 0.66, 7)


def test_decisions_are_lines_that_stay() -> None:
    lines, _ = told(
        STARTED,
        ConfigurationTried("b", 0.7, 16, (), 1e6, None, None, "no such set holds the bound"),
        ConfigurationTried("b", 0.5, 24, (0, 1), 1e6, 0.945, 0.2, "accepted"),
        LayerDecided("b", 0.5, 24, 0.945, 4e6, 1e6, (), 5e6, 1e6, 0.0, 0.0),
        LayerDecided("a", None, None, 0.945, 1e6, 1e6, ()),
        Finished(0.945, 0.2, 0.94, 5e6, 2e6),
    )
    assert lines == [
        "int8 validation accuracy 95.00%, not to fall below 94.00%; energy: b 70.0%, a 30.0%",
        "b: 70% pruned, 16 values: no such set holds the bound",
        "b: 50% pruned, 24 values: validation 94.50%, accepted",
        "b: settled, saves 75.0% by table, 80.0% by tiles; validation 94.50%",
        "a: left as it was",
        "all layers settled: validation 94.50%, 60.0% saved by table",
    ]


def test_the_bar_counts_layers_and_says_what_is_tried() -> None:
    _, steps = told(
        campaign("layerwise"),
        MethodStarted("layerwise", 2),
        STARTED,
        LayerStarted("b", 4e6, 0.94, ((0.7, 16), (0.5, 24)), (9e5, 1e6)),
        Pruned("b", 0.5, 0.5, 0.9, 0.945, True),
        RemovalTried("b", 9, 1e3, 0.1, 5.0, 0.944, 0.2, False, True, 23),
        ConfigurationTried("b", 0.7, 16, (), 1e6, None, None, "no such set holds the bound"),
        LayerDecided("b", 0.5, 24, 0.945, 4e6, 1e6, ()),
    )
    assert [done for done, _, _ in steps] == [0, 0, 0, 0, 0, 0, 0.25, 0.5]
    assert {total for _, total, _ in steps} == {1}
    assert [note for _, _, note in steps[4:6]] == [
        "b: pruned 50%, validation 94.50%",
        "b: 23 values, validation 94.40%",
    ]


def test_methods_follow_each_other_on_the_bar() -> None:
    lines, steps = told(
        campaign("global", "four-bit"),
        MethodStarted("global", 2),
        ValuesChosen("global", ("a", "b"), (-16, 0, 16), 40.0),
        ValuesTimed(("a", "b"), 150.0, 41, 9000, (-4, 0, 4), (0, 1, 9), 0.4, 0.9),
        PointFound("global", "ratio=0.5 values=3", 0.94, 0.2, 5e5),
        PointFound("global", "ratio=0.7 values=3", 0.93, 0.2, 4e5),
        MethodStarted("four-bit", 1),
        TimeSpent("four-bit"),
    )
    assert [(done, total) for done, total, _ in steps] == [(0, 2)] * 4 + [(0.5, 2), (1, 2), (1, 2), (1, 2)]
    assert lines == [
        "weights of 0 alone would save 66.0% of the energy; methods: global, four-bit",
        "global: 3 values for 2 layers: -16 0 16",
        "3 of 41 values and 3 activation codes settle within 150 ps",
        "global ratio=0.5 values=3: validation 94.00%",
        "global ratio=0.7 values=3: validation 93.00%",
        "the hours are spent: this is the best so far",
    ]


def test_the_time_left_follows_from_parts_that_took_time() -> None:
    points = [PointFound("set", f"values={k}", 0.94, 0.2, 5e5) for k in range(5)]
    events = (campaign("set"), MethodStarted("set", 5), *points)
    _, steps = told(*events, times=[0, 0, 0.01, 600, 1800, 2400, 2400.5])
    # The first was found out before; the others took 10, 20 and 10 minutes.
    notes = [note for _, _, note in steps[2:]]
    assert notes == ["", "about 30 min left", "about 30 min left", "about 13 min left", ""]
    _, steps = told(campaign("set"), MethodStarted("set", 9), points[0], times=[0, 0, 1200])
    assert steps[-1][2] == "about 2 h 40 min left"
