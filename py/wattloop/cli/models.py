"""`wattloop models`: the committed checkpoints, and how one is added."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from wattloop.cli import output
from wattloop.cli.options import Data, Json
from wattloop.cli.progress import ConsoleProgress

app = typer.Typer(no_args_is_help=True, help="List the checkpoints of models/, or add one.")

Models = Annotated[Path, typer.Option("--models", help="Folder of checkpoints with index.toml.")]


@app.command("list")
def listed(models: Models = Path("models"), as_json: Json = False) -> None:
    """What the index lists, with what each network scored when it was made."""
    from wattloop.flow import models as store

    entries = store.Models.open(models).entries
    if as_json:
        output.print_json(entries)
        return
    head = ("file", "network", "method", "cell", "seed", "accuracy", "held against", "exhibits")
    rows = [
        (e.file, e.network, f"{e.method} {e.setting}", e.mac, e.seed, f"{e.accuracy:.2%}", e.int8, " ".join(e.exhibits))
        for e in entries
    ]
    output.print_table(f"Checkpoints of {models}", head, rows)


@app.command("add")
def add(
    checkpoint: Annotated[Path, typer.Argument(help="A network, such as RUN/compression/points/003.safetensors.")],
    file: Annotated[str, typer.Option("--as", help="Its place below the folder, e.g. resnet20/ours.safetensors.")],
    made: Annotated[str, typer.Option("--made-by", help="The command that made it.")],
    dataset: Annotated[str, typer.Option("--dataset", help="What it was trained on.")] = "cifar10",
    int8: Annotated[str, typer.Option("--int8", help="File of the int8 network it is held against.")] = "",
    method: Annotated[str, typer.Option("--method", help="Who made it; a run's rows know.")] = "",
    setting: Annotated[str | None, typer.Option("--setting", help="What tells it from others.")] = None,
    mac: Annotated[str, typer.Option("--mac", help="Template of the cell; a run's rows know.")] = "",
    seed: Annotated[int | None, typer.Option("--seed", help="Of its training; a run's rows know.")] = None,
    exhibits: Annotated[str, typer.Option("--exhibits", help="Tables and figures, comma between.")] = "",
    models: Models = Path("models"),
    data_root: Data = None,
) -> None:
    """Copy a network into the folder, compact, score it on test and validation images, and list it in the index.

    Its mapping (the .mapping.json beside it) comes along. An entry of the same file is replaced.
    """
    from wattloop.flow import model_adding

    wanted = model_adding.Wanted(
        checkpoint=checkpoint,
        file=file,
        command=made,
        dataset=dataset,
        int8=int8,
        method=method,
        setting=setting,
        mac=mac,
        seed=seed,
        exhibits=tuple(name.strip() for name in exhibits.split(",") if name.strip()),
    )
    entry = model_adding.add(models, wanted, data_root, progress=ConsoleProgress())
    typer.echo(f"{models / entry.file}: {entry.method} {entry.setting}, accuracy {entry.accuracy:.2%}")
