"""The page of one run: a section for everything that its folder holds, nothing for what it does not."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from wattloop.report.inputs import StoredRun
from wattloop.report.page import summary
from wattloop.report.page.blocks import Facts, Page, Section
from wattloop.report.page.render import write_page
from wattloop.report.page.sections import cells, curves, decisions, energy, estimate, networks, seen, timing, weights
from wattloop.report.page.sections.exhibit import exhibit
from wattloop.report.page.sections.exploration import cells_side_by_side
from wattloop.report.page.sections.mappings import mappings
from wattloop.report.page.sections.provenance import provenance
from wattloop.report.page.sections.training import training
from wattloop.report.page.sections.verdicts import verdicts
from wattloop.report.units import percent

FILE = "report.html"


def write_run_page(run: StoredRun, path: Path) -> Path:
    """Write the page of a run.

    Raises:
        StorageError: the file cannot be written.
    """
    return write_page(page_of(run), path)


def page_of(run: StoredRun) -> Page:
    """The page of a run."""
    lede, facts = summary.head(run)
    sections = tuple(part for part in _sections(run) if part is not None)
    return Page(run.title, summary.above(run), lede, Facts(facts) if facts else None, sections, foot(run))


def foot(run: StoredRun) -> str:
    """Who made the run, and when."""
    version, started = run.provenance.get("wattloop", ""), run.provenance.get("started", "")
    made = f"wattloop {version}".strip() + (f", run started {started}" if started else "")
    return f"{made}. Every figure is read from the run's folder; nothing is computed again and nothing is loaded."


def _sections(run: StoredRun) -> Iterator[Section | None]:
    found = run.compression
    if run.exhibit is not None:
        yield exhibit(run.exhibit, run.pictures)
    if found is not None:
        yield networks.accuracy(found)
        yield energy.before_and_after(found)
    if run.estimate is not None:
        yield estimate.energy(run.estimate)
    if run.verdict:
        yield verdicts(run.verdict)
    if run.exploration is not None:
        yield cells_side_by_side(run.exploration)
    if run.mappings:
        yield mappings(run.mappings)
    yield curves.by_value(run)
    if run.cells is not None:
        yield cells.heat_maps(run.cells)
    yield seen.transitions(run)
    if found is not None:
        yield weights.histograms(found)
        yield decisions.decisions(found.journal, percent(found.summary["bound"]))
    if run.timing is not None:
        yield timing.settling(run.timing, run.provenance)
    if run.history:
        yield training(run.history)
    yield provenance(run)
