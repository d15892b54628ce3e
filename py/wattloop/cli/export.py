"""`wattloop export`: a network as an ONNX model, or as plain integers in safetensors."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from wattloop.cli import output
from wattloop.cli.options import Json


class _Kernels(StrEnum):
    INTEGER = "integer"
    FLOAT = "float"


def command(
    source: Annotated[
        Path, typer.Argument(help="A network (.safetensors), or a run of train or compress.", show_default=False)
    ],
    to: Annotated[Path, typer.Option("--to", help="FILE.onnx or FILE.safetensors.", show_default=False)],
    kernels: Annotated[
        _Kernels,
        typer.Option("--kernels", help="What an ONNX runtime computes with between its Q and DQ nodes (docs/onnx.md)."),
    ] = _Kernels.INTEGER,
    as_json: Json = False,
) -> None:
    """Write a network for other tools: ONNX with QuantizeLinear and DequantizeLinear, or plain integers and factors.

    Example: wattloop export models/resnet20/int8.safetensors --to resnet20.onnx
    """
    from wattloop.flow.interchange import export_network

    done = export_network(source, to, kernels=kernels.value)
    if as_json:
        output.print_json(done)
        return
    typer.echo(f"{done.file}: {done.layers} layers, {done.weights} weights, {done.bytes} bytes")
