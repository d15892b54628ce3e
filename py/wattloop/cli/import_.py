"""`wattloop import`: an int8 network from an ONNX model."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from wattloop.cli import output
from wattloop.cli.options import Json
from wattloop.errors import ConfigError


def command(
    source: Annotated[
        Path, typer.Argument(help="ONNX model with QuantizeLinear and DequantizeLinear.", show_default=False)
    ],
    out: Annotated[Path, typer.Option("--out", "-o", help="Checkpoint: FILE.safetensors.", show_default=False)],
    input_shape: Annotated[
        str | None, typer.Option("--input-shape", help="C,H,W where the model leaves it open.", show_default=False)
    ] = None,
    mean: Annotated[
        str | None,
        typer.Option("--mean", help="Of pixels / 255, a number a channel, comma between.", show_default=False),
    ] = None,
    std: Annotated[str | None, typer.Option("--std", help="Likewise.", show_default=False)] = None,
    as_json: Json = False,
) -> None:
    """Make a checkpoint that every command takes; with --mean and --std, check that the model sees raw pixels.

    Example: wattloop import model.onnx --out model.safetensors
    """
    from wattloop.flow.interchange import import_network

    if (mean is None) != (std is None):
        raise ConfigError("--mean and --std are given together, or neither")
    shape = None if input_shape is None else _numbers("--input-shape", input_shape, 3)
    given = None if mean is None or std is None else (_numbers("--mean", mean), _numbers("--std", std))
    sizes = None if shape is None else (int(shape[0]), int(shape[1]), int(shape[2]))
    done = import_network(source, out, input_shape=sizes, normalisation=given)
    if as_json:
        output.print_json(done)
        return
    output.print_table(f"Layers of {done.file}", ("layer", "weights"), list(done.layers.items()))
    typer.echo(
        f"\nA pixel is a level of the input, as under mean {_text(done.mean)} and std {_text(done.std)} of pixels / 255"
    )
    if done.off_by_one:
        channels = done.input_shape[0]
        typer.echo(f"With --mean and --std {done.off_by_one} of {256 * channels} pixel values are one level off")


def _numbers(option: str, text: str, count: int | None = None) -> tuple[float, ...]:
    try:
        found = tuple(float(part) for part in text.split(","))
    except ValueError:
        found = ()
    if not found or (count is not None and (len(found) != count or min(found) < 1 or any(n % 1 for n in found))):
        raise ConfigError(f"{option} {text}: numbers with commas between" + (f", {count} of them" if count else ""))
    return found


def _text(values: tuple[float, ...]) -> str:
    return ", ".join(f"{value:.4g}" for value in (values[:1] if len(set(values)) == 1 else values))
