"""A small MobileNetV3 goes out, comes back, and comes in from onnxruntime's quantiser: tables, products, joins."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from onnxruntime.quantization import QuantFormat, QuantType, quantize_static
from tests.nn.interchange.foreign import CalibrationImages, mobile_model
from tests.nn.interchange.mobile import Mobile
from tests.nn.interchange.runtime import ALL, OFF, differing_step_by_step, session, steps_of
from tests.nn.interchange.test_onnx_export import FLOAT_PATH, FORMS, check, pictures
from tests.nn.interchange.test_onnx_import import check_equal, there_and_back
from tests.nn.networks import randomised
from torch import Tensor, nn

from wattloop.nn import checkpoint
from wattloop.nn.fixed_table import FixedTable
from wattloop.nn.interchange.onnx_export import onnx_model
from wattloop.nn.interchange.onnx_import import load_onnx
from wattloop.nn.network import QuantizedNetwork
from wattloop.nn.ops import QuantConcat, QuantMul
from wattloop.nn.quantize import quantize

NORMALISATION = ((0.49, 0.48, 0.45), (0.25, 0.24, 0.26))


@pytest.fixture(scope="module")
def mobile() -> QuantizedNetwork:
    images = np.random.default_rng(1).integers(0, 256, (8, 3, 32, 32)).astype(np.uint8)
    return quantize(randomised(Mobile), images, normalisation=NORMALISATION)


def count(network: QuantizedNetwork, *kinds: type[nn.Module]) -> int:
    return sum(isinstance(module, kinds) for module in network.ops.values())


@pytest.mark.parametrize(("kernels", "level"), FORMS)
def test_every_step_goes_out(mobile: QuantizedNetwork, kernels: str, level: Any) -> None:
    """Measured: all equal, in all forms, on 190,152 values."""
    check(mobile, kernels, level, pictures(mobile, 4))


@pytest.mark.parametrize("kernels", ["integer", "float"])
def test_it_comes_back_to_the_bit(mobile: QuantizedNetwork, kernels: str, tmp_path: Path) -> None:
    back = there_and_back(mobile, tmp_path, kernels)
    check_equal(mobile, back)
    assert (count(back, FixedTable), count(back, QuantMul), count(back, QuantConcat)) == (6, 1, 1)
    assert [(node.name, node.inputs) for node in back.program] == [(n.name, n.inputs) for n in mobile.program]
    checkpoint.save(back, tmp_path / "kept.safetensors", compact=True)
    check_equal(mobile, checkpoint.load(tmp_path / "kept.safetensors"))


def test_what_came_back_learns_through_its_tables(mobile: QuantizedNetwork, tmp_path: Path) -> None:
    back = there_and_back(mobile, tmp_path, "integer").train()
    back(torch.from_numpy(pictures(mobile, 2))).square().sum().backward()
    for name, layer in back.layers.items():
        assert layer.latent.grad is not None, name
        assert float(layer.latent.grad.abs().max()) > 0, name


QUANTISED = "_QuantizeLinear_Output"  # what onnxruntime's quantiser adds to the name of a tensor


def levels_of(path: Path, network: QuantizedNetwork, real: np.ndarray, level: Any) -> dict[str, np.ndarray]:
    """What onnxruntime computes for each step of an imported model."""
    model = onnx.load(path)
    constants = {tensor.name: onnx.numpy_helper.to_array(tensor) for tensor in model.graph.initializer}
    zeros = {node.output[0]: node.input[2] for node in model.graph.node if node.op_type == "QuantizeLinear"}
    tensors = {node.name: f"{node.name.removeprefix('op_')}{QUANTISED}" for node in network.program}
    tensors["head"] = f"y{QUANTISED}"
    for name, tensor in tensors.items():
        model.graph.node.append(onnx.helper.make_node("Cast", [tensor], [f"{name}#"], to=onnx.TensorProto.INT32))
        model.graph.output.append(onnx.helper.make_tensor_value_info(f"{name}#", onnx.TensorProto.INT32, None))
    found = session(model, level).run([f"{name}#" for name in tensors], {"x": real})
    pairs = zip(tensors.items(), found, strict=True)
    return {name: levels - int(constants[zeros[tensor]]) for (name, tensor), levels in pairs}


@pytest.mark.parametrize("per_channel", [False, True])
@pytest.mark.parametrize("kind", [QuantType.QInt8, QuantType.QUInt8])
def test_one_of_onnxruntime_s_quantiser_comes_in(kind: QuantType, per_channel: bool, tmp_path: Path) -> None:
    onnx.save(mobile_model(), tmp_path / "float.onnx")
    quantize_static(
        tmp_path / "float.onnx",
        tmp_path / "model.onnx",
        CalibrationImages(32),
        quant_format=QuantFormat.QDQ,
        activation_type=kind,
        weight_type=QuantType.QInt8,
        per_channel=per_channel,
        extra_options={"ActivationSymmetric": True, "WeightSymmetric": True},
    )
    network = load_onnx(tmp_path / "model.onnx")
    assert (count(network, FixedTable), count(network, QuantMul), count(network, QuantConcat)) == (6, 2, 1)
    images = pictures(network, 16)
    assert network.normalisation is not None
    mean, std = (np.array(part).reshape(1, -1, 1, 1) for part in network.normalisation)
    real = ((images / 255 - mean) / std).astype(np.float32)
    ours = steps_of(network, images)
    for level in (OFF, ALL):
        (given,) = session(onnx.load(tmp_path / "model.onnx"), level).run(None, {"x": real})
        assert np.array_equal(np.rint(given / network.output_scale), ours[network.output])
        theirs = levels_of(tmp_path / "model.onnx", network, real, level)
        assert theirs.keys() == ours.keys() - {"input"}
        wrong, values, most = differing_step_by_step(network, ours, theirs)
        assert most <= 1
        assert wrong <= FLOAT_PATH * values


class Joined(nn.Module):
    """Two branches, whatever they end with, that are joined and multiplied by what their means become."""

    def __init__(self, ends: list[nn.Module], axis: int, *, product: bool) -> None:
        super().__init__()
        self.branches = nn.ModuleList(nn.Sequential(nn.Conv2d(2, 3, 1), end) for end in ends)
        self.axis, self.product = axis, product
        self.gate, self.last = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Sigmoid()), nn.LazyConv2d(3, 1)

    def forward(self, x: Tensor) -> Tensor:
        x = torch.cat([branch(x) for branch in self.branches], dim=self.axis)
        x = x * self.gate(x) if self.product else x * x
        return self.last(x)


ends = st.sampled_from([nn.ReLU(), nn.ReLU6(), nn.Identity(), nn.Hardswish(), nn.Tanh(), nn.MaxPool2d(1)])


@settings(max_examples=10)
@given(st.lists(ends, min_size=1, max_size=3), st.integers(1, 3), st.booleans(), st.integers(0, 9))
def test_any_branches_are_joined_and_multiplied(made: list[nn.Module], axis: int, product: bool, seed: int) -> None:
    torch.manual_seed(seed)
    images = np.random.default_rng(seed).integers(0, 256, (3, 2, 7, 7)).astype(np.uint8)
    model = Joined(made, axis, product=product).eval()
    with torch.no_grad():
        model(torch.zeros(1, 2, 7, 7))
    network = quantize(model, images)
    for kernels, level in FORMS:
        check(network, kernels, level, images)
    assert [node.op_type for node in onnx_model(network).graph.node].count("Concat") == 1
