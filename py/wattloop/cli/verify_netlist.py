"""`wattloop verify netlist`: netlists proved equal to their RTL."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from wattloop.cli import output
from wattloop.cli.options import Config, Json, Library, Multiplier, Set, overrides
from wattloop.cli.progress import ConsoleProgress


def command(
    config: Config = None,
    assignments: Set = None,
    library: Library = None,
    multiplier: Multiplier = None,
    netlist: Annotated[
        Path | None,
        typer.Option("--netlist", help="A mapped netlist of that MAC; without it one is made.", show_default=False),
    ] = None,
    as_json: Json = False,
) -> None:
    """Prove the netlist of a MAC equal to its RTL, by SAT. Exit status 1: it is not, or nobody knows in time.

    Example: wattloop verify netlist --library nangate15 --multiplier booth
    """
    from wattloop.flow.equivalence import verify_netlist
    from wattloop.flow.settings import load

    settings = load(
        config, overrides(assignments, hardware__library=library, hardware__array__mac__multiplier=multiplier)
    )
    report = verify_netlist(settings.hardware, netlist, progress=ConsoleProgress())
    if as_json:
        output.print_json({"passed": report.proved, **vars(report)})
    else:
        rows = [(name, value) for name, value in vars(report).items() if name != "counterexample"]
        output.print_table("Equivalence of netlist and RTL", ("", ""), rows)
        typer.echo(f"\n{report.summary}")
    if not report.proved:
        raise typer.Exit(1)
