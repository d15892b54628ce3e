"""Integers of onnxruntime and of the integer network, value by value."""

from __future__ import annotations

import copy
from typing import Any

import numpy as np
import onnx
import onnxruntime

from wattloop.arith.quant import Levels
from wattloop.nn.integer import IntegerNetwork
from wattloop.nn.layers import QuantLayer
from wattloop.nn.network import QuantizedNetwork

OFF, ALL = (
    onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL,
    onnxruntime.GraphOptimizationLevel.ORT_ENABLE_ALL,
)


def session(model: onnx.ModelProto, level: Any = ALL) -> onnxruntime.InferenceSession:
    """One thread; without VNNI the kernels that saturate sums of two products in 16 bits are not taken."""
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = level
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.add_session_config_entry("session.x64quantprecision", "1")
    return onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])


def steps_of(network: QuantizedNetwork, images: np.ndarray) -> dict[str, Levels]:
    """What every step of the integer network gives."""
    values: dict[str, Levels] = {"input": images}
    for node, step in IntegerNetwork(network)._steps:
        values[node.name] = step(*(values[name] for name in node.inputs))
    return values


def seen(network: QuantizedNetwork, model: onnx.ModelProto, images: np.ndarray, level: Any) -> dict[str, np.ndarray]:
    """The same of onnxruntime. Levels are taken through casts, beside which every node is optimised as it would be."""
    tapped = copy.deepcopy(model)
    inner = [node.name for node in network.program if not is_real(network, node.name)]
    zeros = {tensor.name: onnx.numpy_helper.to_array(tensor) for tensor in model.graph.initializer}
    for name in inner:
        tap = f"{name}#"
        tapped.graph.node.append(onnx.helper.make_node("Cast", [name], [tap], to=onnx.TensorProto.INT32))
        tapped.graph.output.append(onnx.helper.make_tensor_value_info(tap, onnx.TensorProto.INT32, None))
    logits, *taps = session(tapped, level).run(None, {"input": images})
    found = {name: tap - _zero(zeros, network, name) for name, tap in zip(inner, taps, strict=True)}
    if network.output not in inner:
        found[network.output] = np.rint(logits.astype(np.float64) / network.output_scale).astype(np.int64)
    return found


def _grid(network: QuantizedNetwork, name: str) -> str:
    """The step whose grid a step's levels lie on; "input" for pixels."""
    if name == "input" or hasattr(network.module_of(name), "out_scale"):
        return name
    return _grid(network, {node.name: node for node in network.program}[name].inputs[0])


def is_real(network: QuantizedNetwork, name: str) -> bool:
    """Whether a step's value is logits, which are real numbers in the model."""
    grid = _grid(network, name)
    maker = None if grid == "input" else network.module_of(grid)
    return isinstance(maker, QuantLayer) and maker.wide


def _zero(zeros: dict[str, np.ndarray], network: QuantizedNetwork, name: str) -> int:
    """What the tensor of a step holds for level 0."""
    grid = _grid(network, name)
    return 0 if grid == "input" else int(zeros[f"{grid}/zero"])


def differing(ours: dict[str, Levels], theirs: dict[str, np.ndarray]) -> tuple[int, int, int]:
    """Values that differ, values in all, and the greatest distance.

    Logits are products in float32: from 2^22 units on their integers are known to a few units in the last place.
    """
    apart = [_apart(ours[name], found) for name, found in theirs.items()]
    return sum(int((a > 0).sum()) for a in apart), sum(a.size for a in apart), max(int(a.max()) for a in apart)


def _apart(ours: Levels, theirs: np.ndarray) -> np.ndarray:
    apart = np.abs(theirs.astype(np.int64) - ours.astype(np.int64))
    size = np.abs(ours).astype(np.float32)
    return np.where((size >= 1 << 22) & (apart <= 4 * np.spacing(size)), 0, apart)


def differing_step_by_step(
    network: QuantizedNetwork, ours: dict[str, Levels], theirs: dict[str, np.ndarray]
) -> tuple[int, int, int]:
    """The same where each step reads what onnxruntime gave it, so that a difference is counted where it arises."""
    given = {name: theirs[name].astype(ours[name].dtype) for name in theirs} | {"input": ours["input"]}
    repeated: dict[str, Levels] = {}
    for node, step in IntegerNetwork(network)._steps:
        repeated[node.name] = step(*(given[name] for name in node.inputs))
        given.setdefault(node.name, repeated[node.name])
    return differing(repeated, theirs)
