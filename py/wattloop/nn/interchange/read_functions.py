"""Functions between DequantizeLinear and QuantizeLinear: values at all 256 levels, which become a table.

Whatever an operator does to one tensor alone, value by value, is done here to the real values of its 256 levels, in
float32 as a runtime does it: HardSwish as one node, Sigmoid and Mul, or Add, Clip, Mul and Div make the same table.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from wattloop.arith.quant import level_range
from wattloop.errors import ModelError
from wattloop.nn.interchange.assembly import Assembly
from wattloop.nn.interchange.reading import OnnxNode
from wattloop.nn.interchange.values import Constant, Curve, Real, Scales, Value, Values, settled


def _hard_sigmoid(x: Scales, node: OnnxNode, alpha: float = 0.2, beta: float = 0.5) -> Scales:
    slope, middle = (np.float32(node.attributes.get(key, value)) for key, value in (("alpha", alpha), ("beta", beta)))
    result: Scales = np.clip(slope * x + middle, np.float32(0), np.float32(1))
    return result


def _gelu(x: Scales, node: OnnxNode) -> Scales:
    way = node.attributes.get("approximate", "none")
    return _by_torch(lambda values: functional.gelu(values, approximate=way))(x, node)


def _by_torch(function: Callable[..., Tensor], **options: float) -> Callable[[Scales, OnnxNode], Scales]:
    """A function of torch's, with attributes of the node that have these values where they are not told."""

    def apply(x: Scales, node: OnnxNode) -> Scales:
        told = [float(node.attributes.get(key, value)) for key, value in options.items()]
        result: Scales = function(torch.from_numpy(x), *told).numpy()
        return result

    return apply


def _selu(x: Tensor, alpha: float, gamma: float) -> Tensor:
    return gamma * functional.elu(x, alpha)


_UNARY: dict[str, Callable[[Scales, OnnxNode], Scales]] = {
    "Abs": _by_torch(torch.abs),
    "Elu": _by_torch(functional.elu, alpha=1.0),
    "Erf": _by_torch(torch.erf),
    "Gelu": _gelu,
    "HardSigmoid": _hard_sigmoid,
    "HardSwish": lambda x, node: x * _hard_sigmoid(x, replace(node, attributes={}), 1 / 6, 0.5),
    "LeakyRelu": _by_torch(functional.leaky_relu, alpha=0.01),
    "Mish": _by_torch(functional.mish),
    "Neg": _by_torch(torch.neg),
    "Selu": _by_torch(_selu, alpha=1.67326319217681884765625, gamma=1.05070102214813232421875),
    "Sigmoid": _by_torch(torch.sigmoid),
    "Softplus": _by_torch(functional.softplus),
    "Softsign": _by_torch(functional.softsign),
    "Tanh": _by_torch(torch.tanh),
}
_BINARY: dict[str, Callable[[Scales, Scales], Scales]] = {
    "Add": np.add,
    "Div": np.divide,
    "Mul": np.multiply,
    "Sub": np.subtract,
}
FUNCTIONS = tuple(_UNARY)


def read_function(node: OnnxNode, values: Values, work: Assembly) -> Curve:
    """A function of one tensor."""
    curve = curve_of(node, values[0])
    return curve.through(node, _UNARY[node.operator](curve.values, node))


def curve_of(node: OnnxNode, value: Value | None) -> Curve:
    """The real values of a tensor's levels, as far as functions have come.

    Raises:
        ModelError: it has no levels yet, or is pixels.
    """
    if isinstance(value, Curve):
        return value
    if not isinstance(value, Real):
        raise ModelError(f"{node.title}: functions are tables of levels; its input must come from DequantizeLinear")
    levels = settled(node, value).levels
    if levels.raw:
        raise ModelError(f"{node.title}: reads the pixels; only convolutions and linear layers can")
    low, high = level_range(levels.signed)
    return Curve(levels, value.scale, np.arange(low, high + 1, dtype=np.float32) * np.float32(value.scale))


def combined(node: OnnxNode, values: Values) -> Curve | None:
    """What arithmetic makes of a tensor and a number, or of a tensor and its own function; None where it is neither.

    Raises:
        ModelError: of functions of two tensors.
    """
    left, right = values[:2]
    numbers = [_number(value) for value in (left, right)]
    given = [value for value in (left, right) if isinstance(value, Real | Curve)]
    plain = not any(isinstance(value, Curve) for value in given)
    if not given or len(given) + sum(number is not None for number in numbers) < 2 or (plain and len(given) == 2):
        return None
    curves = [curve_of(node, value) for value in given]
    if len({curve.levels.node for curve in curves}) > 1:
        raise ModelError(f"{node.title}: joins functions of two tensors; each needs QuantizeLinear behind it first")
    first, second = (
        curve_of(node, value).values if number is None else number
        for number, value in zip(numbers, (left, right), strict=True)
    )
    longest = max(curves, key=lambda curve: len(curve.title))
    return longest.through(node, _BINARY[node.operator](first, second))


def read_arithmetic(node: OnnxNode, values: Values, work: Assembly) -> Curve:
    """A difference or a quotient of a tensor and a number, or of a tensor and its own function."""
    found = combined(node, values)
    if found is None:
        raise ModelError(f"{node.title}: only of a tensor and one number, or of a tensor and its own function")
    return found


def _number(value: Value | None) -> Scales | None:
    """A constant that is one number."""
    if isinstance(value, Constant):
        value = (value.levels * value.scales).astype(np.float32) if value.scales.size == 1 else None
    if not isinstance(value, np.ndarray) or value.size != 1 or value.ndim > 1 or value.dtype != np.float32:
        return None
    return value.reshape(())
