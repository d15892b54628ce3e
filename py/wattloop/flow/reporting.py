"""The last step of a flow: the report, from what the run holds by then."""

from __future__ import annotations

from wattloop.flow.progress import Progress
from wattloop.report.write import write_report
from wattloop.runs import Run


def report(run: Run, progress: Progress) -> None:
    """Write `report.html`, `report.md` and its plots into the run, its provenance included."""
    with progress.step("writing the report"):
        run.record()
        write_report(run.folder)
