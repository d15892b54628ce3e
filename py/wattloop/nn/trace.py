"""Layer traces: the integer inputs that every layer sees."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from wattloop.arith.layer import IntegerLayer, LayerTrace
from wattloop.errors import ModelError
from wattloop.nn.integer import as_images, conv_options, layer_geometry
from wattloop.nn.network import QuantizedNetwork


def trace(
    network: QuantizedNetwork, images: npt.NDArray[np.uint8], *, layers: Sequence[str] | None = None, batch: int = 64
) -> list[LayerTrace]:
    """Integer inputs and weights of every layer on `images`, in the order of the program.

    Linear layers are among them, flagged by `layer.kind`. Inputs are as the array sees them
    (`QuantizedNetwork.array_signed`).

    Args:
        network: evaluated in evaluation mode, whatever mode it is in.
        images: raw pixels, uint8, shape (images, channels, height, width).
        layers: names to trace; None for all.
        batch: images at a time.

    Raises:
        ModelError: no such layer, or images of the wrong kind.
    """
    if images.dtype != np.uint8 or images.shape[1:] != network.input_shape:
        raise ModelError(f"images are {images.dtype} of shape {images.shape}; give uint8 (n, *{network.input_shape})")
    wanted = dict.fromkeys(network.layers if layers is None else layers)
    seen: dict[str, list[npt.NDArray[np.generic]]] = {name: [] for name in wanted if network.layer(name)}

    def tap(name: str, levels: Tensor) -> None:
        if name in seen:
            codes = levels.contiguous().cpu().numpy() + np.float32(network.array_offset(name))
            seen[name].append(codes.astype(np.int8 if _enters_signed(network, name) else np.uint8))

    mode = network.training
    network.eval()
    with torch.inference_mode():
        for start in range(0, len(images), batch):
            network.forward_levels(torch.from_numpy(images[start : start + batch]), tap)
    network.train(mode)
    return [_layer_trace(network, name, np.concatenate(parts)) for name, parts in seen.items()]


def _layer_trace(network: QuantizedNetwork, name: str, inputs: npt.NDArray[np.generic]) -> LayerTrace:
    layer = network.layer(name)
    weight = network.integer_weight(name)
    geometry = layer_geometry(conv_options(layer.module), weight.shape[0], inputs.shape[1:])
    integer = IntegerLayer(name, layer.kind, geometry, weight, activation_signed=_enters_signed(network, name))
    images = inputs if layer.kind == "conv" else np.ascontiguousarray(as_images(inputs, geometry))  # type: ignore[arg-type]
    return LayerTrace(integer, images)  # type: ignore[arg-type]


def _enters_signed(network: QuantizedNetwork, name: str) -> bool:
    return network.layer(name).in_signed if network.array_signed is None else network.array_signed
