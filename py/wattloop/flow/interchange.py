"""Networks from and to the files of other tools: ONNX, and plain safetensors."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from wattloop.errors import ConfigError, OwnNetworkError, StorageError
from wattloop.flow import settings
from wattloop.runs import SETTINGS

if TYPE_CHECKING:
    from wattloop.nn.network import Normalisation, QuantizedNetwork

Kernels = Literal["integer", "float"]
_NETWORK = "network.safetensors"


@dataclass(frozen=True)
class Exported:
    """What was written.

    Attributes:
        source: the network's file.
        file: what was written.
        layers: convolutions and linear layers.
        weights: how many.
        bytes: size of the file.
    """

    source: Path
    file: Path
    layers: int
    weights: int
    bytes: int


@dataclass(frozen=True)
class Imported:
    """What was read.

    Attributes:
        file: the checkpoint.
        layers: convolutions and linear layers, by name, with the shapes of their weights.
        input_shape: (channels, height, width) of the pixels.
        mean, std: normalisation of pixels / 255 under which a pixel is the level of the model's input.
        off_by_one: pairs of channel and pixel whose level is one apart from the pixel under the normalisation that was
            given; None where none was.
    """

    file: Path
    layers: dict[str, tuple[int, ...]]
    input_shape: tuple[int, int, int]
    mean: tuple[float, ...]
    std: tuple[float, ...]
    off_by_one: int | None


def network_file(source: Path) -> Path:
    """The network of a checkpoint or of a run's folder: what a compression chose, else what was trained.

    Raises:
        StorageError: there is none.
    """
    if not source.is_dir():
        return source
    for file in (source / "compression" / _NETWORK, source / _NETWORK):
        if file.is_file():
            return file
    raise StorageError(f"{source} holds no {_NETWORK}: name a run of train or compress, or a network's file")


def export_network(source: Path, target: Path, *, kernels: Kernels = "integer") -> Exported:
    """Write the network of a checkpoint or run in the form that the name of the target says.

    A run's settings name its network: code of the user's own is run, as for every command that reads them.

    Args:
        source: checkpoint, or a run's folder.
        target: `.onnx` or `.safetensors`.
        kernels: what the ONNX model is for (`nn.interchange.onnx_export`).

    Raises:
        ConfigError: another name, or the source itself; the settings of the run are at fault, or their code fails.
        ModelError: a checkpoint of the user's own without its run; a network with a step that the form cannot hold.
        StorageError: the source is missing or damaged, or the target cannot be written.
        ToolError: the package onnx is missing.
    """
    from wattloop.nn.interchange.onnx_export import save_onnx
    from wattloop.nn.interchange.plain import save_plain

    if target.suffix not in (".onnx", ".safetensors"):
        raise ConfigError(f"--to {target}: write to a file that ends in .onnx or .safetensors")
    file = network_file(source)
    if target.resolve() == file.resolve():
        raise ConfigError(f"--to {target} is the network that is to be exported: choose another file")
    network = _loaded(source, file)
    notes = {"exported from": file.name, "SHA-256": _digest(file)}
    if target.suffix == ".onnx":
        save_onnx(network, target, kernels=kernels, notes=notes)
    else:
        save_plain(network, target, notes=notes)
    weights = sum(layer.module.weight.numel() for layer in network.layers.values())
    return Exported(file, target, len(network.layers), weights, target.stat().st_size)


def _loaded(source: Path, file: Path) -> QuantizedNetwork:
    """The network of a file; one of the user's own as the settings of its run name it."""
    from wattloop.flow.training_stages import own_model
    from wattloop.nn.checkpoint import load

    told = source / SETTINGS
    model = own_model(settings.load(told).network) if told.is_file() else None
    try:
        return load(file, model)
    except OwnNetworkError as error:
        raise OwnNetworkError(
            f"{file} was made from a network of your own: name the folder of its run, whose settings say which, or in"
            " Python give wattloop.nn.checkpoint.load(FILE, MODEL) to wattloop.save_onnx"
        ) from error


def import_network(
    source: Path,
    target: Path,
    *,
    input_shape: tuple[int, int, int] | None = None,
    normalisation: Normalisation | None = None,
) -> Imported:
    """Read an ONNX model and keep it as a checkpoint that every command takes.

    Args:
        source: ONNX file of QuantizeLinear and DequantizeLinear.
        target: checkpoint, `.safetensors`.
        input_shape: (channels, height, width), where the model leaves it open.
        normalisation: (mean, std) of pixels / 255 that the model was made for, to be held against its input grid.

    Raises:
        ConfigError: another name for the target.
        ModelError: the model computes what our steps cannot, or does not see raw pixels; the message names the node.
        StorageError: the file is missing or damaged, or the target cannot be written.
        ToolError: the package onnx is missing.
    """
    from wattloop.nn.checkpoint import save
    from wattloop.nn.interchange.onnx_import import load_onnx
    from wattloop.nn.interchange.pixels import check_pixels

    if target.suffix != ".safetensors":
        raise ConfigError(f"--out {target}: write to a file that ends in .safetensors")
    network = load_onnx(source, input_shape=input_shape)
    apart = None if normalisation is None else check_pixels(network, normalisation)
    save(network, target, metadata={"imported from": source.name, "SHA-256": _digest(source)}, compact=True)
    mean, std = network.normalisation or ((0.0,), (1.0,))
    return Imported(target, _shapes(network), network.input_shape, mean, std, apart)


def _shapes(network: QuantizedNetwork) -> dict[str, tuple[int, ...]]:
    return {name: tuple(layer.module.weight.shape) for name, layer in network.layers.items()}


def _digest(file: Path) -> str:
    return hashlib.sha256(file.read_bytes()).hexdigest()
