"""`wattloop estimate`: the energy of every layer of a network, by table and by simulated tiles."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from wattloop.cli import output
from wattloop.cli.options import Config, Data, Json, Library, Out, Seed, Set, Simulator, overrides
from wattloop.cli.progress import ConsoleProgress


def command(
    config: Config = None,
    assignments: Set = None,
    data_root: Data = None,
    simulator: Simulator = None,
    library: Library = None,
    tiles: Annotated[
        int | None, typer.Option("--tiles", help="Tiles of a layer to simulate.", show_default=False)
    ] = None,
    seed: Seed = None,
    out: Out = Path("runs/estimate"),
    as_json: Json = False,
) -> None:
    """Estimate what each layer costs (per image): by table and by real tiles on the gates, with standard errors.

    Example: wattloop estimate --config sim/configs/demo.toml --tiles 8 --out runs/lenet5-energy
    """
    import polars as pl

    from wattloop.flow.estimation import ESTIMATE, estimate_flow
    from wattloop.flow.settings import load, seeded
    from wattloop.report.estimates import by_layer
    from wattloop.runs import run_folder

    named = overrides(
        None,
        network__data_root=data_root,
        characterize__simulator=simulator,
        hardware__library=library,
        estimate__tiles=tiles,
    )
    settings = load(config, named | seeded(seed) | overrides(assignments))
    with run_folder(out, command="estimate", settings=settings, seeds=settings.seeds) as run:
        found = estimate_flow(settings, run, progress=ConsoleProgress())
    if as_json:
        output.print_json(found)
        return
    rows = by_layer(pl.read_parquet(out / ESTIMATE)).drop("kind", "tiles an image", "cycles, rtl", "cycles, paper")
    output.print_table("Energy of one image", rows.columns, rows.rows())
    typer.echo(
        "\ndynamic: active PEs, ± standard error; total: with clock and leakage, over all cycles (rtl) or as the paper "
        f"counts (E = 2PT)\n\n{out / ESTIMATE}\n{out / 'report.md'}"
    )
