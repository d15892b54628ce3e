"""Restricted activations: which codes the inputs of a layer may have, as the array sees them.

Where it takes place: at the input of a layer, just before its products, and nowhere else. There a code that is not
allowed becomes the nearest one that is. Where the layer alone reads a tensor, also through a maximum, a slice or a
flattening, this is the same as snapping what the requantisation before it puts out; where a shortcut reads the tensor
too, the shortcut keeps all codes, for it never enters the array. In hardware it is one table of 256 codes at each edge
of the array.

The first layer is a layer like any other: if it is restricted, the raw pixels are snapped. Unrestricted pixels would
bring the array transitions that nobody has timed, so whoever promises a delay restricts all layers that run on the
array. The level that stands for a normalised pixel of 0 (`QuantLayer.in_zero`) is folded into the bias, does not enter
the array and is not snapped; the zeros of the padding do enter it, and 0 is always allowed.

PowerPruning (arXiv 2303.13997) retrains with restricted activations, straight-through (documented); where codes are
snapped and what happens on shortcuts is not known to us (ours).
"""

from __future__ import annotations

from collections.abc import Sequence

from wattloop.arith.quant import level_range
from wattloop.errors import ModelError
from wattloop.nn.codes import AllowedCodes
from wattloop.nn.network import QuantizedNetwork


def constrain_inputs(network: QuantizedNetwork, name: str, codes: Sequence[int]) -> None:
    """Hold the inputs of a layer to allowed codes, in place of any restriction they had.

    Training and evaluation, traces and the integer network all see the restricted inputs.

    Args:
        network: it is changed.
        name: layer.
        codes: allowed codes, 0..255, or -128..127 where the layer reads signed levels; 0 is always allowed.

    Raises:
        ModelError: no such layer, codes out of range, or levels that enter the array moved by 128.
    """
    layer = network.layer(name)
    if network.array_offset(name):
        raise ModelError(
            f"layer {name}: its levels enter the array moved by {network.array_offset(name)}, among layers of the other"
            " sign; activations of such a network cannot be restricted"
        )
    low, high = level_range(layer.in_signed)
    if min(codes, default=0) < low or max(codes, default=0) > high:
        beyond = sorted(code for code in codes if not low <= code <= high)
        raise ModelError(f"layer {name}: allowed input codes must lie in {low}..{high}, not {beyond}")
    layer.input_codes = AllowedCodes(codes, signed=layer.in_signed, device=layer.in_scale.device)


def input_codes_of(network: QuantizedNetwork, name: str) -> tuple[int, ...] | None:
    """The codes that the inputs of a layer may have, ascending; None for all.

    Raises:
        ModelError: no such layer.
    """
    found = network.layer(name).input_codes
    return None if found is None else found.codes


def release_inputs(network: QuantizedNetwork, name: str) -> None:
    """Let the inputs of a layer have all codes again.

    Raises:
        ModelError: no such layer.
    """
    network.layer(name).input_codes = None
