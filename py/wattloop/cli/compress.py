"""`wattloop compress`: a network that uses few and cheap weight values, within an accuracy bound."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from wattloop.cli import output, summary
from wattloop.cli.options import (
    Config,
    Data,
    Json,
    Library,
    Out,
    Seed,
    Set,
    Simulator,
    overrides,
    picoseconds,
)
from wattloop.cli.progress import ConsoleProgress


def command(
    config: Config = None,
    assignments: Set = None,
    data_root: Data = None,
    checkpoint: Annotated[
        Path | None,
        typer.Option("--checkpoint", help="Trained int8 network (.safetensors, .onnx).", show_default=False),
    ] = None,
    method: Annotated[
        str | None, typer.Option("--method", metavar="NAME[,NAME...]", help="Who compresses.", show_default="layerwise")
    ] = None,
    scoring: Annotated[
        str | None,
        typer.Option(
            "--scoring",
            help="How layerwise finds what removing a value costs: fisher (ranks, measures the best few) or accuracy"
            " (measures every one, as the paper).",
            show_default="fisher",
        ),
    ] = None,
    delay_bound: Annotated[
        str | None,
        typer.Option(
            "--delay-bound",
            metavar="PS",
            help="Weights and activations with which the cell settles in time, e.g. 165ps.",
            show_default=False,
        ),
    ] = None,
    max_hours: Annotated[
        float | None,
        typer.Option("--max-hours", help="End with the best so far after so many, over restarts.", show_default=False),
    ] = None,
    simulator: Simulator = None,
    library: Library = None,
    seed: Seed = None,
    out: Out = Path("runs/compress"),
    as_json: Json = False,
) -> None:
    """Compress a network by one method or several side by side: layerwise (the paper's), its rivals, plain int8.

    Every network that a method offers is measured on real tiles with their glitches, in all accountings. A run that was
    killed goes on where it stood when it is started again with the same settings.

    Examples: wattloop compress --config sim/configs/lenet5_cifar10.toml --data-root DATA --out runs/lenet5;
    wattloop compress --method layerwise,global,four-bit --max-hours 2 --config sim/configs/demo.toml
    """
    from wattloop.flow.compression import compress_flow
    from wattloop.flow.settings import load, seeded
    from wattloop.runs import run_folder

    named = overrides(
        None,
        network__data_root=data_root,
        network__checkpoint=checkpoint,
        compress__methods=None if method is None else json.dumps(method.split(",")),
        compress__scoring=scoring,
        compress__timing__bound_ps=picoseconds(delay_bound),
        compress__max_hours=max_hours,
        characterize__simulator=simulator,
        hardware__library=library,
    )
    settings = load(config, named | seeded(seed) | overrides(assignments))
    with run_folder(out, command="compress", settings=settings, seeds=settings.seeds) as run:
        result = compress_flow(settings, run, progress=ConsoleProgress())
    if as_json:
        output.print_json(summary.figures(result, out))
    else:
        summary.print_result(result, out)
