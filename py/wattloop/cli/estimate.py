"""`wattloop estimate`: the energy of every layer of a network, by table and by simulated tiles."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from wattloop.cli import output
from wattloop.cli.options import Config, Data, Json, Library, Out, Seed, Set, Simulator, overrides
from wattloop.cli.progress import ConsoleProgress

if TYPE_CHECKING:
    from wattloop.power.estimate import LayerEstimate


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
    from wattloop.flow.estimation import ESTIMATE, estimate_flow
    from wattloop.flow.settings import load, seeded
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
    headings = ("layer", "share", "tiles", "table pJ", "tiles pJ", "off", "rtl total pJ", "paper total pJ")
    output.print_table("Energy of one image", headings, [_row(layer) for layer in found.layers])
    typer.echo(
        "\nDynamic energy of the active PEs +- standard error, by table and by simulated tiles; total: with clock and "
        f"leakage, over all cycles (rtl) and as the paper counts (E = 2PT)\n{out / ESTIMATE}\n{out / 'report.md'}"
    )


def _row(layer: LayerEstimate) -> tuple[object, ...]:
    table, tiles = layer.by_table, layer.by_tiles
    return (
        f"{layer.layer} ({layer.kind})",
        f"{layer.share:.1%}",
        f"{layer.simulated} simulated",
        _with_error(table.energy.dynamic_fj, table.standard_error_fj),
        _with_error(tiles.energy.dynamic_fj, tiles.standard_error_fj),
        f"{table.energy.dynamic_fj / tiles.energy.dynamic_fj - 1:+.1%}",
        f"{tiles.energy.total_fj * 1e-3:.4g}",
        _with_error(layer.paper_fj, layer.paper_error_fj),
    )


def _with_error(energy_fj: float, error_fj: float) -> str:
    return f"{energy_fj * 1e-3:.4g} +- {error_fj * 1e-3:.2g}"
