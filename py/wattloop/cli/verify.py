"""`wattloop verify`: promises that this machine can check for itself."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from wattloop.cli import output, verify_array, verify_convention, verify_netlist, verify_power
from wattloop.cli.options import Config, Json, Set, overrides
from wattloop.cli.progress import ConsoleProgress

if TYPE_CHECKING:
    from wattloop.activity.bitparallel.contract import Check

app = typer.Typer(no_args_is_help=True, help="Check what wattloop promises against independent simulators.")


app.command("array")(verify_array.command)
app.command("power")(verify_power.command)
app.command("netlist")(verify_netlist.command)
app.command("convention")(verify_convention.command)


@app.command("activity")
def activity(
    config: Config = None,
    assignments: Set = None,
    library: Annotated[
        list[str] | None,
        typer.Option("--library", help="Only this library; may be given several times.", show_default=False),
    ] = None,
    template: Annotated[
        list[str] | None,
        typer.Option("--template", help="Only this template; may be given several times.", show_default=False),
    ] = None,
    transitions: Annotated[int, typer.Option("--transitions", help="Of each MAC without delay.")] = 20_000,
    timed: Annotated[int, typer.Option("--timed", help="Of each MAC with delays.")] = 1_000,
    netlists: Annotated[int, typer.Option("--netlists", help="Random netlists.")] = 40,
    as_json: Json = False,
) -> None:
    """Compare the native engine with the golden model, Icarus and Verilator, net by net. Exit status 1: they differ.

    Example: wattloop verify activity --library nangate15 --json
    """
    from wattloop.flow.settings import load
    from wattloop.flow.verification import Scope, verify_activity

    settings, default = load(config, overrides(assignments)), Scope()
    usual = default.templates if settings.hardware.own_mac is None else ()
    scope = Scope(
        libraries=tuple(library or default.libraries),
        templates=tuple(template or usual),
        transitions=transitions,
        timed=timed,
        netlists=netlists,
    )
    found = verify_activity(settings, scope, progress=ConsoleProgress())
    if as_json:
        output.print_json({"passed": found.passed, "real": found.real, "checks": [_row(c) for c in found.checks]})
    else:
        headings = ("netlist", "fact", "oracle", "vectors", "transitions", "numbers", "total", "difference", "")
        rows = [(*row.values(),) for row in map(_row, found.checks)]
        output.print_table(f"Contract of the activity engine (real vectors: {found.real})", headings, rows)
        typer.echo(f"\n{sum(c.passed for c in found.checks)} of {len(found.checks)} checks passed")
    if not found.passed:
        raise typer.Exit(1)


@app.command("grid")
def grid(
    config: Config = None,
    assignments: Set = None,
    step: Annotated[
        list[float] | None,
        typer.Option("--step", help="Grid of the delays in ps; may be given several times.", show_default=False),
    ] = None,
    pairs: Annotated[int, typer.Option("--pairs", help="Transitions of each weight.")] = 200,
    sdf: Annotated[bool, typer.Option("--sdf/--no-sdf", help="Icarus with OpenSTA's delays by pin and edge.")] = True,
    as_json: Json = False,
) -> None:
    """Show how glitch energy and the ranking of weights move with the grid of the delays (docs/activity.md).

    Example: wattloop verify grid --step 0.5 --step 1 --pairs 50 --no-sdf
    """
    from wattloop.flow.grid_study import study_grid
    from wattloop.flow.settings import load

    steps = tuple(step or (0.1, 0.25, 0.5, 1.0, 2.0, 4.0))
    points = study_grid(load(config, overrides(assignments)), steps, pairs, sdf=sdf, progress=ConsoleProgress())
    if as_json:
        output.print_json(points)
    else:
        output.print_table("Grid of the delays", tuple(vars(points[0])), (tuple(vars(p).values()) for p in points))


def _row(check: Check) -> dict[str, object]:
    names = ("netlist", "fact", "oracle", "vectors", "transitions", "numbers", "total", "difference")
    return {name: getattr(check, name) for name in names} | {"passed": "passed" if check.passed else "FAILED"}
