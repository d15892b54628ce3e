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

from wattloop.errors import ModelError, OwnNetworkError, StorageError
from wattloop.nn.architecture import Architecture, ImportedArchitecture, Origin, OwnArchitecture
from wattloop.nn.compact import packed, unpacked
from wattloop.nn.constraint import constrain, release
from wattloop.nn.fingerprint import fingerprint
from wattloop.nn.float_weights import apart
from wattloop.nn.input_codes import constrain_inputs, release_inputs
from wattloop.nn.interchange.onnx_import import load_onnx
from wattloop.nn.interchange.program import network_of
from wattloop.nn.models import architecture_of, build
from wattloop.nn.network import Normalisation, QuantizedNetwork
from wattloop.nn.quantize import assemble
from wattloop.store import write_atomic

_FORMAT = "wattloop-quantized-1"
_MOST = 1 << 20  # classes or channels
_EDITED = (
    "it was saved from a network that computes something else with these weights (another stride, slope or order, say):"
    " give the code as it was then, or quantise anew"
)


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
    header = {
        "format": _FORMAT,
        "architecture": architecture,
        "input_shape": network.input_shape,
        "normalisation": network.normalisation,
        "fingerprint": fingerprint(network),
        "notes": dict(metadata or {}),
    }
    whole = apart(network.state_dict())
    tensors = packed(network) if compact else whole
    # One entry only: safetensors writes several in random order, and equal networks should be equal files.
    write_atomic(path, safetensors.torch.save(tensors, {"wattloop": json.dumps(header, sort_keys=True)}))


def load(path: Path, model: nn.Module | None = None) -> QuantizedNetwork:
    """Read what `save` wrote, or an ONNX model (`.onnx`); the network is in evaluation mode.

    Args:
        path: file.
        model: the float network it was made from, where that did not come from `models.build`. No code is imported
            because a file says so.

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
        architecture = _architecture(header["architecture"])
    except (KeyError, TypeError, ValueError) as error:
        raise StorageError(f"cannot read network {path}: its header lacks or mistakes {error}") from error
    imported = model is None and isinstance(architecture, ImportedArchitecture)
    built = None if imported else _the_same(path, architecture, model)
    try:
        if built is None:
            assert isinstance(architecture, ImportedArchitecture)
            network = network_of(architecture, tensors, (channels, height, width), normalisation)
        else:
            network, _ = assemble(built, (channels, height, width), normalisation)
        restore(network, unpacked(tensors))
        if built is not None and header.get("fingerprint", made := fingerprint(network)) != made:
            raise ModelError(_EDITED)
    except ModelError as error:
        raise ModelError(f"{path}: {error}") from error
    return network


def _the_same(path: Path, saved: Origin | None, model: nn.Module | None) -> nn.Module:
    """The float network: the one that is given, or what nothing but its name is needed for.

    Other code or other arguments are refused; what was not built here is known by its tensors alone.
    """
    if model is not None:
        given = architecture_of(model)
        if isinstance(saved, OwnArchitecture) and isinstance(given, OwnArchitecture) and saved != given:
            raise ModelError(f"{path} was made from {saved}; network.model and network.arguments name {given}")
        return model
    if isinstance(saved, Architecture):
        return build(saved.name, saved.classes, saved.in_channels)
    which = "" if saved is None else f", {saved}"
    raise OwnNetworkError(
        f"{path} was made from a network of your own{which}: name it in the settings as network.model and"
        " network.arguments, or pass it as `model`"
    )


def read_metadata(path: Path) -> dict[str, str]:
    """The notes that `save` was given.

    Raises:
        StorageError: missing or damaged.
    """
    header, _ = _read(path)
    notes = header.get("notes", {})
    if not isinstance(notes, dict):
        raise StorageError(f"cannot read the notes of {path}: they are damaged")
    return dict(notes)


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


def _architecture(value: Any) -> Origin | None:
    if value is None:
        return None
    kinds = {"arguments": OwnArchitecture, "program": ImportedArchitecture}
    kind: type[Origin] = next((kinds[key] for key in kinds if key in value), Architecture)
    if not isinstance(value["name"], str) or not isinstance(value.get("arguments", {}), dict):
        raise ValueError("the architecture")
    sizes = [value.get(key, 1) for key in ("classes", "in_channels")]
    if not all(type(size) is int and 0 < size <= _MOST for size in sizes):
        raise ValueError(f"the numbers of classes and channels: {sizes}")
    return kind(**value)


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
