"""ONNX models that wattloop did not write."""

from __future__ import annotations

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper
from onnxruntime.quantization import CalibrationDataReader


def _weights(rng: np.random.Generator, *shape: int) -> np.ndarray:
    return (rng.normal(size=shape) / np.sqrt(max(1, np.prod(shape[1:])))).astype(np.float32)


def float_model(*, matmul: bool = False) -> onnx.ModelProto:
    """A float network as exporters write it: strided, depthwise and 1x1 convolutions, a residual addition, pooling."""
    rng = np.random.default_rng(0)
    shapes = {
        "w1": (8, 3, 3, 3),
        "b1": (8,),
        "wd": (8, 1, 3, 3),
        "bd": (8,),
        "w2": (8, 8, 1, 1),
        "b2": (8,),
        "bl": (5,),
    }
    constants = {name: _weights(rng, *shape) for name, shape in shapes.items()}
    constants |= {"wl": _weights(rng, 5, 8), "low": np.float32(0), "high": np.float32(6)}
    if matmul:
        constants["wl"] = constants["wl"].T.copy()
    make = helper.make_node
    nodes = [
        make("Conv", ["x", "w1", "b1"], ["c1"], name="/conv1/Conv", pads=[1] * 4, strides=[2, 2], kernel_shape=[3, 3]),
        make("Relu", ["c1"], ["r1"], name="/relu/Relu"),
        make("Conv", ["r1", "wd", "bd"], ["cd"], name="/dw/Conv", pads=[1] * 4, group=8, kernel_shape=[3, 3]),
        make("Clip", ["cd", "low", "high"], ["rd"], name="/relu6/Clip"),
        make("Conv", ["rd", "w2", "b2"], ["c2"], name="/pw/Conv", kernel_shape=[1, 1]),
        make("Add", ["c2", "r1"], ["a"], name="/Add"),
        make("Relu", ["a"], ["ra"], name="/relu_1/Relu"),
        make("MaxPool", ["ra"], ["m"], name="/pool/MaxPool", kernel_shape=[2, 2], strides=[2, 2]),
        make("GlobalAveragePool", ["m"], ["g"], name="/gap/GlobalAveragePool"),
        make("Flatten", ["g"], ["f"], name="/Flatten"),
    ]
    if matmul:
        nodes += [
            make("MatMul", ["f", "wl"], ["p"], name="/fc/MatMul"),
            make("Add", ["p", "bl"], ["y"], name="/fc/Add"),
        ]
    else:
        nodes.append(make("Gemm", ["f", "wl", "bl"], ["y"], name="/fc/Gemm", transB=1))
    image = helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n", 3, 16, 16])
    return _model(nodes, image, 2, constants)


def mobile_model() -> onnx.ModelProto:
    """A float network in the manner of MobileNetV3: hard swish, squeeze and excitation, SiLU, branches joined."""
    rng, make = np.random.default_rng(0), helper.make_node
    constants: dict[str, np.ndarray] = {"low": np.float32(0), "high": np.float32(6)}
    nodes: list[onnx.NodeProto] = []

    def layer(name: str, given: str, *shape: int, **attributes: object) -> str:
        constants[f"{name}/w"], constants[f"{name}/b"] = 2 * _weights(rng, *shape), _weights(rng, shape[0])
        operator = "Conv" if len(shape) == 4 else "Gemm"
        attributes |= {"kernel_shape": shape[2:]} if operator == "Conv" else {"transB": 1}
        nodes.append(make(operator, [given, f"{name}/w", f"{name}/b"], [name], name=f"{name}/{operator}", **attributes))
        return name

    def node(operator: str, *given: str, **attributes: object) -> str:
        name = f"{operator}_{len(nodes)}"
        nodes.append(make(operator, list(given), [name], name=f"/{name}", **attributes))
        return name

    near, wide = {"pads": [1] * 4}, {"pads": [1] * 4, "strides": [2, 2]}
    stem = node("HardSwish", layer("stem", "x", 8, 3, 3, 3, **wide))
    x = node("HardSwish", layer("widen", stem, 12, 8, 1, 1))
    x = node("Relu", layer("depthwise", x, 12, 1, 3, 3, group=12, **near))
    squeezed = node("Relu", layer("reduce", node("GlobalAveragePool", x), 4, 12, 1, 1))
    x = node("Mul", x, node("HardSigmoid", layer("expand", squeezed, 12, 4, 1, 1), alpha=1 / 6))
    x = node("Add", stem, layer("project", x, 8, 12, 1, 1))
    left = node("Clip", layer("left", x, 4, 8, 3, 3, **wide), "low", "high")
    right = layer("right", x, 6, 8, 3, 3, **wide)
    x = node("Concat", left, node("Mul", right, node("Sigmoid", right)), axis=1)
    x = node("GlobalAveragePool", node("HardSwish", layer("last", x, 12, 10, 1, 1)))
    x = node("HardSwish", layer("hidden", node("Flatten", x), 10, 12))
    nodes[-1].output[0] = x
    layer("head", x, 5, 10)
    nodes[-1].output[0] = "y"
    image = helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n", 3, 32, 32])
    return _model(nodes, image, 2, constants)


class CalibrationImages(CalibrationDataReader):
    """Pixels from -1 to 1."""

    def __init__(self, size: int = 16) -> None:
        rng = np.random.default_rng(1)
        pixels = [rng.integers(0, 256, (4, 3, size, size)) for _ in range(4)]
        self._left = iter([{"x": (p / 127.5 - 1).astype(np.float32)} for p in pixels])

    def get_next(self) -> dict[str, np.ndarray] | None:
        """The next batch."""
        return next(self._left, None)


def single(operator: str, *, image: str = "uint8", scale: float = 0.5, zero: int = 0) -> onnx.ModelProto:
    """Images of 2x6x6 through one convolution, `operator`, and out as levels."""
    constants = {
        "w": np.arange(-27, 27, dtype=np.int8).reshape(3, 2, 3, 3),
        "w/scale": np.float32(0.25),
        "w/zero": np.int8(0),
        "x/scale": np.float32(scale),
        "x/zero": np.uint8(zero),
        "y/scale": np.float32(4.0),
        "y/zero": np.uint8(0),
    }
    make = helper.make_node
    nodes = [
        make("DequantizeLinear", ["x", "x/scale", "x/zero"], ["xr"]),
        make("DequantizeLinear", ["w", "w/scale", "w/zero"], ["wr"]),
        make("Conv", ["xr", "wr"], ["s"], name="conv/Conv"),
        make(operator, ["s"], ["o"], name=f"op/{operator}"),
        make("QuantizeLinear", ["o", "y/scale", "y/zero"], ["l"], name="end/QuantizeLinear"),
        make("DequantizeLinear", ["l", "y/scale", "y/zero"], ["y"]),
    ]
    kind = TensorProto.UINT8
    if image == "float":
        kind = TensorProto.FLOAT
        nodes[0].input[0] = "xl"
        nodes.insert(0, make("QuantizeLinear", ["x", "x/scale", "x/zero"], ["xl"], name="start/QuantizeLinear"))
    return _model(nodes, helper.make_tensor_value_info("x", kind, ["n", 2, 6, 6]), 4, constants)


def _model(
    nodes: list[onnx.NodeProto], image: onnx.ValueInfoProto, rank: int, constants: dict[str, np.ndarray]
) -> onnx.ModelProto:
    result = helper.make_tensor_value_info("y", TensorProto.FLOAT, [None] * rank)
    held = [numpy_helper.from_array(np.asarray(value), name) for name, value in constants.items()]
    graph = helper.make_graph(nodes, "foreign", [image], [result], held)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.checker.check_model(model, full_check=True)
    return model
