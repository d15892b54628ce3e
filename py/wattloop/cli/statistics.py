"""`wattloop statistics`: what the layers' MACs see, and what the paper's groups are worth."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from wattloop.cli import output
from wattloop.cli.options import Config, Data, Json, Library, Out, Seed, Set, overrides
from wattloop.cli.progress import ConsoleProgress


def command(
    config: Config = None,
    assignments: Set = None,
    data_root: Data = None,
    library: Library = None,
    layers: Annotated[
        str | None, typer.Option("--layers", help="Names, comma between; default: all.", show_default=False)
    ] = None,
    images: Annotated[int | None, typer.Option("--images", help="Training images.", show_default=False)] = None,
    seed: Seed = None,
    out: Out = Path("runs/statistics"),
    as_json: Json = False,
) -> None:
    """Collect the transitions that every layer's MACs see; heat maps, stability ratio, explained variance.

    Example: wattloop statistics --config sim/configs/demo.toml --layers conv1,conv2 --images 2
    """
    from wattloop.flow.settings import load, seeded
    from wattloop.flow.statistics import statistics_flow
    from wattloop.runs import run_folder

    named = overrides(None, network__data_root=data_root, hardware__library=library, characterize__images=images)
    settings = load(config, named | seeded(seed) | overrides(assignments))
    with run_folder(out, command="statistics", settings=settings, seeds=settings.seeds) as run:
        names = None if layers is None else layers.split(",")
        found = statistics_flow(settings, run, layers=names, progress=ConsoleProgress())
    if as_json:
        output.print_json(found)
        return
    head = ("layer", "transitions", "zero", "quiet", "cells", "stability w=0", "explained w=0", "stability w≠0",
            "explained w≠0", "magnitude w=0")  # fmt: skip
    output.print_table("Partial sums in 50 groups", head, [tuple(vars(row).values()) for row in found])
    typer.echo(f"\n{out / 'statistics'}\n{out / 'report.md'}")
