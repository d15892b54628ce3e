"""ONNX files of anybody as plain nodes and arrays; nothing in them is executed, nothing beside them is opened."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy.typing as npt

from wattloop.errors import ModelError, StorageError
from wattloop.nn.interchange.library import METADATA, onnx

_GREATEST_FILE = 1 << 30
_OLDEST_OPSET = 13  # from here on QuantizeLinear has an axis and Clip, Squeeze and Pad take their arguments as inputs
_MOST_NODES = 100_000

Array = npt.NDArray[Any]


@dataclass(frozen=True)
class OnnxNode:
    """A node of the graph.

    Attributes:
        operator: of the default domain.
        name: its own, or its first output's.
        inputs, outputs: names of values; "" for an optional input that is left out.
        attributes: numbers, texts, lists of them, arrays.
    """

    operator: str
    name: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    attributes: dict[str, Any]

    @property
    def title(self) -> str:
        """What messages call it."""
        return f"node {self.name} ({self.operator})"


@dataclass(frozen=True)
class OnnxGraph:
    """A model with one input and one output.

    Attributes:
        nodes: in an order in which each reads what is there.
        constants: by name.
        image: name of the input.
        pixels: whether it is uint8.
        shape: of the input, None where it is open.
        output: name.
        told: what our own export noted; empty in models of others.
    """

    nodes: tuple[OnnxNode, ...]
    constants: dict[str, Array]
    image: str
    pixels: bool
    shape: tuple[int | None, ...]
    output: str
    told: dict[str, Any]


def read_graph(path: Path) -> OnnxGraph:
    """The graph of an ONNX file.

    Raises:
        StorageError: missing, damaged, too large, or with weights in other files.
        ModelError: of another kind than networks of images are.
        ToolError: the package onnx is missing.
    """
    package = onnx()
    try:
        if path.stat().st_size > _GREATEST_FILE:
            raise StorageError(f"{path} is larger than {_GREATEST_FILE >> 20} MiB, which no network here is")
        model = package.load_model_from_string(path.read_bytes())
    except OSError as error:
        raise StorageError(f"cannot read {path}: {error.strerror}") from error
    except StorageError:
        raise
    except Exception as error:  # protobuf has errors of its own
        raise StorageError(f"{path} is no ONNX file, or a damaged one: {first_line(error)}") from error
    _refuse_other_files(path, model.graph)
    try:
        package.checker.check_model(model)
    except Exception as error:  # onnx's checker has errors of its own
        raise StorageError(f"{path} is a damaged ONNX model: {first_line(error)}") from error
    return _graph(path, model)


def first_line(error: Exception) -> str:
    """What another package says is wrong, in one line."""
    return (str(error) or type(error).__name__).splitlines()[0]


def _refuse_other_files(path: Path, graph: Any) -> None:
    """Before anything looks at a tensor: one whose data lie elsewhere names a file that would be opened."""
    tensors = [*graph.initializer, *(a.t for node in graph.node for a in node.attribute if a.HasField("t"))]
    if any(tensor.external_data or tensor.data_location for tensor in tensors) or len(graph.sparse_initializer):
        raise StorageError(
            f"{path} keeps weights in other files, or sparsely; save it whole: onnx.save(onnx.load(FILE), ONE_FILE)"
        )
    if any(a.HasField("g") or len(a.graphs) for node in graph.node for a in node.attribute):
        raise ModelError(f"{path} holds graphs inside nodes (If, Loop, Scan), which cannot be imported")


def _graph(path: Path, model: Any) -> OnnxGraph:
    graph = model.graph
    version = max((entry.version for entry in model.opset_import if entry.domain in ("", "ai.onnx")), default=0)
    if version < _OLDEST_OPSET:
        raise ModelError(f"{path} is of opset {version}: convert it to {_OLDEST_OPSET} with onnx.version_converter")
    if len(model.functions):
        raise ModelError(f"{path} holds functions of its own: inline them with onnx.inliner.inline_local_functions")
    if len(graph.node) > _MOST_NODES:
        raise ModelError(f"{path} has {len(graph.node)} nodes; {_MOST_NODES} are the most")
    constants = {tensor.name: _array(path, tensor) for tensor in graph.initializer}
    nodes = tuple(_node(path, node) for node in graph.node)
    inputs = [value for value in graph.input if value.name not in constants]
    if len(inputs) != 1 or len(graph.output) != 1:
        raise ModelError(f"{path} has {len(inputs)} inputs and {len(graph.output)} outputs; one of each is supported")
    tensor = inputs[0].type.tensor_type
    kinds = {onnx().TensorProto.UINT8: True, onnx().TensorProto.FLOAT: False}
    if tensor.elem_type not in kinds:
        raise ModelError(f"{path}: the input {inputs[0].name} is neither uint8 nor float32")
    shape = tuple(axis.dim_value if axis.HasField("dim_value") else None for axis in tensor.shape.dim)
    pixels = kinds[tensor.elem_type]
    return OnnxGraph(nodes, constants, inputs[0].name, pixels, shape, graph.output[0].name, _told(model))


def _array(path: Path, tensor: Any) -> Array:
    """The numbers of a tensor; their count is checked against its shape before anything is made of that size."""
    try:
        array: Array = onnx().numpy_helper.to_array(tensor)
    except Exception as error:  # whatever a damaged tensor provokes
        raise StorageError(f"{path}: the tensor {tensor.name} is damaged: {first_line(error)}") from error
    if array.dtype.kind not in "iufb":
        raise ModelError(f"{path}: the tensor {tensor.name} holds {array.dtype}, no numbers")
    return array


def _node(path: Path, node: Any) -> OnnxNode:
    name = node.name or next(iter(node.output), node.op_type)
    if node.domain not in ("", "ai.onnx"):
        raise ModelError(
            f"{path}: node {name} is a {node.domain}.{node.op_type}; only ONNX's own operators are imported"
        )
    attributes = {a.name: _attribute(path, a) for a in node.attribute}
    return OnnxNode(node.op_type, name, tuple(node.input), tuple(node.output), attributes)


def _attribute(path: Path, attribute: Any) -> Any:
    if attribute.HasField("t"):
        return _array(path, attribute.t)
    value = onnx().helper.get_attribute_value(attribute)
    if isinstance(value, bytes):
        return value.decode(errors="replace")
    return tuple(value) if isinstance(value, Iterable) and not isinstance(value, str) else value


def _told(model: Any) -> dict[str, Any]:
    """Our own notes; anything else that stands there is none."""
    texts = [entry.value for entry in model.metadata_props if entry.key == METADATA]
    try:
        told = json.loads(texts[0]) if texts else {}
    except (ValueError, RecursionError):
        return {}
    return told if isinstance(told, dict) else {}
