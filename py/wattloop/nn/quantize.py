"""Post-training quantisation of a float network: the start of quantisation-aware training."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, fx, nn

from wattloop.errors import ModelError
from wattloop.nn.grid import scale_for
from wattloop.nn.layers import QuantLayer
from wattloop.nn.lowering import Lowered, lower
from wattloop.nn.models import Normalized, architecture_of
from wattloop.nn.network import Normalisation, QuantizedNetwork
from wattloop.nn.own_data import images_of

_SAMPLES = 1 << 16  # values kept per layer to choose its scale
_BATCH = 64
_MOST = 512  # images of an iterable


def quantize(
    model: nn.Module,
    calibration_images: npt.NDArray[np.uint8] | Iterable[Any],
    *,
    normalisation: Normalisation | None = None,
) -> QuantizedNetwork:
    """Quantise a float network to int8 weights and 8-bit activations (docs: the network room; paper section 5.1).

    Any module of convolutions (plain, grouped, depthwise, strided, dilated), linear layers, batch norms, the usual
    activations, pooling, additions, products and moves; layer norms, softmax and the like stay in floating point
    between the layers (`QuantizedNetwork.float_parts`). `model` itself is left alone.

    Args:
        model: float network, or `Normalized` (which brings the normalisation).
        calibration_images: raw pixels, uint8, shape (images, channels, height, width); a few hundred suffice. Or any
            iterable of (x, y), as `as_dataset` takes it, of which the first 512 images are used.
        normalisation: (mean, std) per channel of pixels / 255 that the network was trained on; None if it takes
            pixels / 255 as they are.

    Returns:
        A network in evaluation mode, ready for training or inference.

    Raises:
        ModelError: an unsupported layer (named), or images of the wrong kind.
        DatasetError: an iterable of something else than raw pixels.
    """
    if isinstance(model, Normalized):
        normalisation = model.normalisation
        model = model.model
    images = _checked(images_of(calibration_images, _MOST), normalisation)
    network, lowered = assemble(model, images.shape[1:], normalisation)
    scales = _activation_scales(lowered, images, normalisation)
    for name, layer in network.layers.items():
        if name in lowered.folds and normalisation is not None:
            _fold_gain(layer, normalisation)
        weight = layer.module.weight.detach()
        layer.weight_scale.fill_(scale_for(_subsample(weight, _SAMPLES), -127, 127))
    network.set_scales(scales)
    return network


def assemble(
    model: nn.Module, input_shape: tuple[int, ...], normalisation: Normalisation | None
) -> tuple[QuantizedNetwork, Lowered]:
    """The quantised network without its scales (they are 1): to be calibrated or loaded.

    Raises:
        ModelError: an unsupported layer.
    """
    channels, height, width = input_shape
    lowered = lower(model, (channels, height, width), normalised=normalisation is not None)
    architecture = architecture_of(model)
    network = QuantizedNetwork(
        tuple(lowered.program), lowered.modules, lowered.output, (channels, height, width), normalisation, architecture
    )
    if normalisation is not None:
        for name in lowered.folds:
            _set_zero(network.layer(name), normalisation)
        for name in lowered.pads:
            network.module_of(name).zero = _zero_levels(normalisation).view(1, -1, 1, 1)
    return network.eval(), lowered


def _checked(images: npt.NDArray[np.uint8], normalisation: Normalisation | None) -> Tensor:
    if images.dtype != np.uint8 or images.ndim != 4 or len(images) == 0:
        raise ModelError(
            f"calibration images are {images.dtype} of shape {images.shape}; give raw uint8 pixels (n, c, h, w)"
        )
    if normalisation is not None and {len(part) for part in normalisation} != {images.shape[1]}:
        raise ModelError(f"the normalisation has not one mean and std for each of {images.shape[1]} channels")
    return torch.from_numpy(images)


def _per_feature(layer: QuantLayer, per_channel: Tensor) -> Tensor:
    """Values per image channel, spread over the inputs of `layer` (for a linear one: a flattened image)."""
    if isinstance(layer.module, nn.Linear):
        return per_channel.repeat_interleave(layer.module.in_features // len(per_channel)).view(1, -1)
    return per_channel.view(1, -1, 1, 1)


def _set_zero(layer: QuantLayer, normalisation: Normalisation) -> None:
    layer.in_zero = _per_feature(layer, _zero_levels(normalisation))


def _zero_levels(normalisation: Normalisation) -> Tensor:
    """Pixel levels that stand for 0: the means, rounded (off by half a level, 0.01 standard deviations, at most)."""
    return (torch.tensor(normalisation[0]) * 255).round().clamp(0, 255)


@torch.no_grad()
def _fold_gain(layer: QuantLayer, normalisation: Normalisation) -> None:
    """Channels have their own std but share one input scale: the weights take the ratio."""
    std = torch.tensor(normalisation[1], dtype=torch.float64)
    gain = _per_feature(layer, std.mean() / std).to(torch.float32)
    weight = layer.module.weight
    if isinstance(layer.module, nn.Conv2d):
        groups = layer.module.groups
        gain = gain.view(groups, 1, -1, 1, 1).expand(-1, weight.shape[0] // groups, -1, -1, -1)
        gain = gain.reshape(weight.shape[0], -1, 1, 1)
    weight.mul_(gain)


def _subsample(values: Tensor, most: int) -> Tensor:
    flat = values.detach().flatten()
    return flat[:: max(1, len(flat) // most)]


class _Observer(fx.Interpreter):
    """Runs the float network and keeps samples of the values that will be rounded to levels."""

    def __init__(self, lowered: Lowered, per_batch: int) -> None:
        super().__init__(lowered.traced)
        self._names = {node: name for name, node in lowered.observed.items()}
        self._per_batch = per_batch
        self.samples: dict[str, list[Tensor]] = {name: [] for name in lowered.observed}

    def call_method(self, target: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        # The images come with their channels last in memory, which `view` would not take.
        whole = (args[0].contiguous(), *args[1:]) if target == "view" else args
        return super().call_method(target, whole, kwargs)

    def run_node(self, n: fx.Node) -> Any:
        result = super().run_node(n)
        if n in self._names:
            # Copied: an in-place activation would overwrite a view.
            self.samples[self._names[n]].append(_subsample(result, self._per_batch).clone())
        return result


@torch.no_grad()
def _activation_scales(lowered: Lowered, images: Tensor, normalisation: Normalisation | None) -> dict[str, float]:
    """Scale of every grid, from the float network's values on the calibration images."""
    mean, std = normalisation or ((0.0,) * images.shape[1], (1.0,) * images.shape[1])
    floats = Normalized(nn.Identity(), mean, std)
    batches = torch.split(images, _BATCH)
    observer = _Observer(lowered, max(1, _SAMPLES // len(batches)))
    for batch in batches:
        observer.run(floats(batch))
    scales: dict[str, float] = {}
    for name, parts in observer.samples.items():
        activation = lowered.modules[name].activation
        assert not isinstance(activation, nn.Module | Tensor)
        low, high = (-127, 127) if activation.signed else (0, 255)
        scales[name] = scale_for(activation.apply(torch.cat(parts)), low, high)
    return scales
