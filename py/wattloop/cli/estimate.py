"""`wattloop estimate`: the energy of every layer of a network, by table and by simulated tiles."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from wattloop.cli import output
from wattloop.cli.options import (
    Config,
    Dask,
    Data,
    Json,
    Library,
    Out,
    Seed,
    Set,
    Simulator,
    Workers,
    overrides,
    share,
    workplace,
)
from wattloop.cli.progress import ConsoleProgress
from wattloop.errors import ConfigError

_HIDDEN = ("cycles, rtl", "cycles, paper", "tiles an image")


def command(
    config: Config = None,
    assignments: Set = None,
    data_root: Data = None,
    simulator: Simulator = None,
    library: Library = None,
    tiles: Annotated[
        str | None, typer.Option("--tiles", help="Tiles of each layer to simulate, or all.", show_default=False)
    ] = None,
    images: Annotated[
        int | None, typer.Option("--images", help="Test images that the estimate speaks of.", show_default=False)
    ] = None,
    precision: Annotated[
        str | None,
        typer.Option(
            "--precision", help="Simulate as many tiles and images as this takes, e.g. 1%.", show_default=False
        ),
    ] = None,
    confidence: Annotated[
        str | None, typer.Option("--confidence", help="Of the confidence interval, e.g. 95%.", show_default=False)
    ] = None,
    workers: Workers = None,
    dask: Dask = None,
    seed: Seed = None,
    out: Out = Path("runs/estimate"),
    as_json: Json = False,
) -> None:
    """Estimate what each layer costs (per image): by real tiles on the gates and by table, with standard errors.

    Examples: wattloop estimate --config sim/configs/demo.toml --images 1 --tiles all;
    wattloop estimate --config sim/configs/demo.toml --images 360 --precision 1%
    """
    import polars as pl

    from wattloop.flow.estimation import ESTIMATE, estimate_flow
    from wattloop.flow.settings import load, seeded
    from wattloop.report import estimates
    from wattloop.runs import run_folder

    if tiles is not None and precision is not None:
        raise ConfigError("--tiles says how many and --precision how many it takes: give one of them")
    named = overrides(
        None,
        network__data_root=data_root,
        estimate__simulator=simulator,
        hardware__library=library,
        estimate__tiles=tiles,
        estimate__images=images,
        estimate__precision=share(precision),
        estimate__confidence=share(confidence),
        **workplace(workers, dask),
    )
    settings = load(config, named | seeded(seed) | overrides(assignments))
    with run_folder(out, command="estimate", settings=settings, seeds=settings.seeds) as run:
        found = estimate_flow(settings, run, progress=ConsoleProgress())
    if as_json:
        output.print_json(found)
        return
    rows = pl.read_parquet(out / ESTIMATE)
    for title, table in (
        ("Energy of one image, by tiles", estimates.by_layer(rows)),
        ("Table against tiles", estimates.table_against_tiles(rows).drop(_HIDDEN)),
    ):
        output.print_table(title, table.columns, table.rows())
        typer.echo()
    typer.echo(f"{estimates.precision_of(rows)}\n")
    typer.echo(f"{estimates.legend(rows).replace('*', '')}\n\n{out / ESTIMATE}\n{out / 'report.md'}")
