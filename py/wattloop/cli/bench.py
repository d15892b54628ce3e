"""`wattloop bench`: how fast this machine is at what wattloop does."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from wattloop.cli import output
from wattloop.cli.options import Config, Data, Json, Set, overrides
from wattloop.cli.progress import ConsoleProgress

app = typer.Typer(no_args_is_help=True, help="Measure how fast this machine is.")


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


@app.command("network")
def network(
    config: Config = None,
    assignments: Set = None,
    data_root: Data = None,
    weights: Annotated[
        Path | None,
        typer.Option("--weights", help="Float weights of the network, as others saved them.", show_default=False),
    ] = None,
    images: Annotated[int, typer.Option("--images", help="Test images.")] = 1,
    runs: Annotated[int, typer.Option("--runs", help="Of each exact simulation; the best counts.")] = 3,
    delay_step_ps: Annotated[float, typer.Option("--delay-step-ps", help="Grid of the timed mode.")] = 1.0,
    tables: Annotated[bool, typer.Option("--tables/--no-tables", help="Time the tables, too.")] = True,
    icarus: Annotated[bool, typer.Option("--icarus/--no-icarus", help="Time Icarus on a few cells, too.")] = True,
    as_json: Json = False,
) -> None:
    """Time the exact energy of a whole network: every tile, cycle and cell of the array, with and without glitches.

    Example: wattloop bench network --config sim/configs/resnet20_cifar10.toml --data-root DATA --weights FILE --json
    """
    from wattloop.flow.network_benchmark import Scope, bench_network
    from wattloop.flow.settings import load

    scope = Scope(images, runs, delay_step_ps, tables, icarus)
    settings = load(config, overrides(assignments, network__data_root=data_root, network__initial_weights=weights))
    found = bench_network(settings, scope, progress=ConsoleProgress())
    if as_json:
        output.print_json(found)
    else:
        output.print_table("Whole network", ("", ""), found.items())


@app.command("timing")
def timing(
    config: Config = None,
    assignments: Set = None,
    runs: Annotated[int, typer.Option("--runs", help="Of the engine over everything; the best counts.")] = 3,
    icarus: Annotated[int, typer.Option("--icarus", help="Transitions that Icarus simulates.")] = 8192,
    as_json: Json = False,
) -> None:
    """Time all weights over all transitions of the activation, against Icarus with the same delays.

    Example: wattloop bench timing --json
    """
    from wattloop.flow.settings import load
    from wattloop.flow.timing_benchmark import TimingSize, bench_timing

    found = bench_timing(load(config, overrides(assignments)), TimingSize(runs, icarus), progress=ConsoleProgress())
    if as_json:
        output.print_json(found)
    else:
        output.print_table("Settling times", ("", ""), found.items())
