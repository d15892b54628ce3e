"""`wattloop synth`: the MAC cell in gates of a Liberty library."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from wattloop.cli import output
from wattloop.cli.options import ClockPs, Config, Json, Library, Multiplier, Out, Set, overrides
from wattloop.cli.progress import ConsoleProgress


def command(
    config: Config = None,
    assignments: Set = None,
    library: Library = None,
    multiplier: Multiplier = None,
    clock_ps: ClockPs = None,
    prove: Annotated[bool, typer.Option("--prove", help="Prove the netlist equal to the RTL by SAT.")] = False,
    out: Out = Path("runs/synth"),
    as_json: Json = False,
) -> None:
    """Synthesise the MAC cell and time it: netlist, area (um2), critical path and slack (ps).

    Example: wattloop synth --library nangate45 --multiplier booth --clock-ps 600
    """
    from wattloop.flow.hardware import synthesis_flow
    from wattloop.flow.settings import load
    from wattloop.runs import run_folder

    settings = load(
        config,
        overrides(
            assignments,
            hardware__library=library,
            hardware__array__mac__multiplier=multiplier,
            hardware__clock_ps=clock_ps,
        ),
    )
    with run_folder(out, command="synth", settings=settings, seeds={}) as run:
        result = synthesis_flow(settings.hardware, run, prove=prove, progress=ConsoleProgress())
    if as_json:
        output.print_json(result)
        return
    rows = [(name, value) for name, value in vars(result).items() if name != "path"]
    output.print_table("Synthesis", ("", ""), rows)
    typer.echo(f"\n{out}/netlist.v")
