"""`wattloop bench`: how fast this machine is at what wattloop does."""

from __future__ import annotations

from typing import Annotated

import typer

from wattloop.cli import output
from wattloop.cli.options import Config, Json, Set, overrides
from wattloop.cli.progress import ConsoleProgress

app = typer.Typer(no_args_is_help=True, help="Measure how fast this machine is.")


@app.callback()
def _group() -> None:
    """Keeps `activity` a subcommand while it is the only one."""


@app.command("activity")
def activity(
    config: Config = None,
    assignments: Set = None,
    lanes: Annotated[int, typer.Option("--lanes", help="Lanes of 65 vectors that all simulators are given.")] = 2048,
    stream: Annotated[int, typer.Option("--stream", help="Vectors of the stream that memory is watched over.")] = 10**8,
    delay_step_ps: Annotated[float, typer.Option("--delay-step-ps", help="Grid of the timed mode.")] = 1.0,
    as_json: Json = False,
) -> None:
    """Time the native engine, Verilator and Icarus on the same netlist and the same vectors.

    Rates are vectors per second on one thread; a quiet machine gives honest ratios.

    Example: wattloop bench activity --lanes 1024 --json
    """
    from wattloop.flow.benchmark import Size, bench_activity
    from wattloop.flow.settings import load

    size = Size(lanes, stream, delay_step_ps)
    found = bench_activity(load(config, overrides(assignments)), size, progress=ConsoleProgress())
    if as_json:
        output.print_json(found)
    else:
        output.print_table("Activity engine", ("", ""), found.items())
