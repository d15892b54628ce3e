"""The page of several runs: their best networks, layers, curves and profiles beside each other, and what differs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from wattloop.errors import ConfigError
from wattloop.report.inputs import StoredRun
from wattloop.report.page import summary
from wattloop.report.page.blocks import Fact, Facts, Page, Section
from wattloop.report.page.render import write_page
from wattloop.report.page.several import between, differences, layers, networks, overview
from wattloop.report.page.several.between import Named

_FACTS = 8


def write_comparison(runs: Sequence[StoredRun], path: Path) -> Path:
    """Write the page that compares runs.

    Raises:
        ConfigError: fewer than two.
        StorageError: the file cannot be written.
    """
    return write_page(comparison_of(runs), path)


def comparison_of(runs: Sequence[StoredRun]) -> Page:
    """The page that compares runs.

    Raises:
        ConfigError: fewer than two.
    """
    if len(runs) < 2:
        raise ConfigError("a comparison takes two runs or more")
    named = between.named(runs)
    sections = tuple(part for part in _sections(named) if part is not None)
    facts = tuple(fact for name, run in named[:_FACTS] for fact in _first(name, run))
    commands = ", ".join(dict.fromkeys(str(run.provenance.get("command", "run")) for run in runs))
    lede = f"{len(runs)} runs beside each other: {', '.join(name for name, _ in named)}."
    foot = "Every figure is read from the runs' folders; nothing is computed again and nothing is loaded."
    return Page("Runs compared", f"comparison · {commands}", lede, Facts(facts) if facts else None, sections, foot)


def _first(name: str, run: StoredRun) -> list[Fact]:
    """The first headline figure of a run, and the second as its note."""
    _, facts = summary.head(run)
    if not facts:
        return []
    first, note = facts[0], f"{facts[1].name}: {facts[1].value} {facts[1].beside}".strip() if len(facts) > 1 else ""
    return [Fact(name, first.value, first.beside, f"{first.name}; {note}".rstrip("; "))]


def _sections(runs: Sequence[Named]) -> Iterator[Section | None]:
    yield overview.table(runs)
    yield networks.accuracy(runs)
    yield layers.energy(runs)
    yield layers.curves(runs)
    yield between.settling(runs)
    yield between.training(runs)
    yield differences.section_of(runs)
