"""`wattloop characterize` (`make sim`): energy of every weight value at gate level."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from wattloop.cli import output
from wattloop.cli.options import Config, Json, Library, Multiplier, Out, Seed, Set, Simulator, overrides, share
from wattloop.cli.progress import ConsoleProgress
from wattloop.errors import ConfigError

if TYPE_CHECKING:
    from wattloop.flow.characterization import CharacterizeSummary


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
    precision: Annotated[
        str | None,
        typer.Option("--precision", help="Sample until every weight is known so well, e.g. 1%.", show_default=False),
    ] = None,
    every_layer: Annotated[bool, typer.Option("--all", help="Every layer of the network, not one.")] = False,
    check: Annotated[
        Path | None,
        typer.Option("--check", help="Only tell whether this run's tables still hold.", show_default=False),
    ] = None,
    out: Out = Path("runs/characterize"),
    as_json: Json = False,
) -> None:
    """Measure the energy (fJ per MAC cycle) of all 256 weights on the gates, with toggles of every net.

    Without --statistics a small network is trained and its second convolution profiled.

    Examples: wattloop characterize --simulator icarus --pairs 2000 --against runs/characterize/tables/conv2.parquet;
    wattloop characterize --all --precision 1%; wattloop characterize --check runs/characterize
    """
    from wattloop.flow.characterization import characterize_flow, characterize_network, check_tables
    from wattloop.flow.settings import load
    from wattloop.runs import run_folder

    named = overrides(
        None,
        characterize__simulator=simulator,
        characterize__pairs=pairs,
        characterize__precision=share(precision),
        characterize__seed=seed,
        hardware__library=library,
        hardware__array__mac__multiplier=multiplier,
    )
    settings = load(config, named | overrides(assignments))
    if check is not None:
        fresh = check_tables(settings, check, progress=ConsoleProgress())
        output.print_json({"fresh": fresh}) if as_json else typer.echo(f"fresh: {', '.join(fresh)}")
        return
    if every_layer and (statistics is not None or against is not None):
        raise ConfigError("--all takes the layers of the network: leave --statistics and --against away")
    with run_folder(out, command="characterize", settings=settings, seeds=settings.seeds) as run:
        if every_layer:
            layers = characterize_network(settings, run, progress=ConsoleProgress())
        else:
            layers = (
                characterize_flow(settings, run, statistics=statistics, against=against, progress=ConsoleProgress()),
            )
    if as_json:
        output.print_json(layers if every_layer else layers[0])
    elif every_layer:
        output.print_table("Characterisation", *_by_layer(layers))
        typer.echo(f"\n{out / 'tables'}\n{out / 'report.md'}")
    else:
        summary = layers[0]
        output.print_table("Characterisation", ("", ""), [row for row in vars(summary).items() if row[1] != ""])
        typer.echo(f"\n{summary.annotated}\n{out / 'tables' / summary.layer}.parquet\n{out / 'report.md'}")


def _by_layer(layers: tuple[CharacterizeSummary, ...]) -> tuple[tuple[str, ...], list[tuple[object, ...]]]:
    head = ("layer", "mean fJ", "least", "greatest", "pairs", "worst error", "accounting")
    return head, [
        (
            row.layer,
            f"{row.mean_fj:.2f}",
            f"{row.least_fj:.2f}",
            f"{row.greatest_fj:.2f}",
            row.pairs,
            f"{row.worst_error:.2%}",
            row.accounting,
        )
        for row in layers
    ]
