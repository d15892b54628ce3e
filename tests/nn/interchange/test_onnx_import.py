"""ONNX models come in with their integers, ours and those of onnxruntime's quantiser; others are refused by name."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
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
from onnxruntime.quantization import QuantFormat, QuantType, quantize_static
from tests.nn.interchange.foreign import CalibrationImages, float_model, single
from tests.nn.interchange.runtime import ALL, OFF, session
from tests.nn.interchange.test_onnx_export import MODELS, pictures, small
from tests.nn.networks import NETWORKS

from wattloop.errors import ModelError, StorageError, WattloopError
from wattloop.nn import checkpoint
from wattloop.nn.config import TrainConfig
from wattloop.nn.constraint import constrain
from wattloop.nn.datasets import Dataset
from wattloop.nn.evaluate import evaluate
from wattloop.nn.fixed_norm import FixedNorm
from wattloop.nn.input_codes import constrain_inputs, input_codes_of
from wattloop.nn.integer import IntegerNetwork
from wattloop.nn.interchange.onnx_export import onnx_model, save_onnx
from wattloop.nn.interchange.onnx_import import load_onnx
from wattloop.nn.interchange.pixels import check_pixels
from wattloop.nn.network import QuantizedNetwork
from wattloop.nn.train import fit

KERNELS = ["integer", "float"]


def there_and_back(network: QuantizedNetwork, path: Path, kernels: Any) -> QuantizedNetwork:
    save_onnx(network, path / "model.onnx", kernels=kernels)
    return load_onnx(path / "model.onnx")


def check_equal(ours: QuantizedNetwork, back: QuantizedNetwork) -> None:
    images = pictures(ours, 3)
    expected = IntegerNetwork(ours).forward(images)
    assert np.array_equal(IntegerNetwork(back).forward(images), expected)
    with torch.inference_mode():
        assert np.array_equal(back.forward_levels(torch.from_numpy(images)).numpy(), expected)
    assert back.output_scale == pytest.approx(ours.output_scale, rel=1e-7)
    assert back.normalisation == ours.normalisation
    assert list(back.layers) == list(ours.layers)
    for name in ours.layers:
        assert np.array_equal(back.integer_weight(name), ours.integer_weight(name))


@pytest.mark.parametrize("kernels", KERNELS)
@pytest.mark.parametrize("name", NETWORKS)
def test_small_networks_come_back_to_the_bit(name: str, kernels: str, tmp_path: Path) -> None:
    network = small(name)
    check_equal(network, there_and_back(network, tmp_path, kernels))


@pytest.mark.parametrize("kernels", KERNELS)
@pytest.mark.parametrize("file", ["lenet5/rate-distortion-58-seed0", "resnet20/rate-distortion"])
def test_committed_networks_come_back_to_the_bit(file: str, kernels: str, tmp_path: Path) -> None:
    network = checkpoint.load(MODELS / f"{file}.safetensors")
    back = there_and_back(network, tmp_path, kernels)
    check_equal(network, back)
    checkpoint.save(back, tmp_path / "kept.safetensors", compact=True)
    check_equal(network, checkpoint.load(tmp_path / "kept.safetensors"))
    assert [node.inputs for node in back.program] == [node.inputs for node in network.program]


@pytest.mark.parametrize("kernels", KERNELS)
def test_restricted_activations_come_back(kernels: str, tmp_path: Path) -> None:
    network = small("pre-activation")
    constrain_inputs(network, "first", range(0, 256, 7))
    constrain_inputs(network, "head", [-100, -5, 0, 60])
    back = there_and_back(network, tmp_path, kernels)
    check_equal(network, back)
    assert input_codes_of(back, "head") == (-100, -5, 0, 60)
    assert input_codes_of(back, "second") is None


def test_a_checkpoint_of_an_imported_network_keeps_its_constraints(tmp_path: Path) -> None:
    back = there_and_back(small("residual"), tmp_path, "integer")
    constrain(back, "grouped", [-9, 0, 40])
    checkpoint.save(back, tmp_path / "kept.safetensors")
    check_equal(back, checkpoint.load(tmp_path / "kept.safetensors"))
    assert checkpoint.load(tmp_path / "model.onnx").architecture == back.architecture


def test_an_imported_network_is_trained_on(lenet: QuantizedNetwork, digits: Dataset, tmp_path: Path) -> None:
    """Its gains and shifts move, the statistics that they stand on do not."""
    back = there_and_back(lenet, tmp_path, "integer")
    before = evaluate(lenet, digits.test.images, digits.test.labels)
    assert evaluate(back, digits.test.images, digits.test.labels).accuracy == before.accuracy
    constrain(back, "fc1", [-40, -10, 0, 10, 40])
    cut = evaluate(back, digits.test.images, digits.test.labels)
    fit(back, digits, TrainConfig(epochs=1, batch_size=32, learning_rate=0.002, threads=1))
    after = evaluate(back, digits.test.images, digits.test.labels)
    assert after.loss < cut.loss
    norm = back.layer("conv1").norm
    assert isinstance(norm, FixedNorm)
    assert norm.running_mean is not None and norm.running_var is not None
    assert float(norm.running_mean.abs().max()) == 0 and float((norm.running_var - 1).abs().max()) == 0


@pytest.mark.parametrize("matmul", [False, True])
@pytest.mark.parametrize(
    ("activations", "weights", "per_channel"),
    [
        (QuantType.QInt8, QuantType.QInt8, False),
        (QuantType.QInt8, QuantType.QInt8, True),
        (QuantType.QUInt8, QuantType.QInt8, True),
    ],
)
def test_models_of_onnxruntime_s_quantiser_give_their_integers(
    activations: QuantType, weights: QuantType, per_channel: bool, matmul: bool, tmp_path: Path
) -> None:
    onnx.save(float_model(matmul=matmul), tmp_path / "float.onnx")
    quantize_static(
        tmp_path / "float.onnx",
        tmp_path / "model.onnx",
        CalibrationImages(),
        quant_format=QuantFormat.QDQ,
        activation_type=activations,
        weight_type=weights,
        per_channel=per_channel,
        extra_options={"ActivationSymmetric": True},
    )
    if matmul:
        with pytest.raises(ModelError, match=r"node /fc/Add \(Add\).*Gemm"):
            load_onnx(tmp_path / "model.onnx")
        return
    network = load_onnx(tmp_path / "model.onnx")
    assert list(network.layers) == ["conv1", "dw", "pw", "fc"]
    images = pictures(network, 16)
    assert network.normalisation is not None
    mean, std = (np.array(part).reshape(1, -1, 1, 1) for part in network.normalisation)
    real = ((images / 255 - mean) / std).astype(np.float32)
    expected = IntegerNetwork(network).forward(images)
    for level in (OFF, ALL):
        (given,) = session(onnx.load(tmp_path / "model.onnx"), level).run(None, {"x": real})
        found = np.rint(given / network.output_scale)
        # Measured: all equal. One step is what a product that is rounded differently may cost.
        assert np.abs(found - expected).max() <= 1
        assert (found != expected).sum() <= 1


def test_asymmetric_activations_are_refused_with_the_option_that_makes_them_symmetric(tmp_path: Path) -> None:
    onnx.save(float_model(), tmp_path / "float.onnx")
    files = (tmp_path / "float.onnx", tmp_path / "model.onnx")
    quantize_static(*files, CalibrationImages(), quant_format=QuantFormat.QDQ, activation_type=QuantType.QUInt8)
    with pytest.raises(ModelError, match=r"zero point \d+ of uint8.*ActivationSymmetric"):
        load_onnx(tmp_path / "model.onnx")


def test_the_pixels_that_a_model_sees_are_held_against_its_normalisation(tmp_path: Path) -> None:
    grid = {"image": "float", "scale": 2 / 255, "zero": 128}
    onnx.save(single("Relu", **grid), tmp_path / "model.onnx")
    network = load_onnx(tmp_path / "model.onnx")
    assert check_pixels(network, ((0.5,) * 2, (0.5,) * 2)) == 256  # half of them: of 127.5 there is no level
    with pytest.raises(ModelError, match="quantise the model with one mean and std"):
        check_pixels(network, ((0.5, 0.4), (0.5, 0.5)))
    with pytest.raises(ModelError, match="each of 2 channels"):
        check_pixels(network, ((0.5,), (0.5,)))


@pytest.mark.parametrize(
    ("operator", "told"),
    [
        ("Sigmoid", r"node op/Sigmoid \(Sigmoid\): this operator cannot be imported"),
        ("Softmax", r"\(Softmax\)"),
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


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[bytes, Path]]:
    folder = tmp_path_factory.mktemp("damaged")
    yield onnx_model(small("residual")).SerializeToString(), folder / "model.onnx"


@settings(max_examples=150)
@given(st.data())
def test_damaged_bytes_never_get_further_than_an_error(whole: tuple[bytes, Path], data: st.DataObject) -> None:
    content, path = bytearray(whole[0]), whole[1]
    for _ in range(data.draw(st.integers(1, 3))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    path.write_bytes(content[: data.draw(st.sampled_from([len(content), len(content) // 2]))])
    try:
        network = load_onnx(path)
    except WattloopError as error:
        assert "\n" not in str(error)
    else:
        assert len(network.layers) == 5


@settings(max_examples=150)
@given(st.data())
def test_any_attribute_and_any_constant_is_taken_or_refused(whole: tuple[bytes, Path], data: st.DataObject) -> None:
    """Whatever numbers stand in a well-formed model: a network that computes, or our error."""
    model = onnx.ModelProto.FromString(whole[0])
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
