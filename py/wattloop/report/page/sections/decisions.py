"""The decisions of a campaign in the order in which they fell, a chapter a method, layer or target."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import groupby
from typing import Any

from wattloop.report.page.blocks import Chapter, Section, Step, Timeline, Words, section
from wattloop.report.page.sections.event_words import SENTENCES

Event = Mapping[str, Any]

# A longer chapter is folded, where there are several.
_LONG = 12
# Events that begin a chapter, and how it is called.
_TITLES: Mapping[str, Callable[[Event], str]] = {
    "MethodStarted": lambda event: str(event["method"]),
    "LayerStarted": lambda event: f"Layer {event['layer']}",
}


def decisions(journal: Sequence[Event], bound: str) -> Section | None:
    """The section on what was decided.

    Args:
        journal: the events of a campaign, each with its kind under "event".
        bound: the accuracy that was not to be undercut.
    """
    chapters = tuple(_chapters(_condensed(journal)))
    if not chapters:
        return None
    said = Words(f"Every decision was taken on validation images, with a bound of {bound}.")
    return section("decisions", "Decisions in order", [said, Timeline(chapters)])


def _condensed(journal: Sequence[Event]) -> list[Event]:
    """The journal with successive removals of single values as one event."""
    found: list[Event] = []
    for removals, events in groupby(journal, key=lambda event: event["event"] == "RemovalTried"):
        some = list(events)
        found += [{"event": "Removals", "layer": some[0]["layer"], "tried": some}] if removals else some
    return found


def _chapters(journal: Iterable[Event]) -> Iterable[Chapter]:
    method, title, steps, target = "", "Campaign", list[Step](), None
    for event in journal:
        kind = event["event"]
        new = _TITLES[kind](event) if kind in _TITLES else title
        method = new if kind == "MethodStarted" else method
        # A target of the rate-distortion method is a chapter, too.
        if "target" in event and event["target"] != target:
            target, new = event["target"], f"{method}: target {event['target']:.0%} saved"
        if new != title:
            yield from _chapter(title, steps)
            title, steps = new, []
        steps += _step(event)
    yield from _chapter(title, steps)


def _step(event: Event) -> list[Step]:
    """An event in words; one that another version wrote otherwise is named alone."""
    words = SENTENCES.get(event["event"])
    try:
        return [] if words is None else [words(event)]
    except (KeyError, TypeError, ValueError):
        return [Step(str(event["event"]), "written by another version of wattloop")]


def _chapter(title: str, steps: list[Step]) -> Iterable[Chapter]:
    if steps:
        yield Chapter(title, tuple(steps), len(steps) > _LONG)
