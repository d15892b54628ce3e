"""`wattloop verify power`: our watts and picoseconds against a sign-off tool's reports."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from wattloop.cli import output
from wattloop.cli.options import Json
from wattloop.cli.progress import ConsoleProgress
from wattloop.errors import ConfigError


def command(
    oracle: Annotated[
        Path, typer.Option("--oracle", help="Folder of the reference reports, one folder a case.")
    ] = Path("../shared/oracle"),
    liberty: Annotated[
        list[str] | None,
        typer.Option(
            "--liberty",
            metavar="NAME=FILE",
            help="A file of a library that the reports name; may be given several times.",
            show_default=False,
        ),
    ] = None,
    scope: Annotated[str, typer.Option("--scope", help="The netlists' instance in the activity.")] = "tb/m",
    clock: Annotated[str, typer.Option("--clock", help="The netlists' clock port.")] = "clk",
    as_json: Json = False,
) -> None:
    """Compare power and critical path with OpenSTA's reports, instance by instance. Exit status 1: out of bounds.

    Example: wattloop verify power --oracle ../shared/oracle --json
    """
    from wattloop.flow.signoff import BOUNDS, verify_power

    files: dict[str, list[str]] = {}
    for assignment in liberty or []:
        name, equals, file = assignment.partition("=")
        if not equals or not file:
            raise ConfigError(f"--liberty {assignment}: write it as name=file")
        files.setdefault(name, []).append(file)
    found = verify_power(oracle, liberty=files, scope=scope, clock=clock, progress=ConsoleProgress())
    passed = all(case.passed for case in found)
    if as_json:
        output.print_json({"passed": passed, "bounds": BOUNDS, "cases": [asdict(case) for case in found]})
    else:
        rows = [tuple(asdict(case).values()) for case in found]
        output.print_table("Relative deviations from OpenSTA (signoff loads)", tuple(asdict(found[0])), rows)
        typer.echo(f"\n{sum(case.passed for case in found)} of {len(found)} cases within the bounds")
    if not passed:
        raise typer.Exit(1)
