"""States of quantised networks without what only training needs: weights as their integer levels, masks as bits."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import torch
from torch import Tensor

from wattloop.errors import ModelError
from wattloop.nn.network import QuantizedNetwork

_CONSTRAINED, _PLAIN = "module.parametrizations.weight.original", "module.weight"
_MASK = "module.parametrizations.weight.0.mask"


def packed(network: QuantizedNetwork) -> dict[str, Tensor]:
    """The network's state with int8 levels in place of real weights; it computes the same, to the bit.

    What is lost is where between two levels a weight stood, and the weights below a mask.
    """
    tensors = {name: tensor.contiguous() for name, tensor in network.state_dict().items()}
    for layer, module in network.layers.items():
        name = _latent(tensors, layer)
        levels = torch.from_numpy(module.integer_weight())
        tensors[name] = levels.reshape(tensors[name].shape)
        mask = tensors.get(f"net.{layer}.{_MASK}")
        if mask is not None and mask.numel():
            bits = np.packbits(mask.cpu().numpy().astype(bool).ravel())
            tensors[f"net.{layer}.{_MASK}"] = torch.from_numpy(bits)
    return tensors


def unpacked(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """A state as `state_dict` gives it, from what `packed` made; other states stay as they are.

    Raises:
        ModelError: parts are missing.
    """
    found = dict(tensors)
    for name, tensor in tensors.items():
        if tensor.dtype != torch.int8:
            continue
        layer = name.removesuffix(_CONSTRAINED).removesuffix(_PLAIN)
        try:
            found[name] = tensor.to(torch.float32) * tensors[f"{layer}weight_scale"].to(torch.float32)
        except KeyError as error:
            raise ModelError(f"the weights of {layer.removeprefix('net.').rstrip('.')} lack their scale") from error
        mask = tensors.get(layer + _MASK)
        if mask is not None and mask.numel():
            bits = np.unpackbits(mask.numpy(), count=tensor.numel()).reshape(tensor.shape)
            found[layer + _MASK] = torch.from_numpy(bits.astype(np.float32))
    return found


def _latent(tensors: Mapping[str, Tensor], layer: str) -> str:
    constrained = f"net.{layer}.{_CONSTRAINED}"
    return constrained if constrained in tensors else f"net.{layer}.{_PLAIN}"
