"""Signs of filters: free where a batch norm follows, which takes them back."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import torch

from wattloop.nn.layers import WEIGHT_HIGH, QuantLayer


@torch.no_grad()
def negate_filters(layer: QuantLayer, filters: npt.NDArray[np.bool_]) -> bool:
    """Negate some filters' weights and the gain of their batch norm: the layer computes the same.

    To the bit, as long as none of them is -128 and its constraint allows the negated weights: the requantisation of a
    negated filter has the opposite scale and bias.

    Args:
        layer: it is changed.
        filters: which, shape (out_channels,).

    Returns:
        False, and nothing is changed, for a layer without batch norm or with one that has no gain.
    """
    norm = layer.norm
    if norm is None or norm.weight is None or norm.running_mean is None:
        return False
    chosen = torch.from_numpy(filters)
    # What lies beyond the greatest value counts as that value; below its negative there is one more.
    latent = layer.latent
    here = chosen.to(latent.device)
    latent[here] = latent[here].clamp(max=float(WEIGHT_HIGH * layer.weight_scale))
    for part in (layer.latent, norm.weight, norm.running_mean, layer.module.bias):
        if part is not None:
            part[chosen.to(part.device)] *= -1
    return True
