"""A quantised network as plain integers and factors in safetensors, to compute with anywhere (docs/onnx.md)."""

from __future__ import annotations

import importlib.metadata
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import safetensors.torch
import torch
from torch import Tensor

from wattloop.errors import ModelError
from wattloop.nn.fixed_table import FixedTable
from wattloop.nn.interchange.program import describe
from wattloop.nn.layers import QuantLayer
from wattloop.nn.network import QuantizedNetwork
from wattloop.nn.ops import QuantTable, Requantizing
from wattloop.store import write_atomic

PLAIN_FORMAT = "wattloop-integers-1"
_INT32 = 1 << 31


def save_plain(network: QuantizedNetwork, path: Path, *, notes: Mapping[str, str] | None = None) -> None:
    """Write int8 weights, integer biases, requantisation factors and scales, and the steps in the metadata.

    Args:
        network: to write.
        path: file, conventionally `.safetensors`; replaced as a whole.
        notes: to keep with it.

    Raises:
        ModelError: it has a step that the layout does not know; the message names it.
        StorageError: the file cannot be written.
    """
    described = describe(network)
    tensors: dict[str, Tensor] = {}
    for told in described["nodes"]:
        module = network.module_of(told["name"])
        if isinstance(module, QuantLayer):
            tensors |= _of_layer(told["name"], module)
        elif isinstance(module, QuantTable | FixedTable):
            kept = torch.uint8 if module.levels()[0] == 0 else torch.int8
            tensors[f"{told['name']}.table"] = module.table().cpu().to(kept)
        elif isinstance(module, Requantizing):
            tensors[f"{told['name']}.factor"] = module.factors().cpu().reshape(-1)
        if isinstance(module, QuantLayer | Requantizing):
            wide = isinstance(module, QuantLayer) and module.wide
            told |= {"levels": None if wide else list(module.levels()), "output_scale": float(module.out_scale)}
            del told["activation"]
    header = described | {
        "format": PLAIN_FORMAT,
        "version": importlib.metadata.version("wattloop"),
        "input_shape": network.input_shape,
        "normalisation": network.normalisation,
        "output_scale": network.output_scale,
        "notes": dict(notes or {}),
    }
    # One entry only: safetensors writes several in random order, and equal networks should be equal files.
    content = {name: tensor.contiguous() for name, tensor in tensors.items()}
    write_atomic(path, safetensors.torch.save(content, {"wattloop": json.dumps(header, sort_keys=True)}))


@torch.no_grad()
def _of_layer(name: str, module: QuantLayer) -> dict[str, Tensor]:
    bias, factor = (part.cpu() for part in module.requantisation())
    if float(bias.abs().max()) >= _INT32:
        raise ModelError(f"layer {name}: a bias of {float(bias.abs().max()):.0f} does not fit 32 bits")
    weight = torch.from_numpy(module.integer_weight()).reshape(module.module.weight.shape)
    unit = (factor.double() * module.out_scale.cpu() / module.in_scale.cpu()).float()
    found: dict[str, Any] = {"weight": weight, "bias": bias.to(torch.int32), "factor": factor, "weight_scale": unit}
    if module.wide:
        found["factor"] = torch.ones_like(factor)
    if module.in_zero is not None:
        found["input_zero"] = module.in_zero.flatten().cpu().to(torch.uint8)
    if module.input_codes is not None:
        found["input_codes"] = torch.from_numpy(module.input_codes.integers())
    return {f"{name}.{part}": tensor for part, tensor in found.items()}
