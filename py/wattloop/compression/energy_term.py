"""Energy as a differentiable term of the training objective."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn

from wattloop.compression.subject import EnergyTerm, Float
from wattloop.nn.constraint import constraint_of
from wattloop.nn.layers import WEIGHT_LOW, QuantLayer
from wattloop.nn.network import QuantizedNetwork
from wattloop.nn.objective import Penalty


class LayerPrice:
    """Energy of a layer's latent weights: exact at allowed values, piecewise linear in between.

    So the gradient of a latent weight is the slope between the two values that it lies between, which is what training
    can gain by moving it to the other one; weights beyond the outermost values feel nothing, nor do masked ones.

    Args:
        layer: its latent weights are read at every call, on whatever device they lie then.
        curve_fj: energy of a weight of each value -128..127, shape (256,); infinite where the hardware has none.
        values: allowed integer weights; None for all that the hardware has.
        mask: shape (out_channels, reduction), False where a weight stays 0; None for no pruning.
    """

    def __init__(
        self, layer: QuantLayer, curve_fj: Float, values: tuple[int, ...] | None, mask: np.ndarray | None
    ) -> None:
        self.layer = layer
        legal = np.flatnonzero(np.isfinite(curve_fj)) + WEIGHT_LOW
        chosen = legal if values is None else np.intersect1d(legal, values)
        self.values = torch.from_numpy(chosen.astype(np.float32))
        self.prices = torch.from_numpy(curve_fj[chosen - WEIGHT_LOW].astype(np.float32))
        self.mask = None if mask is None else torch.from_numpy(mask).reshape(layer.latent.shape)
        self.zero_fj = float(curve_fj[-WEIGHT_LOW])
        self.ends = float(chosen[0]), float(chosen[-1])

    def _follow(self, device: torch.device) -> None:
        """Training moves the network to its device after the term was made."""
        if self.values.device != device:
            self.values, self.prices = self.values.to(device), self.prices.to(device)
            self.mask = None if self.mask is None else self.mask.to(device)

    def __call__(self) -> Tensor:
        """fJ of the layer, a scalar that the latent weights get a gradient from."""
        self._follow(self.layer.latent.device)
        levels = self.layer.latent / self.layer.weight_scale.to(torch.float32)
        levels = levels.clamp(*self.ends)
        if len(self.values) == 1:
            return self.prices[0] * levels.numel()
        right = torch.bucketize(levels.detach().contiguous(), self.values).clamp(1, len(self.values) - 1)
        low, high = self.values[right - 1], self.values[right]
        cost, dearer = self.prices[right - 1], self.prices[right]
        between = cost + (levels - low) / (high - low) * (dearer - cost)
        return (between if self.mask is None else torch.where(self.mask, between, self.zero_fj)).sum()


def energy_penalty(network: QuantizedNetwork, term: EnergyTerm) -> Penalty:
    """The term as `fit` takes it: `term.weight` x energy / (energy now), under the constraints of now."""
    prices = []
    for name, curve in term.curves_fj.items():
        held = constraint_of(network, name)
        values, mask = (None, None) if held is None else (held.values, held.mask)
        prices.append(LayerPrice(network.layer(name), np.asarray(curve, np.float64), values, mask))
    with torch.no_grad():
        start = sum(float(price()) for price in prices)

    def penalty(_: nn.Module) -> Tensor:
        return term.weight / start * torch.stack([price() for price in prices]).sum()

    return penalty
