"""ONNX models that are no networks here, damaged or hostile: one clear line, whatever stands in them."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import onnx
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from onnx import TensorProto, helper, numpy_helper
from tests.nn.interchange.foreign import single
from tests.nn.interchange.mobile import Mobile
from tests.nn.interchange.test_onnx_export import pictures, small, tables

from wattloop.errors import ModelError, StorageError, WattloopError
from wattloop.nn.integer import IntegerNetwork
from wattloop.nn.interchange.onnx_export import onnx_model
from wattloop.nn.interchange.onnx_import import load_onnx
from wattloop.nn.network import QuantizedNetwork


@pytest.mark.parametrize(
    ("operator", "told"),
    [
        ("Softmax", r"node op/Softmax \(Softmax\): this operator cannot be imported"),
        ("Sigmoid", r"node op/Sigmoid \(Sigmoid\): functions are tables of levels"),
    ],
)
def test_an_operator_that_is_no_step_is_named(operator: str, told: str, tmp_path: Path) -> None:
    onnx.save(single(operator), tmp_path / "model.onnx")
    with pytest.raises(ModelError, match=told):
        load_onnx(tmp_path / "model.onnx")


def test_an_open_image_size_is_asked_for(tmp_path: Path) -> None:
    model = single("Relu")
    for axis in model.graph.input[0].type.tensor_type.shape.dim[2:]:
        axis.Clear()
        axis.dim_param = "open"
    onnx.save(model, tmp_path / "model.onnx")
    with pytest.raises(ModelError, match="--input-shape"):
        load_onnx(tmp_path / "model.onnx")
    assert load_onnx(tmp_path / "model.onnx", input_shape=(2, 6, 6)).input_shape == (2, 6, 6)
    with pytest.raises(ModelError, match="not"):
        load_onnx(tmp_path / "model.onnx", input_shape=(3, 6, 6))


Damage = Callable[[onnx.ModelProto], None]


def weights_elsewhere(model: onnx.ModelProto) -> None:
    tensor = model.graph.initializer[0]
    tensor.ClearField("raw_data")
    tensor.data_location = TensorProto.EXTERNAL
    tensor.external_data.add(key="location", value="../../../etc/passwd")


def weights_elsewhere_in_a_node(model: onnx.ModelProto) -> None:
    node = helper.make_node("Constant", [], ["more"], value=numpy_helper.from_array(np.zeros(1, np.float32)))
    node.attribute[0].t.external_data.add(key="location", value="/etc/passwd")
    model.graph.node.insert(0, node)


def weights_of_a_thousand_terabytes(model: onnx.ModelProto) -> None:
    model.graph.initializer[0].dims[:] = [1 << 25, 1 << 25]


def a_graph_in_a_node(model: onnx.ModelProto) -> None:
    branch = helper.make_graph([], "branch", [], [])
    model.graph.node.insert(0, helper.make_node("If", ["c"], ["d"], then_branch=branch, else_branch=branch))


def a_foreign_domain(model: onnx.ModelProto) -> None:
    model.graph.node[0].domain = "com.microsoft"


def an_old_opset(model: onnx.ModelProto) -> None:
    model.opset_import[0].version = 11


def two_inputs(model: onnx.ModelProto) -> None:
    model.graph.input.append(helper.make_tensor_value_info("more", TensorProto.FLOAT, [1]))


def padding_beyond_all_measure(model: onnx.ModelProto) -> None:
    (conv,) = (node for node in model.graph.node if node.op_type == "Conv")
    conv.attribute.append(helper.make_attribute("pads", [1 << 40] * 4))


def padding_by_name(model: onnx.ModelProto) -> None:
    (conv,) = (node for node in model.graph.node if node.op_type == "Conv")
    conv.attribute.append(helper.make_attribute("auto_pad", "SAME_UPPER"))


def a_scale_of_nothing(model: onnx.ModelProto) -> None:
    (scale,) = (t for t in model.graph.initializer if t.name == "w/scale")
    scale.CopyFrom(numpy_helper.from_array(np.zeros((), np.float32), "w/scale"))


@pytest.mark.parametrize(
    ("damage", "told"),
    [
        (weights_elsewhere, "weights in other files"),
        (weights_elsewhere_in_a_node, "weights in other files"),
        (weights_of_a_thousand_terabytes, "damaged"),
        (a_graph_in_a_node, "graphs inside nodes"),
        (a_foreign_domain, r"com\.microsoft"),
        (an_old_opset, "opset 11: convert"),
        (two_inputs, "2 inputs"),
        (padding_beyond_all_measure, r"\(Conv\)"),
        (padding_by_name, "auto_pad"),
        (a_scale_of_nothing, "scales of weights"),
    ],
)
def test_what_is_wrong_with_a_file_is_one_clear_line(damage: Damage, told: str, tmp_path: Path) -> None:
    model = single("Relu")
    damage(model)
    (tmp_path / "model.onnx").write_bytes(model.SerializeToString())
    with pytest.raises(WattloopError, match=told) as caught:
        load_onnx(tmp_path / "model.onnx")
    assert "\n" not in str(caught.value)
    assert "root:" not in str(caught.value)


@pytest.mark.parametrize("content", [None, b"", b"no model", b"\x08" * 100])
def test_what_is_no_onnx_file_is_told(content: bytes | None, tmp_path: Path) -> None:
    if content is not None:
        (tmp_path / "model.onnx").write_bytes(content)
    with pytest.raises((StorageError, ModelError), match=r"model\.onnx"):
        load_onnx(tmp_path / "model.onnx")


@pytest.fixture(scope="module", params=[lambda: small("residual"), lambda: tables(Mobile)], ids=["residual", "mobile"])
def whole(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("damaged") / "whole.onnx"
    path.write_bytes(onnx_model(request.param()).SerializeToString())
    return path


@settings(max_examples=150)
@given(st.data())
def test_damaged_bytes_never_get_further_than_an_error(whole: Path, data: st.DataObject) -> None:
    content, path = bytearray(whole.read_bytes()), whole.with_name("model.onnx")
    for _ in range(data.draw(st.integers(1, 3))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    path.write_bytes(content[: data.draw(st.sampled_from([len(content), len(content) // 2]))])
    try:
        network = load_onnx(path)
    except WattloopError as error:
        assert "\n" not in str(error)
    else:
        assert len(network.layers) in (5, 11)


@settings(max_examples=150)
@given(st.data())
def test_any_attribute_and_any_constant_is_taken_or_refused(whole: Path, data: st.DataObject) -> None:
    """Whatever numbers stand in a well-formed model: a network that computes, or our error."""
    model = onnx.load(whole)
    numbers = st.sampled_from([-(1 << 40), -1, 0, 1, 2, 3, 1 << 20, 1 << 40])
    if data.draw(st.booleans()):
        spots = [a for node in model.graph.node for a in node.attribute if a.ints]
        spot = data.draw(st.sampled_from(spots))
        spot.ints[data.draw(st.integers(0, len(spot.ints) - 1))] = data.draw(numbers)
    else:
        tensor = data.draw(st.sampled_from(list(model.graph.initializer)))
        array = numpy_helper.to_array(tensor).copy()
        ends = np.iinfo(array.dtype) if array.dtype.kind in "iu" else np.finfo(array.dtype)
        value = data.draw(st.sampled_from([ends.min, ends.max, 0, 1]) | st.just(float("nan")))
        if not (math.isnan(value) and array.dtype.kind in "iu"):
            array.reshape(-1)[data.draw(st.integers(0, array.size - 1))] = value
        tensor.CopyFrom(numpy_helper.from_array(array, tensor.name))
    try:
        network = _loaded(model)
    except WattloopError:
        return
    images = pictures(network, 1)
    with torch.inference_mode():
        fake = network.forward_levels(torch.from_numpy(images)).numpy()
    assert np.array_equal(fake, IntegerNetwork(network).forward(images))


def _loaded(model: onnx.ModelProto) -> QuantizedNetwork:
    with TemporaryDirectory() as folder:
        (Path(folder) / "model.onnx").write_bytes(model.SerializeToString())
        return load_onnx(Path(folder) / "model.onnx")
