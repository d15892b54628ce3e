"""`wattloop verify convention`: what the sign-off convention leaves out."""

from __future__ import annotations

from dataclasses import asdict
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
    transitions: Annotated[int, typer.Option("--transitions", help="How many.")] = 20_000,
    real: Annotated[bool, typer.Option("--real", help="Vectors of a network's layer instead of random ones.")] = False,
    as_json: Json = False,
) -> None:
    """Compare the energy of a MAC in the sign-off convention with each option of our own model.

    Example: wattloop verify convention --library nangate45 --json
    """
    from wattloop.flow.convention import compare_convention
    from wattloop.flow.settings import load

    settings = load(
        config, overrides(assignments, hardware__library=library, hardware__array__mac__multiplier=multiplier)
    )
    found = compare_convention(settings, transitions=transitions, real=real, progress=ConsoleProgress())
    rows = [{**asdict(option), "difference": option.difference} for option in found]
    if as_json:
        output.print_json({"options": rows})
        return
    headings = ("option", "takes into account", "sign-off fJ", "option fJ", "difference")
    output.print_table("Energy per MAC cycle", headings, [(*row.values(),) for row in rows])
