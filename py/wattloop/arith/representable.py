"""A layer as a cell can run it: weights that it can hold, operands as wide as its own."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from wattloop.arith.layer import LayerTrace
from wattloop.errors import OverflowRangeError
from wattloop.gates.spec import MacSpec

Int8 = npt.NDArray[np.int8]
Int64 = npt.NDArray[np.int64]
_WEIGHT_BITS = 8


@dataclass(frozen=True)
class Fitted:
    """A layer laid onto a cell.

    Attributes:
        trace: the layer with weights and inputs that the cell takes.
        changed_weights: share of the weights that are not what they were, common scales apart.
        changed_inputs: likewise of the inputs.
    """

    trace: LayerTrace
    changed_weights: float
    changed_inputs: float


def nearest(weights: npt.ArrayLike, spec: MacSpec) -> Int8:
    """The value nearest to each weight that the cell can hold, of two the one nearer to 0.

    On a `sign_magnitude` cell only the least weight moves, by one step; on a `shift` cell most do, and the network is
    another one: its accuracy has to be measured again.

    Args:
        weights: integers, any shape.
        spec: the cell.

    >>> from wattloop.gates.spec import MacSpec
    >>> nearest([-128, 3, 96, -6], MacSpec(multiplier="shift")).tolist()
    [-64, 2, 64, -4]
    """
    values = np.array(spec.weight_values, dtype=np.int64)
    wanted = np.asarray(weights, dtype=np.int64)
    above = np.searchsorted(values, wanted).clip(1, len(values) - 1)
    low, high = values[above - 1], values[above]
    to_low, to_high = np.abs(wanted - low), np.abs(high - wanted)
    lower = (to_low < to_high) | ((to_low == to_high) & (np.abs(low) < np.abs(high)))
    mapped: Int8 = np.where(lower, low, high).astype(np.int8)
    return mapped


def fitted(trace: LayerTrace, spec: MacSpec) -> Fitted:
    """The layer with operands of the cell's widths and weights that it can hold.

    Operands narrower than the network's 8 bits drop their least bits, rounded half to even, as requantisation by a
    coarser scale would; unsigned inputs on a cell with signed activations take its non-negative half. On a cell that
    takes everything the trace is unchanged.

    Args:
        trace: a layer of an 8-bit network.
        spec: the cell.

    Raises:
        OverflowRangeError: signed inputs on a cell with unsigned activations.
    """
    layer = trace.layer
    if layer.activation_signed and not spec.activation_signed:
        raise OverflowRangeError(
            f"layer {layer.name}: its inputs are int8, but the MAC takes unsigned activations;"
            " set activation_signed = true"
        )
    coarser = _WEIGHT_BITS - spec.weight_bits
    weight = nearest(_rounded(layer.weight, coarser), spec)
    needed = layer.activation_bits + (spec.activation_signed and not layer.activation_signed)
    dropped = max(0, needed - spec.activation_bits)
    inputs = _rounded(trace.inputs, dropped).clip(*spec.activation_range)
    bits = min(spec.activation_bits, layer.activation_bits)
    whole = replace(layer, weight=weight, activation_signed=spec.activation_signed, activation_bits=bits)
    narrow = inputs.astype(np.int8) if spec.activation_signed else inputs.astype(np.uint8)
    return Fitted(
        LayerTrace(whole, narrow),
        changed_weights=_changed(layer.weight, weight, coarser),
        changed_inputs=_changed(trace.inputs, narrow, dropped),
    )


def changed_shares(traces: Sequence[LayerTrace], spec: MacSpec) -> tuple[float, float]:
    """Shares of the weights and of the inputs of layers that the cell cannot take as they are.

    Args:
        traces: the layers, as the network has them.
        spec: the cell.
    """
    found = [fitted(trace, spec) for trace in traces]
    weights, inputs = ([trace.layer.weight.size for trace in traces], [trace.inputs.size for trace in traces])
    return (
        float(np.average([one.changed_weights for one in found], weights=weights)),
        float(np.average([one.changed_inputs for one in found], weights=inputs)),
    )


def _changed(before: npt.NDArray[np.integer], after: npt.NDArray[np.integer], dropped: int) -> float:
    """Share of the numbers that a coarser scale and the cell's range moved."""
    return float((before.astype(np.int64) != after.astype(np.int64) << dropped).mean()) if before.size else 0.0


def _rounded(values: npt.NDArray[np.integer], dropped: int) -> Int64:
    """`values` / 2**dropped, rounded half to even."""
    return np.rint(values.astype(np.float64) / (1 << dropped)).astype(np.int64)
