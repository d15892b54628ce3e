"""`wattloop saif`: our activity for other power tools."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from wattloop.cli import output
from wattloop.cli.options import ClockPs, Config, Json, Library, Multiplier, Out, Set, Simulator, overrides
from wattloop.cli.progress import ConsoleProgress


def command(
    config: Config = None,
    assignments: Set = None,
    library: Library = None,
    multiplier: Multiplier = None,
    clock_ps: ClockPs = None,
    simulator: Simulator = None,
    transitions: Annotated[int, typer.Option("--transitions", help="How many.")] = 20_000,
    real: Annotated[bool, typer.Option("--real", help="Vectors of a network's layer instead of random ones.")] = False,
    scope: Annotated[str, typer.Option("--scope", help="The netlist's instance in the file.")] = "tb/m",
    out: Out = Path("runs/saif"),
    as_json: Json = False,
) -> None:
    """Measure the MAC and write its netlist and its activity as SAIF, for OpenROAD, PrimePower or Joules.

    Example: wattloop saif --library nangate45 --real
    """
    from wattloop.flow.saif import saif_flow
    from wattloop.flow.settings import load
    from wattloop.runs import run_folder

    named = {
        "hardware__library": library,
        "hardware__array__mac__multiplier": multiplier,
        "hardware__clock_ps": clock_ps,
        "characterize__simulator": simulator,
    }
    settings = load(config, overrides(assignments, **named))
    with run_folder(out, command="saif", settings=settings, seeds={}) as run:
        found = saif_flow(settings, run, transitions=transitions, real=real, scope=scope, progress=ConsoleProgress())
    if as_json:
        output.print_json(found)
        return
    output.print_table("Activity", ("", ""), list(vars(found).items()))
    typer.echo(f"\n{out}/netlist.v\n{out}/activity.saif")
