"""`wattloop reproduce`: the paper's tables and figures, measured here, beside the paper's own."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from wattloop.cli import output
from wattloop.cli.options import Config, Data, Json, Library, Out, Seed, Set, overrides
from wattloop.cli.progress import ConsoleProgress


def command(
    exhibit: Annotated[str, typer.Argument(help="table1 to table4, figure1 to figure4, powerpruning, ablations.")],
    quick: Annotated[bool, typer.Option("--quick", help="Small data and few tiles: shows that it works.")] = False,
    from_models: Annotated[
        bool, typer.Option("--from-models", help="Measure the committed checkpoints again; train nothing.")
    ] = False,
    models: Annotated[
        Path | None, typer.Option("--models", help="Folder of checkpoints with index.toml.", show_default=False)
    ] = None,
    images: Annotated[
        int | None, typer.Option("--images", help="Test images whose energy is simulated.", show_default=False)
    ] = None,
    config: Config = None,
    assignments: Set = None,
    data_root: Data = None,
    library: Library = None,
    seed: Seed = None,
    out: Out = Path("runs/reproduce"),
    as_json: Json = False,
) -> None:
    """Make a table or figure of the paper, beside the paper's own figures, and say where and why they differ.

    Examples: wattloop reproduce figure1 --quick; wattloop reproduce table1 --from-models --json
    """
    from wattloop.flow.reproduce.exhibits import reproduce_flow, usual_config
    from wattloop.flow.settings import load, seeded
    from wattloop.report.reproduce.exhibit import claims_table
    from wattloop.runs import run_folder

    named = overrides(
        None,
        network__data_root=data_root,
        hardware__library=library,
        reproduce__models=models,
        measure__images=images,
        reproduce__from_models="true" if from_models else None,
    )
    path = config or usual_config(exhibit, quick=quick, from_models=from_models)
    settings = load(path, named | seeded(seed) | overrides(assignments))
    with run_folder(out, command=f"reproduce {exhibit}", settings=settings, seeds=settings.seeds) as run:
        made = reproduce_flow(exhibit, settings, run, progress=ConsoleProgress())
    if as_json:
        output.print_json(made.as_json())
        return
    for title, table in made.tables.items():
        output.print_table(f"{made.title}: {title}", table.columns, table.rows())
        typer.echo()
    if made.claims:
        shown = claims_table(made.claims)
        output.print_table("Beside the paper", shown.columns, shown.rows())
        typer.echo()
    for sentence in made.findings:
        typer.echo(f"- {sentence}")
    typer.echo(f"\n{out / f'{made.name}.md'}")
