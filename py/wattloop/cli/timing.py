"""`wattloop timing`: when the MAC cell has settled, weight by weight."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from wattloop.cli import output
from wattloop.cli.options import ClockPs, Config, Data, Json, Library, Multiplier, Out, Seed, Set, overrides
from wattloop.cli.progress import ConsoleProgress

if TYPE_CHECKING:
    from wattloop.flow.timing import TimingSummary


_NAMES = ("netlist", "library")


def command(
    config: Config = None,
    assignments: Set = None,
    library: Library = None,
    multiplier: Multiplier = None,
    clock_ps: ClockPs = None,
    methods: Annotated[
        str | None,
        typer.Option("--methods", help="multiplier, sampled, worst; comma between; default: all.", show_default=False),
    ] = None,
    bound_ps: Annotated[
        float | None,
        typer.Option("--bound-ps", help="Latest settling time (ps); default: period less set-up.", show_default=False),
    ] = None,
    samples: Annotated[
        int | None, typer.Option("--samples", help="Partial sums with every transition.", show_default=False)
    ] = None,
    layer: Annotated[
        str | None, typer.Option("--layer", help="Layer whose partial sums are sampled.", show_default=False)
    ] = None,
    data_root: Data = None,
    seed: Seed = None,
    out: Out = Path("runs/timing"),
    as_json: Json = False,
) -> None:
    """Time every transition of the activation under every weight, and tell which settle after a bound (ps).

    Examples: wattloop timing; wattloop timing --methods worst --bound-ps 170 --multiplier booth
    """
    from wattloop.flow.settings import load, seeded
    from wattloop.flow.timing import timing_flow
    from wattloop.report import timing as shown
    from wattloop.runs import run_folder

    named = overrides(
        None,
        hardware__library=library,
        hardware__array__mac__multiplier=multiplier,
        hardware__clock_ps=clock_ps,
        timing__methods=None if methods is None else [name.strip() for name in methods.split(",")],
        timing__bound_ps=bound_ps,
        timing__samples=samples,
        timing__layer=layer,
        network__data_root=data_root,
    )
    settings = load(config, named | seeded(seed) | overrides(assignments))
    with run_folder(out, command="timing", settings=settings, seeds=settings.seeds) as run:
        found = timing_flow(settings, run, progress=ConsoleProgress())
    if as_json:
        output.print_json(found)
        return
    rows = [(name, value) for name, value in vars(found).items() if isinstance(value, float) or name in _NAMES]
    output.print_table("Cell, ps after the clock edge", ("", ""), rows)
    typer.echo(f"OpenSTA: {_against(found)}")
    table = shown.by_method(found.methods)
    typer.echo()
    output.print_table("Settling times", table.columns, table.rows())
    typer.echo(f"\n{shown.METHODS}\n\n{out / 'timing'}\n{out / 'report.md'}")


def _against(found: TimingSummary) -> str:
    """How far the longest path and our static timing are from OpenSTA's arrival, or why that is not known."""
    if found.opensta_ps is None:
        return found.opensta
    longest, static = found.longest_over_opensta, found.sta_over_opensta
    return (
        f"arrival {found.opensta_ps:.2f} ps ({found.opensta}); longest path {longest:+.2%}, static timing {static:+.5%}"
    )
