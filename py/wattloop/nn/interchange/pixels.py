"""Whether a pixel is the level that an imported network's input is quantised to."""

from __future__ import annotations

import numpy as np

from wattloop.errors import ModelError
from wattloop.nn.network import INPUT, Normalisation, QuantizedNetwork


def check_pixels(network: QuantizedNetwork, normalisation: Normalisation) -> int:
    """Compare the normalisation that a model was made for with the one that its input grid stands for.

    Args:
        network: imported.
        normalisation: (mean, std) per channel of pixels / 255.

    Returns:
        The number of pairs of channel and pixel, out of 256 a channel, whose level is one apart from the pixel.

    Raises:
        ModelError: levels further apart: the model sees other images than raw pixels.
    """
    channels = network.input_shape[0]
    if {len(part) for part in normalisation} != {channels}:
        raise ModelError(f"the normalisation has not one mean and std for each of {channels} channels")
    layer = next(
        network.layer(node.name) for node in network.program if INPUT in node.grids and node.name in network.layers
    )
    zero = np.zeros(channels) if layer.in_zero is None else layer.in_zero.flatten().cpu().numpy()
    zero = zero.reshape(channels, -1)[:, :1]
    if network.normalisation is not None and np.allclose(network.normalisation, normalisation, rtol=0, atol=1e-6):
        return 0
    mean, std = (np.array(part)[:, None] for part in normalisation)
    pixels = np.arange(256.0)
    levels = np.clip(np.rint((pixels / 255 - mean) / std / float(layer.in_scale)) + zero, 0, 255)
    apart = np.abs(levels - pixels)
    if apart.max() > 1:
        channel, pixel = (int(i) for i in np.unravel_index(apart.argmax(), apart.shape))
        raise ModelError(
            f"under this normalisation a pixel of {pixel} in channel {channel} is level {levels[channel, pixel]:.0f} of"
            " the model's input, and it must be its own: quantise the model with one mean and std for all channels, and"
            " calibrate it with pixels from 0 to 255 (docs/onnx.md)"
        )
    return int((apart > 0).sum())
