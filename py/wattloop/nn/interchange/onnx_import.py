"""A quantised network from an ONNX model of QuantizeLinear and DequantizeLinear, ours or anybody's.

Requantisation factors are formed as onnxruntime's integer kernels form them, in float32: input scale * weight scale /
output scale. What cannot be computed with our steps is refused by the name of its node.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from wattloop.errors import ModelError
from wattloop.nn.architecture import ImportedArchitecture
from wattloop.nn.interchange import read_functions, read_joins, read_layer, read_moves, read_steps, read_tables
from wattloop.nn.interchange.assembly import Assembly, checked_shape, restate
from wattloop.nn.interchange.program import check_names, describe
from wattloop.nn.interchange.read_grids import Image, read_dequantize, read_quantize
from wattloop.nn.interchange.reading import OnnxGraph, OnnxNode, first_line, read_graph
from wattloop.nn.interchange.values import Levels, Real, Shape, Sum, Value
from wattloop.nn.layers import QuantLayer
from wattloop.nn.network import INPUT, Normalisation, QuantizedNetwork

_READERS: Mapping[str, Callable[[OnnxNode, Any, Assembly], Any]] = {
    "Add": read_steps.read_add,
    "AveragePool": read_steps.read_average,
    "Cast": read_tables.read_cast,
    "Clip": read_steps.read_clip,
    "Concat": read_joins.read_concat,
    "Conv": read_layer.read_conv,
    "DequantizeLinear": read_dequantize,
    "Div": read_functions.read_arithmetic,
    "Dropout": read_steps.read_dropout,
    "Flatten": read_moves.read_flatten,
    "Gather": read_tables.read_table,
    "Gemm": read_layer.read_gemm,
    "GlobalAveragePool": read_steps.read_average,
    "Identity": lambda node, values, work: values[0],
    "MatMul": read_layer.read_gemm,
    "MaxPool": read_moves.read_max_pool,
    "Mul": read_steps.read_mul,
    "Pad": read_moves.read_pad,
    "QuantizeLinear": read_quantize,
    "Relu": read_steps.read_relu,
    "Reshape": read_moves.read_reshape,
    "Round": read_steps.read_round,
    "Slice": read_moves.read_slice,
    "Squeeze": read_moves.read_flatten,
    "Sub": read_functions.read_arithmetic,
    "Transpose": read_moves.read_transpose,
} | dict.fromkeys(read_functions.FUNCTIONS, read_functions.read_function)


def load_onnx(path: Path, *, input_shape: tuple[int, int, int] | None = None) -> QuantizedNetwork:
    """The network of an ONNX file; in evaluation mode.

    A pixel of the images that it takes is the level that the model's input is quantised to.

    Args:
        path: file. Nothing in it is executed, and no other file is opened.
        input_shape: (channels, height, width) of the images, where the model leaves them open.

    Raises:
        StorageError: missing, damaged, too large, or with weights in other files.
        ModelError: it computes what our steps cannot; the message names the node.
        ToolError: the package onnx is missing.
    """
    graph = read_graph(path)
    try:
        with np.errstate(all="ignore"):  # what overflows is refused where it is used
            return _network(graph, _image_shape(graph, input_shape), path.stem)
    except ModelError as error:
        raise ModelError(f"{path}: {error}") from error


def _image_shape(graph: OnnxGraph, given: tuple[int, int, int] | None) -> tuple[int, int, int]:
    """Of one image."""
    axes = graph.shape[1:]
    if len(graph.shape) not in (0, 4):
        raise ModelError(f"the input {graph.image} has {len(graph.shape)} axes; images have 4")
    if given is not None:
        if any(told not in (None, wanted) for told, wanted in zip(axes, given, strict=False)):
            raise ModelError(f"the input {graph.image} takes images of {list(axes)}, not {list(given)}")
        return given
    if len(axes) != 3 or None in axes:
        raise ModelError(f"the input {graph.image} leaves the size of the images open: give --input-shape C,H,W")
    channels, height, width = (int(n or 0) for n in axes)
    return channels, height, width


def _network(graph: OnnxGraph, shape: tuple[int, int, int], name: str) -> QuantizedNetwork:
    image = checked_shape((1, *shape), OnnxNode("Input", graph.image, (), (), {}))
    work = Assembly(image, graph.told)
    values: dict[str, Any] = dict(graph.constants)
    values[graph.image] = work.pixels if graph.pixels else Image()
    seen: list[Real] = []
    for node in graph.nodes:
        result = _read(node, values, work)
        if isinstance(result, Real) and result.levels.raw:
            seen.append(result)
        if node.outputs:
            values[node.outputs[0]] = result
    if graph.output not in values:
        raise ModelError(f"the output {graph.output} is not computed by any node")
    output = _output(graph, values[graph.output], work)
    return _assembled(work, output, shape, _normalisation(graph, seen, shape[0]), name)


def _read(node: OnnxNode, values: dict[str, Any], work: Assembly) -> Value:
    if node.operator == "Constant":
        return _constant(node)
    reader = _READERS.get(node.operator)
    if reader is None:
        raise ModelError(f"{node.title}: this operator cannot be imported; known: {', '.join(_READERS)}")
    missing = [name for name in node.inputs if name and name not in values]
    if missing:
        raise ModelError(f"{node.title}: its input {missing[0]} is a second output of a node")
    given = tuple(values[name] if name else None for name in node.inputs)
    if isinstance(given[0], Image) and node.operator not in ("QuantizeLinear", "Identity"):
        raise ModelError(f"{node.title}: computes with real pixels; the input must go to QuantizeLinear first")
    try:
        result: Value = reader(node, given, work)
    except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError) as error:
        # Attributes of other types and lengths than the operator has, which onnx's checker lets pass.
        raise ModelError(f"{node.title}: its inputs or attributes do not fit: {first_line(error)}") from error
    return result


def _constant(node: OnnxNode) -> Value:
    (name, value), *more = node.attributes.items() or [("", None)]
    if more or name not in ("value", "value_int", "value_ints", "value_float", "value_floats"):
        raise ModelError(f"{node.title}: a constant that is no number")
    return np.asarray(value, {"i": np.int64, "f": np.float32}[name[6]]) if name != "value" else np.asarray(value)


def _output(graph: OnnxGraph, value: Any, work: Assembly) -> tuple[str, str]:
    """Node and grid of the network's output."""
    end = OnnxNode("Output", graph.output, (), (), {})
    if isinstance(value, Sum):
        levels = work.wide(value, end)
        return levels.node, levels.grid
    levels = value.levels if isinstance(value, Real) else value
    if not isinstance(levels, Levels) or levels.grid == INPUT or levels.codes is not None:
        raise ModelError(f"{end.title}: is not computed by a layer")
    if isinstance(value, Real):
        restate(work.modules[levels.grid], value.scale)
    return levels.node, levels.grid


def _normalisation(graph: OnnxGraph, seen: list[Real], channels: int) -> Normalisation | None:
    """Mean and standard deviation of pixels / 255 under which a pixel is the level of the input.

    Those that our own export noted, where they fit.
    """
    if not seen:
        raise ModelError("no node computes with the pixels")
    zeros = {_by_channel(real, channels) for real in seen}
    if len({real.scale for real in seen}) != 1 or len(zeros) > 1:
        raise ModelError("the pixels are dequantised in two ways")
    zero = np.array(next(iter(zeros)))
    if graph.told and graph.told.get("normalisation") is None and not zero.any():
        return None
    try:
        mean, std = (tuple(float(v) for v in part) for part in graph.told["normalisation"])
        if len(mean) == len(std) == channels and np.array_equal(np.rint(np.array(mean, np.float32) * 255), zero):
            return mean, std
    except (KeyError, TypeError, ValueError):
        pass
    return tuple((zero / 255.0).tolist()), (1 / (255.0 * seen[0].scale),) * channels


def _by_channel(real: Real, channels: int) -> tuple[int, ...]:
    """The zero of the pixels in each channel; those of a flattened image go by features."""
    if real.zero is None:
        return (0,) * channels
    zero = np.broadcast_to(real.zero, (max(channels, real.zero.size),)).reshape(channels, -1)
    if (zero != zero[:, :1]).any():
        raise ModelError("the zero points of the pixels differ within a channel")
    return tuple(int(level) for level in zero[:, 0])


def _assembled(
    work: Assembly, output: tuple[str, str], shape: Shape, normalisation: Normalisation | None, name: str
) -> QuantizedNetwork:
    if not any(isinstance(module, QuantLayer) for module in work.modules.values()):
        raise ModelError("the network has no convolution and no linear layer")
    channels, height, width = shape
    try:
        check_names(tuple(work.program), work.modules, output)
        network = QuantizedNetwork(
            tuple(work.program), work.modules, output, (channels, height, width), normalisation, None
        )
    except (ValueError, KeyError, AttributeError) as error:
        raise ModelError(f"names of nodes that cannot be told apart: {error}") from error
    outputs = work.shapes[output[0]][1]
    network.architecture = ImportedArchitecture(name, outputs, channels, describe(network))
    return network.eval()
