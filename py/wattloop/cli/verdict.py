"""`wattloop verdict`: how far tables are from the simulation of all tiles, model by model."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from wattloop.cli import output
from wattloop.cli.options import Config, Data, Json, Library, Out, Seed, Set, Simulator, overrides, share
from wattloop.cli.progress import ConsoleProgress
from wattloop.errors import ConfigError


def command(
    config: Config = None,
    assignments: Set = None,
    data_root: Data = None,
    simulator: Simulator = None,
    library: Library = None,
    images: Annotated[int, typer.Option("--images", help="Test images, all of whose tiles run through the gates.")] = 1,
    layers: Annotated[
        str | None, typer.Option("--layers", help="Names, comma between; default: all.", show_default=False)
    ] = None,
    precision: Annotated[str, typer.Option("--precision", help="Of every weight's energy in the tables.")] = "1%",
    oneshot: Annotated[
        str | None,
        typer.Option(
            "--oneshot",
            metavar="RATIO,VALUES",
            help="Judge the network compressed in one step, too, e.g. 0.7,16.",
            show_default=False,
        ),
    ] = None,
    seed: Seed = None,
    out: Out = Path("runs/verdict"),
    as_json: Json = False,
) -> None:
    """Hold tables of every statistical model against exact simulation: energies of layers, ranks of weights.

    Example: wattloop verdict --config sim/configs/demo.toml --oneshot 0.7,16
    """
    from wattloop.flow.settings import load, seeded
    from wattloop.flow.verdict import verdict_flow
    from wattloop.report import verdict as shown
    from wattloop.runs import run_folder

    named = overrides(
        None,
        network__data_root=data_root,
        estimate__simulator=simulator,
        hardware__library=library,
        estimate__images=images,
        characterize__precision=share(precision),
    )
    settings = load(config, named | seeded(seed) | overrides(assignments))
    with run_folder(out, command="verdict", settings=settings, seeds=settings.seeds) as run:
        names = None if layers is None else layers.split(",")
        found = verdict_flow(settings, run, oneshot=_oneshot(oneshot), layers=names, progress=ConsoleProgress())
    if as_json:
        output.print_json(found)
        return
    for title, frame in (
        ("Error of the layers' energies", shown.by_layer(found.layers)),
        ("All convolutions", shown.by_network(found.layers)),
    ):
        output.print_table(title, frame.columns, frame.rows())
        typer.echo("")
    typer.echo("\n".join(shown.in_words(found.layers)))
    typer.echo(f"\n{out / 'verdict.parquet'}\n{out / 'report.md'}")


def _oneshot(text: str | None) -> tuple[float, int] | None:
    if text is None:
        return None
    ratio, _, values = text.partition(",")
    try:
        return float(ratio), int(values)
    except ValueError:
        raise ConfigError(f"--oneshot {text}: write it as ratio,values, e.g. 0.7,16") from None
