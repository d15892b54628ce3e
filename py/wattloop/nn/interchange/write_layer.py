"""How a convolution or linear layer is written in ONNX."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt

from wattloop.errors import ModelError
from wattloop.nn.integer import conv_options
from wattloop.nn.interchange.levels import Levels, Work, power_of_two
from wattloop.nn.layers import QuantLayer
from wattloop.nn.network import Node

_INT32, _FLOAT32_EXACT = 1 << 31, 1 << 24


def write_layer(module: QuantLayer, work: Work, node: Node) -> Levels:
    """Append a layer.

    For integer kernels the weights' scales hold the requantisation factor, by channel. Otherwise weights and inputs are
    real by powers of two, so that every sum is exact in float32, and the factor is a multiplication of its own; so too
    where the input has a zero by channel, which no integer kernel takes.

    Raises:
        ModelError: a bias that does not fit 32 bits.
    """
    given = _held_to_codes(module, work, node, work.values[node.inputs[0]])
    bias, factor = (part.cpu().numpy() for part in module.requantisation())
    if np.abs(bias).max(initial=0) >= _INT32:
        raise ModelError(f"layer {node.name}: a bias of {np.abs(bias).max():.0f} does not fit 32 bits")
    scale = power_of_two(float(module.out_scale))
    # What one unit of the accumulator is worth, by channel.
    unit = factor * np.float32(scale) if not module.wide else np.full(len(factor), module.out_scale, np.float32)
    zero = None if module.in_zero is None else _one(module.in_zero.flatten().cpu().numpy())
    tokens = module.kind == "linear" and given.rank != 2
    if tokens and zero is not None:
        raise ModelError(f"layer {node.name}: a linear layer on rows of normalised pixels cannot be exported to ONNX")
    # No integer kernel adds a bias to the rows of a MatMul.
    if work.kernels == "integer" and not tokens and (zero is None or np.ndim(zero) == 0):
        sums = _sums(module, work, node, _operands(module, work, node, given, zero, bias, _one(unit)))
    else:
        sums = _exact_sums(module, work, node, given, zero, bias, unit)
    if module.wide:
        return Levels(sums, scale, signed=True, zero=0, rank=given.rank, wide=True)
    return work.rounded(node, sums, module.levels(), scale, given.rank)


def _exact_sums(
    module: QuantLayer,
    work: Work,
    node: Node,
    given: Levels,
    zero: npt.NDArray[Any] | None,
    bias: npt.NDArray[Any],
    unit: npt.NDArray[np.float32],
) -> str:
    weight = module.integer_weight().astype(np.int64)
    if (np.abs(weight).sum(1) * 255 + np.abs(bias)).max(initial=0) >= _FLOAT32_EXACT:
        work.inexact.append(node.name)
    power = np.asarray(given.scale * power_of_two(float(module.weight_scale)), np.float32)
    sums = _sums(module, work, node, _operands(module, work, node, given, zero, bias, power))
    shape = (-1,) if module.kind == "linear" else (-1,) + (1,) * (given.rank - 2)
    factor = work.graph.constant(f"{node.name}/factor", _one(unit / power).reshape(shape), np.float32)
    return work.graph.node("Mul", [sums, factor], f"{node.name}/scaled")


def _one(values: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """A scalar in place of a vector whose entries are all equal."""
    return values[0] if (values == values[0]).all() else values


def _operands(
    module: QuantLayer,
    work: Work,
    node: Node,
    given: Levels,
    zero: npt.NDArray[Any] | None,
    bias: npt.NDArray[Any],
    unit: npt.NDArray[Any],
) -> list[str]:
    """Input, weights and bias as real values; `unit` is that of the accumulator, of all channels or of each."""
    graph, name = work.graph, node.name
    if zero is None:
        real = work.real(given)
    else:
        real = graph.dequantize(given.name, np.full(np.shape(zero), given.scale), zero, np.uint8)
    kept = module.integer_weight().reshape(module.module.weight.shape)
    if module.kind == "linear" and given.rank != 2:
        kept = kept.T  # as MatMul takes it
    levels = graph.constant(f"{name}.weight", kept, np.int8)
    shift = graph.constant(f"{name}.bias", bias, np.int32)
    weight = graph.dequantize(levels, unit / np.float32(given.scale), 0, np.int8, axis=0)
    return [real, weight, graph.dequantize(shift, unit, 0, np.int32, axis=0)]


def _sums(module: QuantLayer, work: Work, node: Node, operands: list[str]) -> str:
    options = conv_options(module.module)
    if options is None:
        if work.given(node)[0].rank == 2:
            return work.graph.node("Gemm", operands, f"{node.name}/sum", transB=1)
        product = work.graph.node("MatMul", operands[:2], f"{node.name}/product")
        return work.graph.node("Add", [product, operands[2]], f"{node.name}/sum")
    names = ("kernel_shape", "strides", "pads", "dilations", "group")
    kernel, stride, padding, dilation, groups = options
    attributes = dict(zip(names, (kernel, stride, padding * 2, dilation, groups), strict=True))
    return work.graph.node("Conv", operands, f"{node.name}/sum", **attributes)


def _held_to_codes(module: QuantLayer, work: Work, node: Node, given: Levels) -> Levels:
    """The allowed code that each code becomes, by a table."""
    if module.input_codes is None:
        return given
    table = module.input_codes.integers().astype(np.int16)
    return work.looked_up(given, table, replace(given, name=f"{node.name}/allowed"))
