"""Weight constraints: which values a layer may use and which weights stay 0, as a torch parametrisation."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn
from torch.nn.utils import parametrize

from wattloop.errors import ModelError
from wattloop.nn.fake import straight_through
from wattloop.nn.layers import WEIGHT_HIGH, WEIGHT_LOW, QuantLayer
from wattloop.nn.network import QuantizedNetwork

Bool = npt.NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class Constraint:
    """What a layer's weights are held to.

    Attributes:
        values: allowed integer weights in ascending order, 0 among them; None for all of int8.
        mask: bool, shape (out_channels, reduction); False stays 0. None for no pruning.
    """

    values: tuple[int, ...] | None
    mask: Bool | None


class AllowedWeights(nn.Module):
    """Maps real weights to the nearest allowed level times the scale; masked ones to 0.

    Nearest in real numbers, before any rounding; halfway between two values the one of smaller magnitude wins. The
    gradient passes straight through, except to masked weights.

    Attributes:
        values: float32 levels in ascending order.
        edges: the boundary between each two values; a weight on the boundary belongs below it.
        mask: 1 or 0 per weight, shape of the weight; of size 0 for no pruning.
        scale: real value of one level.
    """

    values: Tensor
    edges: Tensor
    mask: Tensor
    scale: Tensor

    def __init__(self, values: Sequence[int] | None, mask: Tensor | None, scale: Tensor) -> None:
        super().__init__()
        levels = np.arange(WEIGHT_LOW, WEIGHT_HIGH + 1) if values is None else np.unique(np.asarray([0, *values]))
        middle = ((levels[1:] + levels[:-1]) / 2).astype(np.float32)
        # Ties go to the smaller magnitude: below zero to the upper neighbour, so its boundary moves down by one ulp.
        edges = np.where(middle < 0, np.nextafter(middle, np.float32(-np.inf)), middle)
        self.register_buffer("values", torch.from_numpy(levels.astype(np.float32)))
        self.register_buffer("edges", torch.from_numpy(edges.astype(np.float32)))
        self.register_buffer("mask", torch.empty(0) if mask is None else mask.to(torch.float32))
        self.register_buffer("scale", scale.detach().clone().to(torch.float32))
        self.to(scale.device)

    def forward(self, weight: Tensor) -> Tensor:
        """Real weights -> allowed real weights of the same shape."""
        levels = (weight.detach() / self.scale).contiguous()
        nearest = self.values[torch.bucketize(levels, self.edges)]
        allowed = nearest * self.scale
        if self.mask.numel() == 0:
            return straight_through(allowed, weight)
        return straight_through(allowed * self.mask, weight * self.mask)


def constrain(
    network: QuantizedNetwork, name: str, values: Sequence[int] | None, mask: npt.ArrayLike | None = None
) -> None:
    """Hold a layer's weights to allowed values and a pruning mask, in place of any constraint it had.

    The latent weights are kept as they are; training and evaluation see the constrained ones.

    Args:
        network: it is changed.
        name: layer.
        values: allowed integer weights, -128..127; 0 is always allowed. None for all.
        mask: bool, shape (out_channels, reduction) or the weight's; False stays 0. None for no pruning.

    Raises:
        ModelError: no such layer, values out of range, or a mask of the wrong shape.
    """
    layer = network.layer(name)
    if values is not None and (min(values, default=0) < WEIGHT_LOW or max(values, default=0) > WEIGHT_HIGH):
        raise ModelError(f"layer {name}: allowed weights must lie in {WEIGHT_LOW}..{WEIGHT_HIGH}, not {list(values)}")
    kept = None if mask is None else _shaped(name, np.asarray(mask, bool), layer)
    release(network, name)
    if values is not None or kept is not None:
        parametrize.register_parametrization(layer.module, "weight", AllowedWeights(values, kept, layer.weight_scale))


def _shaped(name: str, mask: Bool, layer: QuantLayer) -> Tensor:
    shape = tuple(layer.latent.shape)
    if mask.shape not in (shape, (shape[0], int(np.prod(shape[1:])))):
        raise ModelError(f"layer {name}: the mask has shape {mask.shape}, the weight {shape}")
    return torch.from_numpy(mask.reshape(shape)).to(layer.latent.device)


def _parametrisation(layer: QuantLayer) -> AllowedWeights | None:
    if not parametrize.is_parametrized(layer.module, "weight"):
        return None
    found = layer.module.parametrizations.weight[0]  # type: ignore[union-attr, index]
    assert isinstance(found, AllowedWeights)
    return found


def constraint_of(network: QuantizedNetwork, name: str) -> Constraint | None:
    """The constraint of a layer, or None."""
    found = _parametrisation(network.layer(name))
    if found is None:
        return None
    values = tuple(int(v) for v in found.values.tolist())
    mask = found.mask.cpu().numpy().astype(bool).reshape(len(found.mask), -1) if found.mask.numel() else None
    return Constraint(None if len(values) == WEIGHT_HIGH - WEIGHT_LOW + 1 else values, mask)


def release(network: QuantizedNetwork, name: str, *, bake: bool = False) -> None:
    """Lift a layer's constraint.

    Args:
        network: it is changed.
        name: layer.
        bake: keep the constrained weights as the new latent ones; otherwise the latent weights come back.
    """
    layer = network.layer(name)
    if _parametrisation(layer) is not None:
        _own_class(layer.module)
        parametrize.remove_parametrizations(layer.module, "weight", leave_parametrized=bake)


def rescale(network: QuantizedNetwork, name: str, factor: float) -> None:
    """Multiply the real value of one weight level of a layer; its latent weights stay, and so does its constraint.

    Args:
        network: it is changed.
        name: layer.
        factor: above 0; below 1 the levels are finer and reach less far.

    Raises:
        ModelError: no such layer, or a factor that is no scale.
    """
    layer = network.layer(name)
    if not 0.0 < factor < float("inf"):
        raise ModelError(f"layer {name}: a scale is multiplied by a factor above 0, not {factor}")
    layer.weight_scale.mul_(factor)
    found = _parametrisation(layer)
    if found is not None:
        found.scale.copy_(layer.weight_scale)


def _own_class(module: nn.Module) -> None:
    """Give a parametrised module a class that no copy of it shares: lifting the parametrisation changes the class."""
    shared = type(module)
    members = {name: value for name, value in vars(shared).items() if name not in ("__dict__", "__weakref__")}
    module.__class__ = type(shared.__name__, shared.__bases__, members)
