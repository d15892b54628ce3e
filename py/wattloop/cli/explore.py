"""`wattloop explore`: what the layers of a network cost on different cells."""

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
    templates: Annotated[
        str | None,
        typer.Option("--templates", help="Names of cells, separated by commas; all for all.", show_default=False),
    ] = None,
    layers: Annotated[
        str | None,
        typer.Option(
            "--layers", help="Names of layers; reference: the second convolution; all: all.", show_default=False
        ),
    ] = None,
    compressed: Annotated[
        str | None,
        typer.Option("--compressed", help="Compressed network; else pruned in one shot.", show_default=False),
    ] = None,
    images: Annotated[int | None, typer.Option("--images", help="Test images.", show_default=False)] = None,
    tiles: Annotated[
        str | None, typer.Option("--tiles", help="Tiles of each layer to simulate, or all.", show_default=False)
    ] = None,
    seed: Seed = None,
    out: Out = Path("runs/explore"),
    as_json: Json = False,
) -> None:
    """Compare cells: area, timing, and the energy of the same layers before and after a given compression.

    Examples: wattloop explore --templates array,sign_magnitude;
    wattloop explore --config sim/configs/resnet20_cifar10.toml --layers all --tiles all
    """
    from wattloop.flow.exploration import explore_flow
    from wattloop.flow.settings import load, seeded
    from wattloop.report import exploration as shown
    from wattloop.runs import run_folder

    named = overrides(
        None,
        network__data_root=data_root,
        hardware__library=library,
        explore__templates=_names(templates),
        explore__layers=_names(layers),
        explore__compressed=compressed,
        explore__images=images,
        explore__tiles=tiles,
    )
    settings = load(config, named | seeded(seed) | overrides(assignments))
    with run_folder(out, command="explore", settings=settings, seeds=settings.seeds) as run:
        found = explore_flow(settings, run, progress=ConsoleProgress())
    if as_json:
        output.print_json(shown.as_json(found))
        return
    for title, table in shown.tables(found).items():
        output.print_table(title, table.columns, table.rows())
        typer.echo()
    typer.echo(f"{shown.ACCOUNTINGS}\n\n{out / 'exploration'}\n{out / 'report.md'}")


def _names(listed: str | None) -> list[str] | None:
    return None if listed is None else [name.strip() for name in listed.split(",") if name.strip()]
