"""How each step of a quantised network is written in ONNX."""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import replace

import numpy as np
from torch import nn

from wattloop.errors import ModelError
from wattloop.nn.fixed_table import FixedTable
from wattloop.nn.interchange.levels import Levels, Work, power_of_two
from wattloop.nn.interchange.write_layer import write_layer
from wattloop.nn.layers import QuantLayer
from wattloop.nn.network import Node
from wattloop.nn.ops import (
    Flatten,
    MaxPool,
    Pad,
    Permute,
    QuantAdd,
    QuantAvgPool,
    QuantConcat,
    QuantMul,
    QuantRescale,
    QuantTable,
    Reshape,
    Slice,
)

_END = (1 << 63) - 1


@functools.singledispatch
def write_step(module: nn.Module, work: Work, node: Node) -> Levels:
    """Append a step of the program; returns its value.

    Raises:
        ModelError: it cannot be written; the message names it.
    """
    raise ModelError(f"{node.name}: a {type(module).__name__} cannot be exported to ONNX")


write_step.register(QuantLayer, write_layer)


@write_step.register
def _(module: QuantAdd, work: Work, node: Node) -> Levels:
    scale, given = power_of_two(float(module.out_scale)), work.given(node)
    # Each input is real in units that make its factor exact, whatever units made it.
    pairs = zip(given, module.factors().tolist(), strict=True)
    total = work.graph.node("Add", [work.real(levels, f * scale) for levels, f in pairs], f"{node.name}/sum")
    return work.rounded(node, total, module.levels(), scale, given[0].rank)


@write_step.register
def _(module: QuantRescale, work: Work, node: Node) -> Levels:
    scale, (given,) = power_of_two(float(module.out_scale)), work.given(node)
    real = work.real(given, float(module.factors()[0]) * scale)
    return work.rounded(node, real, module.levels(), scale, given.rank)


@write_step.register
def _(module: QuantTable | FixedTable, work: Work, node: Node) -> Levels:
    (given,) = work.given(node)
    if given.raw or given.wide or given.signed != module.in_signed:
        raise ModelError(f"{node.name}: {module.title} of anything but rounded levels cannot be exported to ONNX")
    like = work.on_grid(node, module.levels(), power_of_two(float(module.out_scale)), given.rank)
    # Behind another table, or before a step with units of its own, no DequantizeLinear tells the grid.
    work.tables[node.name] = {"title": module.title, "scale": like.scale, "zero": like.zero}
    return work.looked_up(given, module.table().cpu().numpy().astype(np.int16), like)


@write_step.register
def _(module: QuantMul, work: Work, node: Node) -> Levels:
    graph, given = work.graph, work.given(node)
    scale = power_of_two(float(module.out_scale))
    # Of integers the product is exact; with the factor in a scale it would be rounded twice.
    product = graph.node("Mul", [work.real(levels, 1.0) for levels in given], f"{node.name}/sum")
    worth = graph.constant(f"{node.name}/factor", float(module.factors()) * scale, np.float32)
    scaled = graph.node("Mul", [product, worth], f"{node.name}/scaled")
    return work.rounded(node, scaled, module.levels(), scale, max(levels.rank for levels in given))


@write_step.register
def _(module: QuantConcat, work: Work, node: Node) -> Levels:
    scale, given = power_of_two(float(module.out_scale)), work.given(node)
    pairs = zip(given, module.factors().tolist(), strict=True)
    parts = [work.real(levels, factor * scale) for levels, factor in pairs]
    joined = work.graph.node("Concat", parts, f"{node.name}/sum", axis=module.axis)
    return work.rounded(node, joined, module.levels(), scale, given[0].rank)


@write_step.register
def _(module: QuantAvgPool, work: Work, node: Node) -> Levels:
    graph, (given,) = work.graph, work.given(node)
    scale, window = power_of_two(float(module.out_scale)), module.kernel[0] * module.kernel[1]
    factor = work.factors[node.name] = float(module.factors()[0])
    pads = {"pads": module.padding * 2, "count_include_pad": 1}
    shape = {"kernel_shape": module.kernel, "strides": module.stride}
    mean = graph.node("AveragePool", [work.real(given, 1.0)], f"{node.name}/sum", **shape, **pads)
    # A mean times its count is the integer sum up to a rounding error, which this takes away.
    count = graph.constant(f"{node.name}/count", window, np.float32)
    total = graph.node("Round", [graph.node("Mul", [mean, count], f"{node.name}/near")], f"{node.name}/total")
    worth = graph.constant(f"{node.name}/factor", factor * scale, np.float32)
    scaled = graph.node("Mul", [total, worth], f"{node.name}/scaled")
    return work.rounded(node, scaled, module.levels(), scale, given.rank)


def _same_grid(work: Work, node: Node, apply: Callable[[str, str], str]) -> Levels:
    """A step that keeps its levels: on pixels as they are, elsewhere between DequantizeLinear and QuantizeLinear."""
    (given,) = work.given(node)
    if given.raw or given.wide:
        return replace(given, name=apply(given.name, node.name))
    real = apply(work.real(given), f"{node.name}/real")
    return work.quantized(replace(given, name=node.name), real)


@write_step.register
def _(module: MaxPool, work: Work, node: Node) -> Levels:
    shape = {"kernel_shape": module.kernel, "strides": module.stride, "dilations": module.dilation}
    attributes = shape | {"pads": module.padding * 2}
    return _same_grid(work, node, lambda x, name: work.graph.node("MaxPool", [x], name, **attributes))


@write_step.register
def _(module: Flatten, work: Work, node: Node) -> Levels:
    return replace(_same_grid(work, node, lambda x, name: work.graph.node("Flatten", [x], name, axis=1)), rank=2)


@write_step.register
def _(module: Reshape, work: Work, node: Node) -> Levels:
    # In ONNX 0 is the size that an axis has: that of the images.
    shape = work.graph.constant(f"{node.name}/shape", [0, *module.shape], np.int64)
    done = _same_grid(work, node, lambda x, name: work.graph.node("Reshape", [x, shape], name))
    return replace(done, rank=1 + len(module.shape))


@write_step.register
def _(module: Permute, work: Work, node: Node) -> Levels:
    return _same_grid(work, node, lambda x, name: work.graph.node("Transpose", [x], name, perm=module.axes))


@write_step.register
def _(module: Slice, work: Work, node: Node) -> Levels:
    if not all(isinstance(part, slice) for part in module.index):
        raise ModelError(f"{node.name}: an index other than a slice for each axis cannot be exported to ONNX")
    columns = {
        "starts": [part.start or 0 for part in module.index],
        "ends": [_END if part.stop is None else part.stop for part in module.index],
        "axes": list(range(len(module.index))),
        "steps": [part.step or 1 for part in module.index],
    }
    given = [work.graph.constant(f"{node.name}/{name}", values, np.int64) for name, values in columns.items()]
    return _same_grid(work, node, lambda x, name: work.graph.node("Slice", [x, *given], name))


@write_step.register
def _(module: Pad, work: Work, node: Node) -> Levels:
    if module.zero is not None:
        raise ModelError(f"{node.name}: padding of normalised pixels cannot be exported to ONNX")
    (given,) = work.given(node)
    before, after = (list(module.amounts[i::2])[::-1] for i in (0, 1))
    none = [0] * (given.rank - len(before))
    amounts = work.graph.constant(f"{node.name}/amounts", [*none, *before, *none, *after], np.int64)
    zero = work.graph.constant(f"{node.name}/nothing", 0, given.dtype if given.raw else np.float32)
    return _same_grid(work, node, lambda x, name: work.graph.node("Pad", [x, amounts, zero], name))
