"""`wattloop compress`: a network that uses few and cheap weight values, within an accuracy bound."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from wattloop.cli import output, summary
from wattloop.cli.options import Config, Data, Json, Library, Out, Seed, Set, Simulator, overrides
from wattloop.cli.progress import ConsoleProgress


def command(
    config: Config = None,
    assignments: Set = None,
    data_root: Data = None,
    checkpoint: Annotated[
        Path | None, typer.Option("--checkpoint", help="Trained int8 network (.safetensors).", show_default=False)
    ] = None,
    simulator: Simulator = None,
    library: Library = None,
    seed: Seed = None,
    out: Out = Path("runs/compress"),
    as_json: Json = False,
) -> None:
    """Prune and restrict the weights layer by layer; energy before and after by table and by real tiles on the gates.

    A run that was killed goes on from its last settled layer when it is started again with the same settings.

    Example: wattloop compress --config sim/configs/lenet5_cifar10.toml --data-root DATA --out runs/lenet5
    """
    from wattloop.flow.compression import compress_flow
    from wattloop.flow.settings import load, seeded
    from wattloop.runs import run_folder

    named = overrides(
        None,
        network__data_root=data_root,
        network__checkpoint=checkpoint,
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
