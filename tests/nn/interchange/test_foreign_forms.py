"""Forms of other exporters that look like ours: the numbers of onnxruntime, or refused by the name of the node."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import TensorProto, helper, numpy_helper

from wattloop.errors import ModelError
from wattloop.nn.integer import IntegerNetwork
from wattloop.nn.interchange.onnx_import import load_onnx

# Four outputs on images whose width and height are four as well: what goes along another axis fits there too.
OUTPUTS = 4
NUMBERS = np.array([1, 4, 6, 13], np.float32)
WEIGHTS = np.random.default_rng(0).integers(-127, 128, (OUTPUTS, 3, 3, 3)).astype(np.int8)
TABLE = (np.arange(256) // 16 * 8).astype(np.uint8)


class Graph:
    """Images of 3x6x6 through one convolution, and what a test makes of its sums."""

    def __init__(self, **conv: Any) -> None:
        self.nodes: list[onnx.NodeProto] = []
        self.constants: list[onnx.TensorProto] = []
        weights = self.node("DequantizeLinear", self.held(WEIGHTS), self.held(np.float32(0.01)))
        pixels = self.node("DequantizeLinear", "x", self.held(np.float32(1 / 255)))
        self.sums = self.node("Conv", pixels, weights, **conv)

    def held(self, value: Any) -> str:
        """Name of a constant."""
        self.constants.append(numpy_helper.from_array(np.asarray(value), f"k{len(self.constants)}"))
        return self.constants[-1].name

    def node(self, operator: str, *inputs: str, **attributes: Any) -> str:
        """Name of what an operator gives."""
        name = f"v{len(self.nodes)}"
        self.nodes.append(helper.make_node(operator, list(inputs), [name], name=name, **attributes))
        return name

    def on_grid(self, value: str, scale: float = 0.05, kind: type[np.generic] = np.int8) -> str:
        """Rounded to levels and back."""
        grid = (self.held(np.float32(scale)), self.held(kind(0)))
        return self.node("DequantizeLinear", self.node("QuantizeLinear", value, *grid), *grid)

    def looked_up(self, table: np.ndarray) -> str:
        """The sums at or above 0 as levels, through a table."""
        grid = (self.held(np.float32(0.05)), self.held(np.uint8(0)))
        levels = self.node("QuantizeLinear", self.node("Relu", self.sums), *grid)
        index = self.node("Cast", levels, to=TensorProto.INT32)
        return self.node("DequantizeLinear", self.node("Gather", self.held(table), index), *grid)

    def saved(self, path: Path, opset: int) -> Path:
        """The model's file; its output is what the last node gives."""
        self.nodes[-1].output[0] = "y"
        image = helper.make_tensor_value_info("x", TensorProto.UINT8, ["n", 3, 6, 6])
        result = helper.make_tensor_value_info("y", TensorProto.FLOAT, [None] * 4)
        graph = helper.make_graph(self.nodes, "foreign", [image], [result], self.constants)
        opsets = [helper.make_opsetid("", opset)]
        onnx.save(helper.make_model(graph, opset_imports=opsets, ir_version=10), path / "model.onnx")
        return path / "model.onnx"


def check_equal(path: Path) -> None:
    """The import computes what onnxruntime does, but for one level where it rounds a product in between."""
    images = np.random.default_rng(1).integers(0, 256, (4, 3, 6, 6)).astype(np.uint8)
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    network = load_onnx(path)
    ours = IntegerNetwork(network).forward(images)
    theirs = session.run(None, {"x": images})[0] / network.output_scale
    assert np.abs(ours - theirs).max() < 1.01
    assert (np.abs(ours - theirs) > 0.01).mean() < 0.01


def shaped(operator: str, *shape: int) -> Callable[[Graph], object]:
    return lambda g: g.on_grid(g.node(operator, g.sums, g.held(NUMBERS.reshape(shape))))


@pytest.mark.parametrize("operator", ["Add", "Mul"])
@pytest.mark.parametrize("shape", [(4, 1, 1), (1, 4, 1, 1)])
def test_a_constant_for_each_channel_is_part_of_the_layer(
    operator: str, shape: tuple[int, ...], tmp_path: Path
) -> None:
    graph = Graph()
    shaped(operator, *shape)(graph)
    check_equal(graph.saved(tmp_path, 17))


@pytest.mark.parametrize("operator", ["Add", "Mul"])
@pytest.mark.parametrize("shape", [(4,), (1, 4), (4, 1), (1, 1, 4), (1, 4, 1), (1, 1, 1, 4), (4, 1, 1, 1)])
def test_a_constant_along_another_axis_is_refused(operator: str, shape: tuple[int, ...], tmp_path: Path) -> None:
    graph = Graph()
    shaped(operator, *shape)(graph)
    with pytest.raises(ModelError, match=rf"\({operator}\): a.* of shape \["):
        load_onnx(graph.saved(tmp_path, 17))


def added(table: np.ndarray) -> Callable[[Graph], object]:
    def follow(g: Graph) -> None:
        held = g.looked_up(table)
        g.on_grid(g.node("Add", held, held), 0.1, np.uint8)

    return follow


def after_a_table(table: np.ndarray) -> list[Callable[[Graph], object]]:
    return [
        added(table),
        lambda g: g.on_grid(g.node("GlobalAveragePool", g.looked_up(table)), 0.043, np.uint8),
        lambda g: g.on_grid(g.node("Relu", g.looked_up(table)), 0.04, np.uint8),
        lambda g: g.on_grid(g.looked_up(table), 0.04, np.uint8),
    ]


@pytest.mark.parametrize("follow", after_a_table(np.array([0, 90, 255], np.uint8)[np.digitize(range(256), [46, 173])]))
def test_nearest_codes_before_anything_but_a_layer_are_refused(
    follow: Callable[[Graph], object], tmp_path: Path
) -> None:
    graph = Graph()
    follow(graph)
    with pytest.raises(ModelError, match="through a table"):
        load_onnx(graph.saved(tmp_path, 17))


@pytest.mark.parametrize("follow", after_a_table(TABLE))
def test_any_other_table_is_a_function(follow: Callable[[Graph], object], tmp_path: Path) -> None:
    graph = Graph()
    follow(graph)
    check_equal(graph.saved(tmp_path, 17))


def rows(*axes: int) -> Callable[[Graph], object]:
    """Each row of what the convolution gives times a matrix, whose columns have scales of their own."""

    def follow(g: Graph) -> None:
        levels = np.random.default_rng(2).integers(-127, 128, (OUTPUTS, 5)).astype(np.int8)
        matrix = g.node(
            "DequantizeLinear", g.held(levels), g.held(np.linspace(0.01, 0.02, 5, dtype=np.float32)), axis=1
        )
        given = g.on_grid(g.sums)
        turned = g.node("Transpose", given, perm=axes) if axes else given
        g.on_grid(g.node("MatMul", turned, matrix))

    return follow


@pytest.mark.parametrize("axes", [(), (0, 2, 3, 1)])
def test_a_product_of_rows_and_a_matrix_is_a_linear_layer(axes: tuple[int, ...], tmp_path: Path) -> None:
    graph = Graph()
    rows(*axes)(graph)
    check_equal(graph.saved(tmp_path, 17))


def test_an_order_of_axes_that_moves_the_images_is_refused(tmp_path: Path) -> None:
    graph = Graph()
    rows(1, 0, 2, 3)(graph)
    with pytest.raises(ModelError, match=r"\(Transpose\): only axes of each image"):
        load_onnx(graph.saved(tmp_path, 17))


@pytest.mark.parametrize("kind", [TensorProto.INT8, TensorProto.UINT8, None])
def test_the_type_of_levels_may_stand_in_an_attribute(kind: int | None, tmp_path: Path) -> None:
    graph = Graph()
    scale = graph.held(np.float32(0.05))
    told = {} if kind is None else {"output_dtype": kind}
    graph.node("DequantizeLinear", graph.node("QuantizeLinear", graph.sums, scale, **told), scale)
    check_equal(graph.saved(tmp_path, 21))


def rounded_to(kind: int) -> Callable[[Graph], object]:
    def follow(g: Graph) -> None:
        grid = (g.held(np.float32(0.05)), g.held(np.int8(0)))
        g.node("DequantizeLinear", g.node("QuantizeLinear", g.sums, *grid, output_dtype=kind), *grid)

    return follow


def dropped(training: bool) -> Callable[[Graph], object]:
    return lambda g: g.on_grid(g.node("Dropout", g.sums, g.held(np.float32(0.5)), g.held(training)))


def after_pooling(operator: str) -> Callable[[Graph], object]:
    def follow(g: Graph) -> None:
        pooled = g.node("GlobalAveragePool", g.on_grid(g.sums))
        g.on_grid(g.node(operator, pooled, g.held(NUMBERS.reshape(4, 1, 1))))

    return follow


def averaged(*dilations: int) -> Callable[[Graph], object]:
    options = {"kernel_shape": [3, 3], "dilations": dilations}
    return lambda g: g.on_grid(g.node("AveragePool", g.on_grid(g.sums), **options))


@pytest.mark.parametrize(
    ("conv", "follow", "told"),
    [
        ({}, rounded_to(TensorProto.UINT8), "output_dtype"),
        ({}, rounded_to(TensorProto.INT16), "output_dtype"),
        ({}, dropped(training=True), "training"),
        ({}, averaged(2, 2), "dilations"),
        ({}, after_pooling("Mul"), "a constant for each channel is part of convolutions and linear layers only"),
        ({}, after_pooling("Add"), "a constant for each channel is part of convolutions and linear layers only"),
        ({"kernel_shape": [2, 2]}, lambda g: g.on_grid(g.sums), "kernel_shape"),
    ],
)
def test_what_would_compute_something_else_is_refused(
    conv: dict[str, Any], follow: Callable[[Graph], object], told: str, tmp_path: Path
) -> None:
    graph = Graph(**conv)
    follow(graph)
    with pytest.raises(ModelError, match=told):
        load_onnx(graph.saved(tmp_path, 21))


@pytest.mark.parametrize(
    ("conv", "follow"),
    [({"kernel_shape": [3, 3]}, averaged(1, 1)), ({}, dropped(training=False))],
)
def test_the_same_forms_come_in_where_they_change_nothing(
    conv: dict[str, Any], follow: Callable[[Graph], object], tmp_path: Path
) -> None:
    graph = Graph(**conv)
    follow(graph)
    check_equal(graph.saved(tmp_path, 21))
