"""Functions between DequantizeLinear and QuantizeLinear come in as tables with the levels of onnxruntime."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import onnx
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from onnx import TensorProto, helper, numpy_helper
from tests.nn.interchange.runtime import ALL, OFF, session

from wattloop.arith.quant import level_range
from wattloop.errors import ModelError
from wattloop.nn.fixed_table import FixedTable
from wattloop.nn.grid import Activation
from wattloop.nn.interchange.onnx_import import load_onnx

GRIDS = {"uint8": (np.uint8, 0), "int8": (np.int8, 0), "uint8, 128": (np.uint8, 128), "int8, -128": (np.int8, -128)}
# Sigmoid, tanh, exponentials are computed by other polynomials: where a value lies within an ulp of the middle of two
# levels it may go the other way. Measured over the cases below: none.
MOST_APART = 1


class Function:
    """256 pixels as a 1x16x16 image through an identity layer, whose levels are theirs, and a function of them."""

    def __init__(self, given: str, scale: float) -> None:
        self.nodes: list[onnx.NodeProto] = []
        self.constants: list[onnx.TensorProto] = []
        dtype, zero = GRIDS[given]
        signed = (dtype, zero) in ((np.int8, 0), (np.uint8, 128))
        grid = (self.held(np.float32(scale)), self.held(dtype(zero)))
        middle = self.held(np.uint8(128 if signed else 0))
        weights = self.node("DequantizeLinear", self.held(np.ones((1, 1, 1, 1), np.int8)), self.held(np.float32(1)))
        pixels = self.node("DequantizeLinear", "x", grid[0], middle)
        levels = self.node("QuantizeLinear", self.node("Conv", pixels, weights), *grid)
        self.real = self.node("DequantizeLinear", levels, *grid)

    def held(self, value: Any) -> str:
        """Name of a constant."""
        self.constants.append(numpy_helper.from_array(np.asarray(value), f"k{len(self.constants)}"))
        return self.constants[-1].name

    def number(self, value: float) -> str:
        return self.held(np.float32(value))

    def node(self, operator: str, *inputs: str, **attributes: Any) -> str:
        """Name of what an operator gives."""
        name = f"v{len(self.nodes)}"
        self.nodes.append(helper.make_node(operator, list(inputs), [name], name=name, **attributes))
        return name

    def model(self, real: str, given: str, scale: float) -> onnx.ModelProto:
        """With its values rounded to a grid."""
        dtype, zero = GRIDS[given]
        grid = (self.held(np.float32(scale)), self.held(dtype(zero)))
        self.node("DequantizeLinear", self.node("QuantizeLinear", real, *grid), *grid)
        self.nodes[-1].output[0] = "y"
        image = helper.make_tensor_value_info("x", TensorProto.UINT8, ["n", 1, 16, 16])
        result = helper.make_tensor_value_info("y", TensorProto.FLOAT, [None] * 4)
        graph = helper.make_graph(self.nodes, "function", [image], [result], self.constants)
        return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=9)


PIXELS = np.arange(256, dtype=np.uint8).reshape(1, 1, 16, 16)
Follow = Callable[[Function, str], str]


def hard_swish_in_steps(f: Function, x: str) -> str:
    """As exporters before opset 14 write it."""
    gate = f.node("Clip", f.node("Add", x, f.number(3)), f.number(0), f.number(6))
    return f.node("Div", f.node("Mul", x, gate), f.number(6))


def gelu_in_steps(f: Function, x: str) -> str:
    """As exporters before opset 20 write it."""
    inner = f.node("Add", f.node("Erf", f.node("Div", x, f.number(2**0.5))), f.number(1))
    return f.node("Mul", f.node("Mul", x, inner), f.number(0.5))


FUNCTIONS: dict[str, Follow] = {
    "HardSwish": lambda f, x: f.node("HardSwish", x),
    "HardSwish in steps": hard_swish_in_steps,
    "HardSigmoid": lambda f, x: f.node("HardSigmoid", x),
    "HardSigmoid of torch": lambda f, x: f.node("HardSigmoid", x, alpha=1 / 6),
    "Sigmoid": lambda f, x: f.node("Sigmoid", x),
    "SiLU": lambda f, x: f.node("Mul", x, f.node("Sigmoid", x)),
    "Gelu": lambda f, x: f.node("Gelu", x),
    "Gelu by tanh": lambda f, x: f.node("Gelu", x, approximate="tanh"),
    "Gelu in steps": gelu_in_steps,
    "Tanh": lambda f, x: f.node("Tanh", x),
    "LeakyRelu": lambda f, x: f.node("LeakyRelu", x, alpha=0.2),
    "Elu": lambda f, x: f.node("Elu", x, alpha=0.7),
    "Selu": lambda f, x: f.node("Selu", x),
    "Mish": lambda f, x: f.node("Mish", x),
    "Softplus": lambda f, x: f.node("Softplus", x),
    "Softsign": lambda f, x: f.node("Softsign", x),
    "Abs": lambda f, x: f.node("Abs", x),
    "Hardtanh": lambda f, x: f.node("Clip", x, f.number(-0.4), f.number(0.7)),
    "ReLU6": lambda f, x: f.node("Clip", x, f.number(0), f.number(6)),
    "Relu of a difference": lambda f, x: f.node("Relu", f.node("Sub", f.number(1.5), x)),
    "Neg": lambda f, x: f.node("Neg", x),
}


def compare(model: onnx.ModelProto, folder: Path, scale: float) -> tuple[int, int]:
    """Levels of 256 that differ from onnxruntime's, optimised and not, and the greatest distance."""
    onnx.checker.check_model(model, full_check=True)
    onnx.save(model, folder / "model.onnx")
    network = load_onnx(folder / "model.onnx")
    with torch.inference_mode():
        ours = network.forward_levels(torch.from_numpy(PIXELS)).numpy()
    assert np.ptp(ours) > 0
    found = [session(model, level).run(None, {"x": PIXELS})[0] for level in (OFF, ALL)]
    apart = [np.abs(np.rint(real / np.float32(scale)) - ours) for real in found]
    return max(int((a > 0).sum()) for a in apart), max(int(a.max()) for a in apart)


@pytest.mark.parametrize("name", FUNCTIONS)
def test_functions_are_the_tables_that_onnxruntime_computes(name: str, tmp_path: Path) -> None:
    different = 0
    for grid, scale in (("int8", 0.0473), ("uint8", 0.0311), ("uint8, 128", 0.0913), ("int8, -128", 0.0127)):
        for kept, out in (("int8", 0.0231), ("uint8", 0.0191)):
            if (name, kept, grid) in (("Neg", "uint8", "uint8"), ("Neg", "uint8", "int8, -128")):
                continue  # nothing but 0
            function = Function(grid, scale)
            model = function.model(FUNCTIONS[name](function, function.real), kept, out)
            wrong, most = compare(model, tmp_path, out)
            assert most <= MOST_APART, (grid, kept)
            different += wrong
    assert different == 0


@pytest.mark.parametrize("name", ["HardSwish", "SiLU", "Hardtanh"])
def test_a_function_is_one_step_of_the_network(name: str, tmp_path: Path) -> None:
    function = Function("int8", 0.05)
    onnx.save(function.model(FUNCTIONS[name](function, function.real), "int8", 0.04), tmp_path / "model.onnx")
    network = load_onnx(tmp_path / "model.onnx")
    (table,) = network.ops.values()
    assert isinstance(table, FixedTable)
    assert (float(table.in_scales[0]), float(table.out_scale)) == pytest.approx((0.05, 0.04), rel=1e-7)
    assert table.title == {"HardSwish": "HardSwish", "SiLU": "Sigmoid Mul", "Hardtanh": "Clip"}[name]


def of_two(f: Function, x: str) -> str:
    grid = (f.number(0.03), f.held(np.int8(0)))
    other = f.node("DequantizeLinear", f.node("QuantizeLinear", f.node("Tanh", x), *grid), *grid)
    return f.node("Mul", f.node("Sigmoid", x), other)


@pytest.mark.parametrize(
    ("follow", "said"),
    [
        (of_two, r"\(Mul\): joins functions of two tensors"),
        (lambda f, x: f.node("Sub", x, f.held(np.ones((1, 1, 16, 16), np.float32))), r"\(Sub\): only of a tensor and"),
        (lambda f, x: f.node("Sub", x, x), r"\(Sub\): only of a tensor and"),
        (lambda f, x: f.node("MaxPool", f.node("Tanh", x), kernel_shape=[2, 2]), r"\(MaxPool\).*levels"),
        (lambda f, x: f.node("Div", f.node("Sub", x, x_of_128(f)), f.number(0)), r"Sub Div.* is no number"),
        (lambda f, x: f.node("Exp", x), r"\(Exp\): this operator cannot be imported"),
    ],
)
def test_what_is_no_function_of_one_tensor_is_refused(follow: Follow, said: str, tmp_path: Path) -> None:
    function = Function("int8", 0.05)
    onnx.save(function.model(follow(function, function.real), "int8", 0.04), tmp_path / "model.onnx")
    with pytest.raises(ModelError, match=said):
        load_onnx(tmp_path / "model.onnx")


def x_of_128(f: Function) -> str:
    return f.number(np.float32(0.05) * np.float32(12))


operations = st.sampled_from(["Add", "Sub", "Mul", "Div", "Clip", "Relu", "Tanh", "HardSigmoid", "LeakyRelu", "itself"])
numbers = st.floats(-4, 4, width=32).filter(lambda value: abs(value) > 0.01)
# ReLU of a tensor, and its square, are steps of their own, which stand before QuantizeLinear alone.
chains = st.lists(st.tuples(operations, numbers), min_size=1, max_size=5).filter(
    lambda chain: len(chain) == 1 or chain[0][0] not in ("Relu", "itself")
)


@settings(max_examples=30)
@given(chains, st.sampled_from(sorted(GRIDS)))
def test_any_chain_of_operators_is_one_table(chain: list[tuple[str, float]], kept: str) -> None:
    """Whatever they are: the levels of onnxruntime, but for one step."""
    function = Function("int8", 0.0473)
    real = function.real
    for operator, number in chain:
        inputs = {"Clip": [function.number(-abs(number)), function.number(abs(number))], "itself": [function.real]}
        if operator in ("Add", "Sub", "Mul", "Div"):
            inputs[operator] = [function.number(number)]
        real = function.node("Mul" if operator == "itself" else operator, real, *inputs.get(operator, []))
    model = function.model(real, kept, 0.0331)
    with TemporaryDirectory() as folder:
        onnx.save(model, Path(folder) / "model.onnx")
        network = load_onnx(Path(folder) / "model.onnx")
    with torch.inference_mode():
        ours = network.forward_levels(torch.from_numpy(PIXELS)).numpy()
    for level in (OFF, ALL):
        (found,) = session(model, level).run(None, {"x": PIXELS})
        apart = np.abs(np.rint(found / np.float32(0.0331)) - ours)
        assert apart.max() <= 1
        assert (apart > 0).sum() <= 4


def table_of(entries: np.ndarray, *, signed: bool) -> FixedTable:
    table = FixedTable("any", Activation(relu=not signed), in_signed=True)
    table.entries.copy_(torch.from_numpy(entries))
    return table


@given(st.integers(0, 99), st.booleans())
def test_a_table_keeps_to_its_levels_and_passes_the_slope_between_neighbours(seed: int, signed: bool) -> None:
    entries = np.random.default_rng(seed).integers(-200, 300, 256)
    table = table_of(entries, signed=signed)
    levels = torch.arange(-128.0, 128.0, requires_grad=True)
    found = table(levels)
    held = np.clip(entries, *level_range(signed))
    assert np.array_equal(found.detach().numpy(), held)
    found.sum().backward()
    assert levels.grad is not None
    assert np.allclose(levels.grad.numpy(), np.gradient(held))
