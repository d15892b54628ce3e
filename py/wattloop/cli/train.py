"""`wattloop train`: an int8 network by quantisation-aware training."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from wattloop.cli import output
from wattloop.cli.options import Config, Data, Json, Out, Seed, Set, overrides
from wattloop.cli.progress import ConsoleProgress


def command(
    config: Config = None,
    assignments: Set = None,
    model: Annotated[str | None, typer.Option("--model", help="Network.", show_default=False)] = None,
    dataset: Annotated[str | None, typer.Option("--dataset", help="Data set.", show_default=False)] = None,
    data_root: Data = None,
    seed: Seed = None,
    out: Out = Path("runs/train"),
    as_json: Json = False,
) -> None:
    """Train a network in floating point, quantise it to int8 and train it on; accuracies are on validation.

    Example: wattloop train --model lenet5_wide --dataset cifar10 --data-root DATA --out runs/lenet5-int8
    On several GPUs or processes: torchrun --nproc-per-node 2 -m wattloop train ...
    """
    from wattloop.flow.settings import load, seeded
    from wattloop.flow.training import train_flow, trained_network
    from wattloop.nn.distributed import joined
    from wattloop.runs import run_folder

    named = overrides(None, network__model=model, network__dataset=dataset, network__data_root=data_root)
    settings = load(config, named | seeded(seed) | overrides(assignments))
    with joined(settings.training.pretrain.device) as where:
        if not where.first:
            trained_network(settings)  # its part of every batch, in silence
            return
        with run_folder(out, command="train", settings=settings, seeds=settings.seeds) as run:
            history = train_flow(settings, run, progress=ConsoleProgress())
    if as_json:
        output.print_json(
            {"history": history, "network": out / "network.safetensors", "float": out / "float.safetensors"}
        )
        return
    headings = ("stage", "epoch", "loss", "training accuracy", "validation accuracy")
    output.print_table("Training", headings, [[row.get(h.replace(" ", "_"), "") for h in headings] for row in history])
    typer.echo(f"\n{out}/network.safetensors")
