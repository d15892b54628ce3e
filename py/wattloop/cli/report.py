"""`wattloop report`: Markdown and plots from a run's folder."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from wattloop.cli.progress import ConsoleProgress


def command(run: Annotated[Path, typer.Argument(help="Folder of a run.", show_default=False)]) -> None:
    """Write report.md and plots/*.png into a run's folder, from what is stored there; nothing is computed again.

    Example: wattloop report runs/demo
    """
    from wattloop.report.write import write_report

    with ConsoleProgress().step("writing the report"):
        path = write_report(run)
    typer.echo(path)
