"""Quantised networks in safetensors files: tensors and a JSON header, never pickled code."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import safetensors
import safetensors.torch
import torch
from torch import Tensor, nn

from wattloop.errors import ModelError, StorageError
from wattloop.nn.compact import packed, unpacked
from wattloop.nn.constraint import constrain, release
from wattloop.nn.input_codes import constrain_inputs, release_inputs
from wattloop.nn.interchange.onnx_import import load_onnx
from wattloop.nn.interchange.program import network_of
from wattloop.nn.models import Architecture, build
from wattloop.nn.network import Normalisation, QuantizedNetwork
from wattloop.nn.quantize import assemble
from wattloop.store import write_atomic

_FORMAT = "wattloop-quantized-1"


def save(
    network: QuantizedNetwork, path: Path, *, metadata: Mapping[str, str] | None = None, compact: bool = False
) -> None:
    """Write the network with its scales, constraints and latent weights.

    Args:
        network: to save.
        path: file, conventionally `.safetensors`; replaced as a whole.
        metadata: notes to keep with it (seeds, the command that made it).
        compact: keep weights as their integer levels, in a quarter of the bytes (see `nn.compact`).

    Raises:
        StorageError: the file cannot be written.
    """
    architecture = None if network.architecture is None else asdict(network.architecture)
    if architecture is not None and architecture["program"] is None:
        del architecture["program"]
    header = {
        "format": _FORMAT,
        "architecture": architecture,
        "input_shape": network.input_shape,
        "normalisation": network.normalisation,
        "notes": dict(metadata or {}),
    }
    whole = {name: tensor.contiguous() for name, tensor in network.state_dict().items()}
    tensors = packed(network) if compact else whole
    # One entry only: safetensors writes several in random order, and equal networks should be equal files.
    write_atomic(path, safetensors.torch.save(tensors, {"wattloop": json.dumps(header, sort_keys=True)}))


def load(path: Path, model: nn.Module | None = None) -> QuantizedNetwork:
    """Read what `save` wrote, or an ONNX model (`.onnx`); the network is in evaluation mode.

    Args:
        path: file.
        model: the float network it was made from, where that did not come from `models.build`.

    Raises:
        StorageError: missing or damaged.
        ModelError: it belongs to another network, or `model` is needed; an ONNX model has a node that is no step here.
        ToolError: an ONNX model, and the package onnx is missing.
    """
    if path.suffix == ".onnx":
        return load_onnx(path)
    header, tensors = _read(path)
    try:
        channels, height, width = (int(n) for n in header["input_shape"])
        normalisation = _normalisation(header["normalisation"])
        architecture = None if header["architecture"] is None else Architecture(**header["architecture"])
    except (KeyError, TypeError, ValueError) as error:
        raise StorageError(f"cannot read network {path}: its header lacks or mistakes {error}") from error
    if model is None and architecture is None:
        raise ModelError(f"{path} was made from a network of your own: pass it as `model`")
    try:
        if model is None and architecture is not None and architecture.program is not None:
            network = network_of(architecture, tensors, (channels, height, width), normalisation)
        else:
            network, _ = assemble(model or _built(architecture), (channels, height, width), normalisation)
        restore(network, unpacked(tensors))
    except ModelError as error:
        raise ModelError(f"{path}: {error}") from error
    return network


def _built(architecture: Architecture | None) -> nn.Module:
    assert architecture is not None
    return build(architecture.name, architecture.classes, architecture.in_channels)


def read_metadata(path: Path) -> dict[str, str]:
    """The notes that `save` was given.

    Raises:
        StorageError: missing or damaged.
    """
    header, _ = _read(path)
    return dict(header.get("notes", {}))


def _read(path: Path) -> tuple[dict[str, Any], dict[str, Tensor]]:
    try:
        with safetensors.safe_open(path, "pt") as file:
            notes = file.metadata() or {}
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 (not a dict)
        header = json.loads(notes.get("wattloop", "{}"))
    except (OSError, ValueError, safetensors.SafetensorError) as error:
        raise StorageError(f"cannot read network {path}: {error}") from error
    if not isinstance(header, dict) or header.get("format") != _FORMAT:
        raise StorageError(f"{path} is no quantised network of this version ({_FORMAT})")
    return header, tensors


def _normalisation(value: Any) -> Normalisation | None:
    if value is None:
        return None
    mean, std = value
    return tuple(float(v) for v in mean), tuple(float(v) for v in std)


def restore(network: QuantizedNetwork, tensors: Mapping[str, Tensor]) -> None:
    """Bring a network to a `state_dict` taken from it (or its like), constraints included; ends in evaluation mode.

    Raises:
        ModelError: the tensors belong to another network.
    """
    _restore_constraints(network, tensors)
    try:
        network.load_state_dict(dict(tensors))
    except RuntimeError as error:
        reason = str(error).splitlines()[-1].strip()
        raise ModelError(f"the weights belong to another network: {reason}") from error
    network.eval()


def _restore_constraints(network: QuantizedNetwork, tensors: Mapping[str, Tensor]) -> None:
    """Give each layer the constraint that `tensors` has for it, or none, so that the keys fit."""
    for name in network.layers:
        release(network, name)
        prefix = f"net.{name}.module.parametrizations.weight.0."
        if f"{prefix}values" in tensors:
            mask = tensors[f"{prefix}mask"]
            values = [int(v) for v in tensors[f"{prefix}values"].tolist()]
            constrain(network, name, values, mask.numpy().astype(bool) if mask.numel() else None)
        _restore_input_codes(network, name, tensors.get(f"net.{name}.input_codes.table"))


def _restore_input_codes(network: QuantizedNetwork, name: str, table: Tensor | None) -> None:
    release_inputs(network, name)
    if table is not None:
        constrain_inputs(network, name, [round(code) for code in table.flatten().tolist() if math.isfinite(code)])
        made = network.layer(name).input_codes
        if made is None or not torch.equal(made.table.cpu(), table):
            raise ModelError(f"the allowed input codes of layer {name} are damaged")
