"""A quantised network as an ONNX model of QuantizeLinear and DequantizeLinear around ordinary operators.

Raw uint8 pixels go in, real logits come out. Each tensor of levels carries the name of the node of the program that
makes it. Scales of activations are powers of two, the nearest to those of the network, and the weights' scales take the
rest: input scale * weight scale / output scale is then the requantisation factor of the network to the bit, so that a
runtime with integer kernels gives the same integers. Levels of weights stay as they are: a filter whose batch norm has
a gain below 0 has a scale below 0.
"""

from __future__ import annotations

import importlib.metadata
import json
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch

from wattloop.nn.interchange.levels import Kernels, Levels, Work, power_of_two
from wattloop.nn.interchange.library import METADATA
from wattloop.nn.interchange.write_steps import write_step
from wattloop.nn.interchange.writer import GraphWriter
from wattloop.nn.network import INPUT, QuantizedNetwork
from wattloop.store import write_atomic

OUTPUT = "logits"
_CONVENTION = (
    "activation scales are powers of two; input scale * weight scale * multiplication (if any) / output scale is the "
    "requantisation factor of the network to the bit"
)


def save_onnx(
    network: QuantizedNetwork, path: Path, *, kernels: Kernels = "integer", notes: Mapping[str, str] | None = None
) -> None:
    """Write the network as an ONNX model; see `onnx_model`.

    Args:
        network: to export.
        path: file, conventionally `.onnx`; replaced as a whole.
        kernels: as `onnx_model`.
        notes: to keep in its metadata.

    Raises:
        ModelError: it has a step that ONNX cannot hold; the message names it.
        ToolError: the package onnx is missing.
        StorageError: the file cannot be written.
    """
    model = onnx_model(network, kernels=kernels, notes=notes)
    write_atomic(path, model.SerializeToString(deterministic=True))


@torch.no_grad()
def onnx_model(
    network: QuantizedNetwork, *, kernels: Kernels = "integer", notes: Mapping[str, str] | None = None
) -> Any:
    """The network as a `ModelProto` that onnx has checked.

    Its input "input" is uint8 of shape (images, channels, height, width), its output "logits" float32.

    Args:
        network: to export.
        kernels: "integer" for runtimes that turn QuantizeLinear and DequantizeLinear into integer kernels
            (onnxruntime with its usual optimisations); "float" for those that compute in float32 between them: each
            sum is then exact and the requantisation factor a multiplication of its own.
        notes: to keep in its metadata.

    Raises:
        ModelError: it has a step that ONNX cannot hold; the message names it.
        ToolError: the package onnx is missing.
    """
    graph = GraphWriter()
    work = Work(graph, network, kernels)
    scale = power_of_two(network.input_scale)
    work.values[INPUT] = Levels(graph.named(INPUT), scale, signed=False, zero=0, rank=4, raw=True)
    for node in network.program:
        work.values[node.name] = write_step(network.module_of(node.name), work, node)
    result = work.values[network.output]
    if result.wide:
        output = graph.node("Identity", [result.name], OUTPUT)
    else:
        output = graph.dequantize(result.name, network.output_scale, result.zero, result.dtype, name=OUTPUT)
    version = importlib.metadata.version("wattloop")
    metadata = {METADATA: json.dumps(_told(work, version, notes or {}), sort_keys=True)}
    return graph.model((INPUT, network.input_shape), (output, result.rank), metadata, version)


def _told(work: Work, version: str, notes: Mapping[str, str]) -> dict[str, Any]:
    network = work.network
    return {
        "version": version,
        "scales": _CONVENTION,
        "kernels": work.kernels,
        "architecture": None if network.architecture is None else asdict(network.architecture),
        "normalisation": network.normalisation,
        "factors": work.factors,
        "tables": work.tables,
        "beyond float32": work.inexact,
        "notes": dict(notes),
    }
