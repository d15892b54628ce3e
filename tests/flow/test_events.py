from __future__ import annotations

from wattloop.compression.journal import (
    ConfigurationTried,
    Event,
    Finished,
    LayerDecided,
    LayerStarted,
    Pruned,
    RemovalTried,
    Started,
)
from wattloop.flow.events import Watch
from wattloop.flow.progress import Silent

STARTED = Started(0.95, 0.2, 0.94, 7, ("b", "a"), (0.7, 0.3))


class Notebook(Silent):
    def __init__(self) -> None:
        self.lines: list[str] = []

    def tell(self, text: str) -> None:
        self.lines.append(text)


def told(*events: Event) -> tuple[list[str], list[tuple[float, float, str]]]:
    notebook, steps = Notebook(), []
    watch = Watch(notebook, lambda done, total, note="": steps.append((done, total, note)))
    for event in events:
        watch(event)
    return notebook.lines, steps


def test_decisions_are_lines_that_stay() -> None:
    lines, _ = told(
        STARTED,
        ConfigurationTried("b", 0.7, 16, (), 1e6, None, None, "no such set holds the bound"),
        ConfigurationTried("b", 0.5, 24, (0, 1), 1e6, 0.945, 0.2, "accepted"),
        LayerDecided("b", 0.5, 24, 0.945, 4e6, 1e6, ()),
        LayerDecided("a", None, None, 0.945, 1e6, 1e6, ()),
        Finished(0.945, 0.2, 0.94, 5e6, 2e6),
    )
    assert lines == [
        "int8 validation accuracy 95.00%, not to fall below 94.00%; energy: b 70.0%, a 30.0%",
        "b: 70% pruned, 16 values: no such set holds the bound",
        "b: 50% pruned, 24 values: validation 94.50%, accepted",
        "b: settled, saves 75.0% by table; validation 94.50%",
        "a: left as it was",
        "all layers settled: validation 94.50%, 60.0% saved by table",
    ]


def test_the_bar_counts_layers_and_says_what_is_tried() -> None:
    _, steps = told(
        STARTED,
        LayerStarted("b", 4e6, 0.94, ((0.7, 16), (0.5, 24)), (9e5, 1e6)),
        Pruned("b", 0.5, 0.5, 0.9, 0.945, True),
        RemovalTried("b", 9, 1e3, 0.1, 5.0, 0.944, 0.2, False, True, 23),
        ConfigurationTried("b", 0.7, 16, (), 1e6, None, None, "no such set holds the bound"),
        LayerDecided("b", 0.5, 24, 0.945, 4e6, 1e6, ()),
    )
    assert [done for done, _, _ in steps] == [0, 0, 0, 0, 0.5, 1]
    assert {total for _, total, _ in steps} == {2}
    assert [note for _, _, note in steps[2:4]] == [
        "b: pruned 50%, validation 94.50%",
        "b: 23 values, validation 94.40%",
    ]


def test_a_resumed_run_says_so_and_counts_on() -> None:
    lines, steps = told(STARTED, LayerStarted("a", 1e6, 0.94, ((0.5, 24),), (1e6,)))
    assert lines[-1] == "going on where an interrupted run stood: 1 layers were settled"
    assert steps[-1][:2] == (1, 2)
    lines, _ = told(STARTED, Finished(0.945, 0.2, 0.94, 5e6, 2e6))
    assert lines[-2] == "going on where an interrupted run stood: all layers were settled"
