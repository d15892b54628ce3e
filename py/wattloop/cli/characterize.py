"""`wattloop characterize` (`make sim`): energy of every weight value at gate level."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from wattloop.cli import output
from wattloop.cli.options import Config, Json, Library, Multiplier, Out, Seed, Set, Simulator, overrides
from wattloop.cli.progress import ConsoleProgress


def command(
    config: Config = None,
    assignments: Set = None,
    simulator: Simulator = None,
    library: Library = None,
    multiplier: Multiplier = None,
    pairs: Annotated[int | None, typer.Option("--pairs", help="Transitions a weight.", show_default=False)] = None,
    seed: Seed = None,
    statistics: Annotated[
        Path | None,
        typer.Option("--statistics", help="Statistics of a layer (.npz); default: profile one.", show_default=False),
    ] = None,
    against: Annotated[
        Path | None, typer.Option("--against", help="Table (.parquet) to compare with.", show_default=False)
    ] = None,
    out: Out = Path("runs/characterize"),
    as_json: Json = False,
) -> None:
    """Measure the energy (fJ per MAC cycle) of all 256 weights on the gates, with toggles of every net.

    Without --statistics a small network is trained and its second convolution profiled.

    Example: wattloop characterize --simulator icarus --pairs 2000 --against runs/characterize/tables/conv2.parquet
    """
    from wattloop.flow.characterization import characterize_flow
    from wattloop.flow.settings import load
    from wattloop.runs import run_folder

    named = overrides(
        None,
        characterize__simulator=simulator,
        characterize__pairs=pairs,
        characterize__seed=seed,
        hardware__library=library,
        hardware__array__mac__multiplier=multiplier,
    )
    settings = load(config, named | overrides(assignments))
    with run_folder(out, command="characterize", settings=settings, seeds=settings.seeds) as run:
        summary = characterize_flow(settings, run, statistics=statistics, against=against, progress=ConsoleProgress())
    if as_json:
        output.print_json(summary)
        return
    output.print_table("Characterisation", ("", ""), [row for row in vars(summary).items() if row[1] != ""])
    typer.echo(f"\n{summary.annotated}\n{out / 'tables' / summary.layer}.parquet\n{out / 'report.md'}")
