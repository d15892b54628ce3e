"""`wattloop report`: a page of HTML, Markdown and plots from runs' folders."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from wattloop.cli.progress import ConsoleProgress

_COMPARISON = Path("comparison.html")


def command(
    runs: Annotated[list[Path], typer.Argument(help="Folder of a run, or of several.", show_default=False)],
    out: Annotated[
        Path | None,
        typer.Option(
            "--out", "-o", help="The HTML page alone, here; of several runs comparison.html.", show_default=False
        ),
    ] = None,
) -> None:
    """Write report.html, report.md and plots/*.png into a run's folder, from what is stored there.

    Of several runs, or with --out, one HTML page is written and the runs are left alone. Nothing is computed again; the
    page needs no network.

    Examples: wattloop report runs/demo; wattloop report runs/seed0 runs/seed1 --out seeds.html
    """
    from wattloop.report.page.one import FILE
    from wattloop.report.write import write_pages, write_report

    with ConsoleProgress().step("writing the report"):
        if out is None and len(runs) == 1:
            written = [runs[0] / FILE, write_report(runs[0])]
        else:
            written = [write_pages(runs, out or _COMPARISON)]
    for path in written:
        typer.echo(path)
